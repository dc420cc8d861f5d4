"""The status page in Debian's Chromium, and `top` in a terminal: what they say, without JavaScript and with it, for keyboards and readers, on a phone; and that nothing of a
client's runs. Pictures go to PICTURES.

usage: browser.py COUNTERSIGN MODULES PICTURES        (MODULES: node_modules with playwright-core and axe-core; needs node and chromium)
"""

import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
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
        terminal(tally, binary, ports)
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


def terminal(tally, binary, ports):
    """`countersign top` in a terminal of its own, in a pipe, and where nobody answers."""
    command = [binary, "top", "--admin", f"http://127.0.0.1:{ports['admin']}"]
    once = subprocess.run([*command, "--once"], capture_output=True, text=True, timeout=30, check=False)
    tally.check("top --once prints it as text", once.returncode == 0 and "keys/new" in once.stdout and "\x1b" not in once.stdout, once.stderr)
    nobody = subprocess.run([binary, "top", "--admin", f"http://127.0.0.1:{free_port()}"], capture_output=True, text=True, timeout=30, check=False)
    tally.check("top says that nobody answers", nobody.returncode == 1 and "cannot show the gateway" in nobody.stderr, nobody.stderr)
    child, screen = pty.fork()
    if child == 0:
        os.execv(command[0], command)
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    shown, deadline = "", time.monotonic() + 20
    while "next for" not in shown and time.monotonic() < deadline:
        shown += os.read(screen, 1 << 16).decode(errors="replace")
    tally.check("top shows keys and what to do next", "keys/new" in shown and "next for" in shown, shown[-300:])
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
    os.write(screen, b"\x1b[B")
    os.write(screen, b"q")
    try:
        while part := os.read(screen, 1 << 16):
            shown += part.decode(errors="replace")
    except OSError:
        pass  # Linux says so when the last user of a terminal is gone.
    _, status = os.waitpid(child, 0)
    restored = "\x1b[?1049l" in shown and "\x1b[?25h" in shown
    tally.check("q ends it, and the terminal is as it was", os.waitstatus_to_exitcode(status) == 0 and restored, status)


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
