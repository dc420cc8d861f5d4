"""The probes of ../shared/attack, against a gateway of their own: every outcome is the demanded one, but for those that are listed here.

usage: attack.py COUNTERSIGN [ATTACK_DIRECTORY]
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import ROOT, Processes, Tally, free_port

ATTACK = Path(sys.argv[2] if len(sys.argv) > 2 else ROOT.parent / "shared" / "attack")
SIGN = ["--sign", str(ATTACK / "hooks" / "probe_scheme.py")]

INHERENT = {
    # HMAC pads a short key with zeros (RFC 2104 §2): with a NUL behind it it signs alike, and no verifier can tell.
    "auth-key/secret-plus-nul",
    # The HTTP/2 library drops pseudo-header fields of request trailers without a word; trailers are never forwarded.
    "trailer/pseudo",
}

# A prober that half-closes over TLS takes TLS off and reads what still comes as it is: a record, not an answer.
TLS_RECORD = "R: garbage in the response stream: [b'\\x17\\x03\\x03"

CONFIG = """version: 1
health: {{address: "127.0.0.1:{health}"}}
listeners:
  plain: {{address: "127.0.0.1:{plain}"}}
  tls: {{address: "127.0.0.1:{tls}", tls: {{certificate: {here}/cert.pem, key: {here}/key.pem}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}"}}}}
keyrings: {{probe: {{directory: {here}/keys}}}}
replay: {{restart_guard: false}}
audit: {{sink: file, path: {here}/audit}}
schemes:
  probe:
    algorithm: sha256
    signature: {{header: X-Sig, encoding: hex}}
    timestamp: {{header: X-Sig-Ts, past: 300s, future: 300s}}
    nonce: {{header: X-Sig-Nonce}}
    message: "{{timestamp}}\\n{{nonce}}\\n{{method}}\\n{{target}}\\n{{body}}"
routes:
  - path: /**
    verify: {{scheme: probe, keys: probe}}
    upstream: app
    timeouts: {{response: 5s, response_idle: 4s}}
"""


def main():
    tally = Tally()
    plain, tls, health, upstream = (free_port() for _ in range(4))
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        here = Path(directory)
        certificate(here)
        (here / "keys").mkdir()
        (here / "keys" / "probe").write_text("0123456789abcdef0123456789abcdef")
        config = here / "countersign.yaml"
        config.write_text(CONFIG.format(**locals()))
        running.gateway(sys.argv[1], config, health)
        to = lambda port, *more: ["127.0.0.1", str(port), "--upstream-port", str(upstream), *SIGN, *more]
        probes(tally, "HTTP/1.1", ["probe.py", *to(plain, "--strict")], 824, here)
        probes(tally, "HTTP/1.1 over TLS", ["probe.py", *to(tls, "--tls", "--strict")], 824, here)
        probes(tally, "HTTP/2", ["h2probe.py", *to(tls)], 197, here)
        probes(tally, "HTTP/2 in clear text", ["h2probe.py", *to(plain, "--h2c")], 197, here)
        faults(tally, ["badup.py", *to(plain, "--up-timeout", "6")])
        raw = (here / "audit").read_bytes()
        tally.check("no control character in the audit log", not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", raw))
    return tally.close()


def certificate(here):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(here / "key.pem"), "-out", str(here / "cert.pem")],
        check=True, capture_output=True)


def run(command):
    return subprocess.run([sys.executable, str(ATTACK / command[0]), *command[1:]], capture_output=True, text=True, timeout=900)


def probes(tally, name, command, at_least, here):
    """Every probe holds cleanly; as many ran as there are."""
    out = here / "outcome.json"
    out.unlink(missing_ok=True)
    done = run([*command, "--json", str(out)])
    rows = json.loads(out.read_text()) if out.exists() else []
    failed = [row for row in rows if not holds(row)]
    for row in failed[:20]:
        print(f"     {row}", flush=True)
    told = f"{len(rows) - len(failed)} of {len(rows)}"
    tally.check(name, len(rows) >= at_least and not failed, told if rows else done.stdout[-2000:] + done.stderr[-2000:])


def holds(row):
    fails = [fail for fail in row.get("fails", []) if not fail.replace('[b"', "[b'").startswith(TLS_RECORD)]
    unread = len(fails) < len(row.get("fails", [])) and row.get("n_up") == 0
    return row["id"] in INHERENT or not row.get("warns") and (not fails or unread and fails == ["STATUS: rejected with -1"])


def faults(tally, command):
    done = run(command)
    last = [line for line in done.stdout.splitlines() if "misbehaviours" in line]
    told = last[-1] if last else done.stdout[-2000:] + done.stderr[-2000:]
    print("".join(f"     {line}\n" for line in done.stdout.splitlines() if line.startswith("FAIL")), end="", flush=True)
    tally.check("upstreams that misbehave", done.returncode == 0 and "56 handled" in told, told)


if __name__ == "__main__":
    sys.exit(main())
