"""Key files and certificates that change as Kubernetes, tools and accidents change them: whoever has a key that stays is served on."""

import hashlib
import secrets
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

from tools import answers, certificate, free_port, request, signed, wait_until

MODES = ["k8s", "k8s-slow", "rename", "truncate", "append", "delete", "empty", "garbage", "chmod", "dir", "fifo", "huge", "loop",
         "binary-bom", "touch", "flap"]
# Where another version is in force for a while.
CHANGES = {"k8s", "rename"}
# What must be told: for a while the file says nothing that could be loaded. (To look through 64 MiB may take longer than they are there.)
TOLD = {"delete", "empty", "garbage", "dir", "fifo", "loop"}
POLL = 0.1

CONFIG = """version: 1
poll: {poll}ms
workers: 1
health: {{address: "127.0.0.1:{health}"}}
listeners:
  plain: {{address: "127.0.0.1:{plain}"}}
  tls: {{address: "127.0.0.1:{tls}", tls: {{certificate: {certs}/tls.crt, key: {here}/tls.key}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}"}}}}
keyrings:
  one: {{file: {keys}/keys.yaml}}
  many: {{directory: {keys}}}
replay: {{restart_guard: false}}
audit: off
routes:
  - {{path: "/file/**", verify: {{scheme: timestamp-body, keys: one}}, replay: off, upstream: app}}
  - {{path: "/directory/**", verify: {{scheme: timestamp-body, keys: many}}, replay: off, upstream: app}}
"""


class Subject:
    """A gateway whose keys, or whose certificate, change in one way."""

    def __init__(self, running, binary, mode, of, upstream, loses=False):
        self.mode, self.of, self.loses = mode, of, loses
        self.name = f"{'broken ' if loses else ''}{of} {mode}"
        self.here = Path(running.directory) / self.name.replace(" ", "-")
        self.keys, self.certs = self.here / "keys", self.here / "certs"
        for directory in (self.here, self.keys, self.certs):
            directory.mkdir()
        self.plain, self.tls, self.health = (free_port() for _ in range(3))
        self.always, self.good, self.alt = (secrets.token_hex(32) for _ in range(3))
        self.versions()
        config = self.here / "countersign.yaml"
        config.write_text(CONFIG.format(
            plain=self.plain, tls=self.tls, health=self.health, upstream=upstream, here=self.here, keys=self.keys, certs=self.certs,
            poll=int(POLL * 1000)))
        self.log = lambda: running.log(self.name)
        self.child = running.start(self.name, [str(binary), "run", "--config", str(config)])
        self.wrong, self.served, self.stop = [], 0, threading.Event()

    def ready(self):
        try:
            wait_until(self.name, answers(self.health), self.child)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{self.log()}") from None

    def versions(self):
        """Two versions of either file. The key that is in both comes last: it is the first to miss in a file that is cut short."""
        for version, own in (("good", self.good), ("alt", self.alt)):
            keys = {version: own} if self.loses and version == "alt" else {version: own, "always": self.always}
            listed = "".join(f'  - {{id: {name}, secret: "{secret}"}}\n' for name, secret in keys.items())
            (self.here / f"{version}.yaml").write_text(f"version: 1\nkeys:\n{listed}")
        chain, _ = certificate(self.here)
        chain.rename(self.here / "good.crt")
        # Another certificate of the same key: the pair matches at every moment.
        subprocess.run(["openssl", "req", "-x509", "-key", str(self.here / "tls.key"), "-subj", "/CN=other", "-days", "2", "-out",
                        str(self.here / "alt.crt")], check=True, capture_output=True, stdin=subprocess.DEVNULL)
        for path in self.here.iterdir():
            path.chmod(0o600 if path.is_file() else 0o700)
        (self.keys / "keys.yaml").write_bytes((self.here / "good.yaml").read_bytes())
        (self.certs / "tls.crt").write_bytes((self.here / "good.crt").read_bytes())

    def disturb(self, attack, seconds):
        directory, name, kind = (self.keys, "keys.yaml", "yaml") if self.of == "keys" else (self.certs, "tls.crt", "crt")
        return subprocess.Popen(
            [sys.executable, str(attack / "reload_chaos.py"), str(directory), name, self.mode, "--seconds", str(seconds),
             "--good", str(self.here / f"good.{kind}"), "--alt", str(self.here / f"alt.{kind}")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def visit(self):
        """A client with the key that stays, all the time."""
        while not self.stop.is_set():
            try:
                if self.of == "keys":
                    told = [self.ask(self.always, where) for where in ("file", "directory")]
                else:
                    told = [200 if self.shown() in (self.mark("good"), self.mark("alt")) else "another certificate"]
            except OSError as error:
                told = [repr(error)]
            self.served += told.count(200)
            self.wrong += [one for one in told if one != 200]
            time.sleep(0.05)

    def ask(self, secret, where="file"):
        return request(self.plain, "POST", f"/{where}/x", signed(secret, b"{}"), b"{}")[0]

    def shown(self):
        """What a new handshake is shown."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.tls), timeout=5) as plain, context.wrap_socket(plain) as secure:
            return hashlib.sha256(secure.getpeercert(True)).hexdigest()

    def mark(self, version):
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert((self.here / f"{version}.crt").read_text())).hexdigest()

    def settled(self):
        """Whether what was written last is in force."""
        if self.of == "certificate":
            return self.shown() == self.mark("good")
        asked = [(secret, where) for where in ("file", "directory") for secret in (self.good, self.alt)]
        return [self.ask(*one) for one in asked] == [200, 401, 200, 401]

    def loads(self, result):
        text = request(self.health, "GET", "/metrics")[2].decode()
        start = f'countersign_reloads_total{{result="{result}"}}'
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(start))


def reloads(tally, attack, running, binary, upstream, seconds, modes=MODES):
    """Every mode on a gateway of its own, all at once: first keys, then certificates."""
    for of in ("keys", "certificate"):
        subjects = [Subject(running, binary, mode, of, upstream) for mode in modes]
        if of == "keys":
            subjects.append(Subject(running, binary, "rename", of, upstream, loses=True))
        for subject in subjects:
            subject.ready()
        disturbed(attack, subjects, seconds)
        for subject in subjects:
            judge(tally, subject)
        for subject in subjects:
            subject.child.terminate()


def disturbed(attack, subjects, seconds):
    clients = [threading.Thread(target=subject.visit) for subject in subjects]
    for client in clients:
        client.start()
    for disturber in [subject.disturb(attack, seconds) for subject in subjects]:
        disturber.wait()
    for subject in subjects:
        subject.converged = True
        try:
            wait_until("the last version", subject.settled)
        except RuntimeError:
            subject.converged = False
        subject.stop.set()
    for client in clients:
        client.join()


def judge(tally, subject):
    if subject.loses:
        tally.check("planted: a key that is gone for a while is missed", 401 in subject.wrong, subject.wrong[:2])
        return
    log = subject.log()
    secret = any(key in log for key in (subject.always, subject.good, subject.alt))
    told = subject.mode not in TOLD or subject.loads("failure") > 0 and "not reloaded" in log
    changed = subject.mode not in CHANGES or subject.loads("success") > 1
    holds = changed and not subject.wrong and subject.served > 20 and subject.converged and told and not secret
    wrong = f"{len(subject.wrong)} wrong {subject.wrong[:2]}"
    tally.check(f"reload of {subject.name}", holds,
                f"{subject.served} served, {wrong}, converged {subject.converged}, {subject.loads('success'):.0f} loads, "
                f"{subject.loads('failure'):.0f} refused and told: {told}, "
                f"key in the log: {secret}")
