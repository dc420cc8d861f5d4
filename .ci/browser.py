"""The status page in Debian's Chromium: what it says, without JavaScript and with it, for keyboards and readers, on a phone; and that nothing of a
client's runs. Pictures go to PICTURES.

usage: browser.py COUNTERSIGN MODULES PICTURES        (MODULES: node_modules with playwright-core and axe-core; needs node and chromium)
"""

import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from tools import Processes, Tally, answers, certificate, echo_upstream, free_port, request, signed, wait_until

SECRET = "0123456789abcdef0123456789abcdef"
ODD = "<img/src=x/onerror=alert(1)>"

CONFIG = """version: 1
health: "127.0.0.1:{health}"
admin: "127.0.0.1:{admin}"
listeners:
  public: {{address: "127.0.0.1:{plain}"}}
  tls: {{address: "127.0.0.1:{tls}", tls: {{certificate: {chain}, key: {key}}}}}
upstreams:
  app: {{url: "http://127.0.0.1:{upstream}"}}
keyrings:
  keys: {{file: keys.yaml}}
routes:
  - path: "/**"
    verify: timestamp-body
    keys: keys
    replay: {{by: signature}}
    upstream: app
replay: {{restart_guard: false}}
capture: {{refused: 20, body: 4KiB, keep: 1h}}
log: {{filter: error}}
{more}"""

KEYS = f"""version: 1
keys:
  - {{id: new, secret: {SECRET}, created: 2026-01-01}}
  - {{id: old, secret: {SECRET[::-1]}, sign: {{until: 2026-01-01}}}}
  - {{id: "{ODD}", secret: {"x" * 32}}}
"""


def main():
    binary, modules, pictures = sys.argv[1], Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve()
    pictures.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        ports = gateway(binary, Path(directory), running)
        traffic(ports)
        reloads(ports, Path(directory))
        command = ["node", str(Path(__file__).parent / "browser" / "page.mjs"), str(modules), shutil.which("chromium"),
                   f"http://127.0.0.1:{ports['admin']}", f"http://127.0.0.1:{ports['plain']}/late", str(pictures)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        for line in ended.stdout.splitlines():
            told = json.loads(line)
            tally.check(told["name"], told["holds"], told["told"])
        tally.check("the browser ended well", ended.returncode == 0, ended.stderr[-1000:])
        tally.check("every check was made", len(ended.stdout.splitlines()) >= 35, len(ended.stdout.splitlines()))
    return tally.close()


def gateway(binary, directory, running):
    upstream, _ = echo_upstream()
    chain, key = certificate(directory)
    ports = {name: free_port() for name in ("health", "admin", "plain", "tls")}
    ports["text"] = CONFIG.format(**ports, upstream=upstream, chain=chain, key=key, more="")
    (directory / "keys.yaml").write_text(KEYS)
    (directory / "keys.yaml").chmod(0o600)
    (directory / "countersign.yaml").write_text(ports["text"])
    child = running.start("gateway", [binary, "run", "--config", str(directory / "countersign.yaml")])
    wait_until("the gateway", answers(ports["health"]), child)
    return ports


def traffic(ports):
    """Permitted by two keys, and refused in four ways."""
    for number in range(40):
        body = b"%d" % number
        request(ports["plain"], "POST", "/orders", signed(SECRET if number % 4 else SECRET[::-1], body), body)
    again = signed(SECRET, b"0")
    for headers, body in [(again, b"0"), ({}, b"unsigned"), (signed(SECRET, b"one"), b"another"), (signed(SECRET, b"x", now=1), b"x")]:
        request(ports["plain"], "POST", "/orders?<script>alert(1)</script>".replace("<", "%3C").replace(">", "%3E"), headers, body)
        request(ports["plain"], "POST", "/orders", headers, body)


def reloads(ports, directory):
    """A good one and a bad one."""
    for more in ("", f"unknown: '{ODD}'\n"):
        (directory / "countersign.yaml").write_text(ports["text"] + more)
        order = urllib.request.Request(f"http://127.0.0.1:{ports['admin']}/reload", method="POST")
        try:
            urllib.request.urlopen(order, timeout=20).close()
        except urllib.error.HTTPError as refused:
            refused.close()


if __name__ == "__main__":
    sys.exit(main())
