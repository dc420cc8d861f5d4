"""The files that the gateway lives on: configuration, keys in a mount and in a file, certificates; and what they say at the moment."""

import base64
import os
import secrets
import shutil
import ssl
import subprocess
from pathlib import Path

# As the configuration below has them.
PAST = FUTURE = 10
TOTAL = 6

CONFIG = """version: 1
poll: 200ms
health: {{address: "127.0.0.1:{health}"}}
admin: {{address: "127.0.0.1:{admin}", explain: true}}
log: {{filter: "debug,countersign=trace", format: json}}
audit: {{sink: file, path: {here}/audit.jsonl}}
listeners:
  plain: {{address: "127.0.0.1:{plain}"}}
  tls: {{address: "127.0.0.1:{tls}", tls: {{directory: {here}/tls}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}", timeouts: {{connect: 1s, idle: 5s}}}}}}
keyrings:
  mount: {{directory: {here}/mount}}
  file: {{file: {here}/keys.yaml}}
  inline: {{keys: [{{id: written-down, secret: "{inline}"}}]}}
replay: {replay}
schemes:
  stamped:
    algorithm: sha256
    signature: {{header: X-Sig, encoding: hex}}
    timestamp: {{header: X-Sig-Ts, past: 10s, future: 10s}}
    message: "{{timestamp}}.{{body}}"
  numbered:
    algorithm: sha256
    signature: {{header: X-Sig, encoding: hex}}
    timestamp: {{header: X-Sig-Ts, past: 10s, future: 10s}}
    nonce: {{header: X-Sig-Nonce}}
    key_id: {{header: X-Sig-Key}}
    message: "{{key_id}}.{{timestamp}}.{{nonce}}.{{body}}"
defaults:
  upstream: app
  timeouts: {{total: 6s, response: 2s}}
  request: {{set: {{X-Token: "{token}"}}}}
  response: {{set: {{X-Generation: "{generation}"}}}}
routes:
  - {{path: /mount, verify: {{scheme: stamped, keys: mount}}, replay: {{by: signature}}}}
  - {{path: /stream, verify: {{scheme: stamped, keys: mount}}, replay: {{by: signature}}, body: stream}}
  - {{path: /file, verify: {{scheme: numbered, keys: file}}}}
  - {{path: /inline, verify: {{scheme: numbered, keys: inline}}}}
"""
INVALID = (
    lambda text: text.replace("version: 1", "version: 1\nkeyrings: {{{", 1),
    lambda text: text.replace("scheme: stamped", "scheme: stampedd", 1),
    lambda text: text.replace("upstream: app", "upstream: nowhere", 1),
    lambda text: text[:len(text) // 2],
    lambda text: "",
    lambda text: "\x00\ufffd" * 500,
)


class Mount:
    """A directory as the kubelet writes it: files are links through `..data`, which is exchanged in one step."""

    def __init__(self, directory):
        self.directory, self.generation = Path(directory), 0
        self.directory.mkdir(mode=0o700)

    def swap(self, files, unlink=True):
        self.generation += 1
        fresh = self.directory / f"..{self.generation}"
        fresh.mkdir()
        for name, content in files.items():
            (fresh / name).mkdir() if content is None else self.write(fresh / name, content)
        self.point(fresh.name)
        for name in files:
            if not (self.directory / name).is_symlink():
                (self.directory / name).symlink_to(f"..data/{name}")
        for path in self.directory.iterdir():
            if unlink and not path.name.startswith("..") and path.name not in files:
                path.unlink()
            elif path.name.startswith("..") and path.name not in ("..data", fresh.name):
                shutil.rmtree(path)

    def write(self, path, content):
        path.write_bytes(content)
        path.chmod(0o600)

    def point(self, name):
        (self.directory / "..tmp").symlink_to(name)
        os.rename(self.directory / "..tmp", self.directory / "..data")


class House:
    """**Invariant:** every secret begins with `mark`, so that one search finds any of them wherever it turns up."""

    def __init__(self, here, ports):
        self.here, self.ports = Path(here), ports
        self.mark = f"planted-{secrets.token_hex(8)}"
        self.config, self.file = self.here / "countersign.yaml", self.here / "keys.yaml"
        self.generation, self.made = 0, 0
        self.inline = self.secret()
        self.signing = {"inline": ("written-down", self.inline)}
        self.retired = []
        self.mount, self.tls = Mount(self.here / "mount"), Mount(self.here / "tls")
        self.pairs = [self.certificate(number) for number in range(3)]
        self.shown = {0}
        for ring in ("mount", "file"):
            key = self.new_key()
            self.write_ring(ring, [key])
            self.signing[ring] = key
        self.write_pair(0)
        self.configure()

    def secret(self):
        return f"{self.mark}-{secrets.token_hex(24)}"

    def new_key(self):
        self.made += 1
        return f"key-{self.made}", self.secret()

    def write_ring(self, ring, keys):
        if ring == "mount":
            self.mount.swap({ident: secret.encode() for ident, secret in keys})
        else:
            rows = "".join(f'  - id: {ident}\n    secret: "{secret}"\n' for ident, secret in keys)
            self.replace(self.file, f"version: 1\nkeys:\n{rows}".encode())

    def replace(self, path, content):
        """In one step, whatever stands there."""
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        fresh = path.with_name(f"..{path.name}")
        fresh.write_bytes(content)
        fresh.chmod(0o600)
        os.rename(fresh, path)

    def configure(self, spoil=None):
        """Writes the configuration of the present generation, or a spoilt one."""
        ports = {**self.ports, "plain": self.ports["inner"]}
        shared = f'{{store: redis, redis: {{urls: "redis://127.0.0.1:{ports.get("store")}", deadline: 1s}}}}'
        replay = shared if "store" in ports else "{restart_guard: false}"
        text = CONFIG.format(replay=replay, here=self.here, inline=self.inline, token=self.mark, generation=self.generation, **ports)
        self.replace(self.config, (spoil(text) if spoil else text).encode())

    def certificate(self, number):
        crt, key = self.here / f"pair{number}.crt", self.here / f"pair{number}.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", f"/CN=localhost {number}", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE",
             "-keyout", str(key), "-out", str(crt)], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return crt.read_bytes(), key.read_bytes()

    def write_pair(self, number, key_of=None):
        self.tls.swap({"tls.crt": self.pairs[number][0], "tls.key": self.pairs[number if key_of is None else key_of][1]})

    def trust(self):
        """Knows every certificate that was made, and which of them may be shown is asked after the handshake."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata="".join(crt.decode() for crt, _ in self.pairs))
        return context

    def pair_of(self, der):
        return next(number for number, (crt, _) in enumerate(self.pairs) if ssl.PEM_cert_to_DER_cert(crt.decode()) == der)

    def planted(self):
        """What must never be seen, in every spelling that a program might print it in."""
        mark = self.mark.encode()
        # In base64 the first and last characters depend on what stands around: the middle is searched for, at each of three shifts.
        coded = {base64.b64encode(b"\0" * shift + mark)[4:16] for shift in range(3)}
        private = {line for _, key in self.pairs for line in key.splitlines()[1:3]}
        return {mark, mark.hex().encode(), mark.hex().upper().encode(), *coded, *private}
