"""The verdicts that a person with curl sees, each with its own code.

usage: verdicts.py COUNTERSIGN
"""

import json
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools import Processes, Tally, echo_upstream, free_port, signed

SECRET = secrets.token_hex(32)


def main():
    tally = Tally()
    upstream, seen = echo_upstream()
    public, health = free_port(), free_port()
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        keys = Path(directory) / "keys"
        keys.mkdir()
        (keys / "k1").write_text(SECRET)
        config = Path(directory) / "countersign.yaml"
        config.write_text(f"""version: 1
health: {{address: "127.0.0.1:{health}"}}
listeners: {{public: {{address: "127.0.0.1:{public}"}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}"}}}}
keyrings: {{partners: {{directory: {keys}}}}}
replay: {{restart_guard: false}}
routes:
  - path: /hello
    verify: {{scheme: timestamp-body, keys: partners}}
    replay: {{by: signature}}
    body: {{max: 64KiB}}
    upstream: app
""")
        running.gateway(sys.argv[1], config, health)
        ask = lambda headers, body, path="/hello": curl(f"http://127.0.0.1:{public}{path}", headers, body, directory)
        verdicts(tally, ask, seen)
    return tally.close()


def verdicts(tally, ask, seen):
    for number in range(5):
        body = f'{{"number":{number}}}'.encode()
        told = ask(signed(SECRET, body), body)
        tally.check("signed", told[0] == 200 and told[1] == body, told[0])
    reached = len(seen)
    body = b'{"hello":"world"}'
    old = int(time.time()) - 120
    for name, headers, sent, path, status, code in [
        ("unsigned", {}, body, "/hello", 401, "signature_missing"),
        ("tampered", signed(SECRET, body), body + b" ", "/hello", 401, "signature_invalid"),
        ("stale", signed(SECRET, body, old), body, "/hello", 401, "timestamp_outside_window"),
        ("unknown path", signed(SECRET, body), body, "/elsewhere", 404, "route_not_found"),
        ("oversized", signed(SECRET, b"x" * 65537), b"x" * 65537, "/hello", 413, "body_too_large"),
    ]:
        refused(tally, name, ask(headers, sent, path), status, code)
    tally.check("nothing that was refused reached the upstream", len(seen) == reached, len(seen) - reached)
    once = signed(SECRET, body)
    tally.check("signed, for the first time", ask(once, body)[0] == 200)
    refused(tally, "replayed", ask(once, body), 409, "replayed")


def refused(tally, name, told, status, code):
    try:
        got = (told[0], json.loads(told[1]).get("code"))
    except ValueError:
        got = told
    tally.check(name, got == (status, code), got)


def curl(url, headers, body, directory):
    sent = Path(directory) / "body"
    sent.write_bytes(body)
    command = ["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", "--data-binary", f"@{sent}", url]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
    answer, _, status = done.stdout.rpartition(b"\n")
    return int(status or 0), answer


if __name__ == "__main__":
    sys.exit(main())
