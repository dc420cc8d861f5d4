"""The probes of ../shared/attack, against a gateway of their own: every outcome is the demanded one, but for those that are listed here.

usage: attack.py COUNTERSIGN [ATTACK_DIRECTORY] [--planted]        (--planted: that what is broken is found to be)
"""

import json
import re
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from tools import PROBE_SCHEME, ROOT, Processes, Tally, certificate, free_port

GIVEN = [argument for argument in sys.argv[1:] if argument != "--planted"]
ATTACK = Path(GIVEN[1] if len(GIVEN) > 1 else ROOT.parent / "shared" / "attack")
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
  tls: {{address: "127.0.0.1:{tls}", tls: {{certificate: {chain}, key: {key}}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}"}}}}
keyrings: {{probe: {{directory: {here}/keys}}}}
replay: {{restart_guard: false}}
audit: {{sink: file, path: {here}/audit}}
schemes:
{PROBE_SCHEME}routes:
  - path: /**
    {guard}
    upstream: app
    timeouts: {{response: 5s, response_idle: 4s}}
"""


VERIFIED = "verify: {scheme: probe, keys: probe}"
UNVERIFIED = "public: true"


def main():
    tally = Tally()
    planted(tally) if "--planted" in sys.argv else attacks(tally)
    return tally.close()


def gateway(running, guard):
    """Its plain port, its TLS port, the port of its upstream, and where its files are."""
    plain, tls, health, upstream = (free_port() for _ in range(4))
    here = Path(running.directory)
    chain, key = certificate(here)
    (here / "keys").mkdir()
    (here / "keys" / "probe").write_text("0123456789abcdef0123456789abcdef")
    config = here / "countersign.yaml"
    config.write_text(CONFIG.format(PROBE_SCHEME=PROBE_SCHEME, **locals()))
    running.gateway(GIVEN[0], config, health)
    return plain, tls, upstream, here


def to(port, upstream, *more):
    return ["127.0.0.1", str(port), "--upstream-port", str(upstream), *SIGN, *more]


def attacks(tally):
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        plain, tls, upstream, here = gateway(running, VERIFIED)
        probes(tally, "HTTP/1.1", ["probe.py", *to(plain, upstream, "--strict")], 824, here)
        probes(tally, "HTTP/1.1 over TLS", ["probe.py", *to(tls, upstream, "--tls", "--strict")], 824, here)
        probes(tally, "HTTP/2", ["h2probe.py", *to(tls, upstream)], 197, here)
        probes(tally, "HTTP/2 in clear text", ["h2probe.py", *to(plain, upstream, "--h2c")], 197, here)
        faults(tally, ["badup.py", *to(plain, upstream, "--up-timeout", "6")])
        raw = (here / "audit").read_bytes()
        tally.check("no control character in the audit log", not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", raw))


def planted(tally):
    """A gateway that forwards without a verdict, and a relay that forwards whatever comes on one connection, are found out, each with a few probes."""
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        plain, _, upstream, here = gateway(running, UNVERIFIED)
        found(tally, "forwards without a verdict", ["probe.py", *to(plain, upstream, "--strict", "--only", "^auth-tamper/")], here)
        relay = relayed(upstream)
        found(tally, "forwards before it has read", ["probe.py", *to(relay, upstream, "--strict", "--only", "^cl/(dup-diff|plus|two-nums)$")], here)
        done = run(["badup.py", *to(relay, upstream, "--up-timeout", "2", "--only", "^(splitting|delayed-unsolicited|hdr-bare-cr|cl-two-diff)$")])
        failures = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
        tally.check("planted: passes on whatever an upstream says", done.returncode != 0 and failures, f"{len(failures)} misbehaviours go through")


def relayed(upstream):
    """The port of what passes all bytes on, to a connection that is kept as long as the client's."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    threading.Thread(target=relay_all, args=(listener, upstream), daemon=True).start()
    return listener.getsockname()[1]


def relay_all(listener, upstream):
    while True:
        client, _ = listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", upstream))
        except OSError:
            client.close()
            continue
        for ends in ((client, server), (server, client)):
            threading.Thread(target=pump, args=ends, daemon=True).start()


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            end.close()


def found(tally, name, command, here):
    rows, done = outcome(command, here)
    failed = [row for row in rows if not holds(row)]
    tally.check(f"planted: {name}", failed, f"{len(failed)} of {len(rows)} probes fail" if rows else done.stdout[-2000:] + done.stderr[-2000:])


def run(command):
    return subprocess.run([sys.executable, str(ATTACK / command[0]), *command[1:]], capture_output=True, text=True, timeout=900)


def probes(tally, name, command, at_least, here):
    """Every probe holds cleanly; as many ran as there are."""
    rows, done = outcome(command, here)
    failed = [row for row in rows if not holds(row)]
    for row in failed[:20]:
        print(f"     {row}", flush=True)
    told = f"{len(rows) - len(failed)} of {len(rows)}"
    tally.check(name, len(rows) >= at_least and not failed, told if rows else done.stdout[-2000:] + done.stderr[-2000:])


def outcome(command, here):
    out = here / "outcome.json"
    out.unlink(missing_ok=True)
    done = run([*command, "--json", str(out)])
    return json.loads(out.read_text()) if out.exists() else [], done


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
