"""A sidecar's manners: few threads, little memory, no work at rest, no OOM under bodies, nothing written outside its spool.

usage: manners.py COUNTERSIGN        (as root: it makes a read-only root file system of its own)
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools import Processes, Tally, answers, echo_upstream, free_port, memory, request, signed, wait_until

SECRET = secrets.token_hex(32)
REST = 30
HOARDERS = 400
POD = 128 << 20


def main():
    binary = Path(sys.argv[1]).resolve()
    tally = Tally()
    upstream, _ = echo_upstream()
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        root = Path(directory) / "root"
        public, health = free_port(), free_port()
        prepare(root, binary, public, health, upstream)
        # As the image runs: another user, a root that nobody can write, one writable /tmp.
        inside = ("mount --bind {0} {0} && mount -o remount,bind,ro {0} && mount -t tmpfs -o size=512m,mode=1777 tmpfs {0}/tmp && "
                  "exec chroot --userspec=65532:65532 {0} /countersign run --config /etc/countersign.yaml").format(root)
        gateway = running.start("gateway", ["unshare", "--mount", "sh", "-c", inside])
        try:
            wait_until("the gateway", answers(health), gateway)
        except RuntimeError as error:
            tally.check("it starts on a read-only root file system", False, f"{error}\n{running.log('gateway')}")
            return tally.close()
        tally.check("it starts on a read-only root file system", True)
        serves(tally, public, "on a read-only root")
        at_rest(tally, gateway.pid)
        quiet(tally, running.log("gateway"))
        hoard(tally, gateway.pid, public)
        gateway.terminate()
        tally.check("SIGTERM ends it with 0", gateway.wait(timeout=40) == 0, gateway.returncode)
    return tally.close()


def prepare(root, binary, public, health, upstream):
    for name in ("etc", "keys", "tmp"):
        (root / name).mkdir(parents=True)
    shutil.copy(binary, root / "countersign")
    (root / "keys" / "k1").write_text(SECRET)
    (root / "etc" / "countersign.yaml").write_text(f"""version: 1
health: {{address: "127.0.0.1:{health}"}}
listeners: {{public: {{address: "127.0.0.1:{public}"}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}"}}}}
keyrings: {{partners: {{directory: /keys}}}}
limits: {{memory: 32MiB}}
spool: {{directory: /tmp, max: 256MiB}}
replay: {{restart_guard: false}}
audit: off
routes:
  - {{path: "/**", verify: {{scheme: timestamp-body, keys: partners}}, replay: {{by: signature}}, upstream: app}}
""")
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.name == "countersign" else 0o644)
    for path in (root / "keys", root / "keys" / "k1"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.chown(path, 65532, 65532)
    # The directories above must let another user pass.
    for path in root.parents:
        if path.stat().st_uid == os.getuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)


def serves(tally, port, when):
    for body in (b"{}", os.urandom(500_000)):
        status, _, answer = request(port, "POST", "/", signed(SECRET, body), body)
        tally.check(f"serves {len(body)} bytes {when}", status == 200 and answer == body, status)


def at_rest(tally, pid):
    names = [Path(f"/proc/{pid}/task/{task}/comm").read_text().strip() for task in os.listdir(f"/proc/{pid}/task")]
    workers = [name for name in names if name.startswith("worker")]
    tally.check("at most 4 workers", 1 <= len(workers) <= 4, names)
    before = cpu_seconds(pid)
    time.sleep(REST)
    share = (cpu_seconds(pid) - before) / REST
    tally.check("CPU at rest is at most 0.1 %", share <= 0.001, f"{share:.4%}")
    tally.check("RSS at rest is at most 20 MiB", memory(pid, "VmRSS") <= 20 << 20, f"{memory(pid, 'VmRSS') / 2**20:.1f} MiB")


def hoard(tally, pid, port):
    """Many clients, on many addresses since one may not hold everything, that each send almost all of a large signed body and stop."""
    body = bytes(1 << 20)
    held = []
    for number in range(HOARDERS):
        head = "".join(f"{name}: {value}\r\n" for name, value in signed(SECRET, body).items())
        hoarder = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(f"127.0.1.{1 + number % 40}", 0))
        hoarder.settimeout(0.5)
        held.append(hoarder)
        try:
            hoarder.sendall(f"POST /{number} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode())
            hoarder.sendall(body[:-1])
        except OSError:
            pass
    spooled = os.statvfs(f"/proc/{pid}/root/tmp")
    peak = memory(pid, "VmHWM") + (spooled.f_blocks - spooled.f_bfree) * spooled.f_frsize
    told = f"peak {peak / 2**20:.0f} MiB, what is on tmpfs included, with {HOARDERS} bodies of 1 MiB"
    tally.check("no body load exceeds a 128 MiB pod", peak < POD, told)
    for hoarder in held:
        hoarder.close()
    wait_until("room for bodies", lambda: request(port, "POST", "/", signed(SECRET, b"x"), b"x")[0] in (200, 409))
    serves(tally, port, "after the load")


def quiet(tally, log):
    tally.check("a healthy gateway logs nothing", log.strip() == "", log[:500])


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
