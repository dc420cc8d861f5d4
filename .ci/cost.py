"""What one request costs, counted and not timed: instructions and allocations under callgrind, system calls under strace.

Each is the difference of a short and a long run, divided by the requests between: what starting costs cancels out, and a busy machine
changes nothing. benches/budget.toml says what is allowed. Needs valgrind and strace, and a binary with its symbols for the allocations.

usage: cost.py COUNTERSIGN [--write]        --write: what was counted, with headroom, becomes the budget
"""

import hashlib
import hmac
import os
import re
import secrets
import signal
import socket
import sys
import tempfile
import threading
import time
import tomllib
from pathlib import Path

from tools import ROOT, Processes, Tally, answers, free_port, wait_until

BUDGET = ROOT / "benches" / "budget.toml"
SECRET = secrets.token_hex(32)
SHORT, LONG = 200, 1200
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\": \"ok\"}"
# Below this share of the budget it is said that the budget can be lowered.
LOOSE = 0.85
ALLOCATORS = {"malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "memalign", "mallocx", "rallocx"}

CONFIG = """version: 1
health: {{address: "127.0.0.1:{health}"}}
listeners: {{public: {{address: "127.0.0.1:{public}"}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}"}}}}
keyrings: {{partners: {{keys: [{{id: partner, secret: "{secret}"}}]}}}}
replay: {{restart_guard: false}}
routes:
  - path: "/**"
    verify: {{scheme: timestamp-body, keys: partners, override: {{past: 30m}}}}
    replay: {{by: signature}}
    upstream: app
audit: {{sink: file, path: "{directory}/audit.jsonl"}}
log: {{filter: warn}}
workers: 1
"""


def main():
    tally = Tally()
    self_test(tally)
    binary = str(Path(sys.argv[1]).resolve())
    budget = tomllib.loads(BUDGET.read_text())
    costs = {name: per_request(binary, honest) for name, honest in (("verified", True), ("refused", False))}
    if "--write" in sys.argv[2:]:
        BUDGET.write_text(rewritten(BUDGET.read_text(), costs, budget["headroom"]))
        budget = tomllib.loads(BUDGET.read_text())
    for name, units in costs.items():
        for unit, cost in units.items():
            judge(tally, f"{name}: {unit} per request", cost, budget[name][unit])
    return tally.close()


def judge(tally, name, cost, allowed):
    """Nothing counted is nothing known: a binary without symbols has no allocator to see."""
    tally.check(name, 0 < cost <= allowed, f"{cost:.1f} of {allowed}")
    if 0 < cost < allowed * LOOSE:
        print(f"note: {name}: so much less that the budget can be lowered", flush=True)


def rewritten(text, costs, headroom):
    """The budget with what was counted and headroom in place of its figures; everything else stays as it is."""
    lines, section = [], None
    for line in text.splitlines():
        section = line.strip("[]") if line.startswith("[") else section
        name = line.partition(" = ")[0]
        if name in costs.get(section, {}):
            allowed = costs[section][name] * (1 + headroom)
            line = f"{name} = {allowed:.1f}" if allowed < 1000 else f"{name} = {allowed:.0f}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def per_request(binary, honest):
    """What a request costs: a long run less a short one."""
    costs = {}
    for count in (traced, counted):
        short, long = (count(binary, requests, honest) for requests in (SHORT, LONG))
        costs |= {unit: (long[unit] - short[unit]) / (LONG - SHORT) for unit in long}
    return costs


def traced(binary, requests, honest):
    """System calls of the worker. Without futex: whether the thread that writes audit lines is awake is a matter of time."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "strace"
        threads = serve(directory, ["strace", "-f", "-qq", "-e", "signal=none", "-o", str(log), binary], requests, honest)
        [worker] = [task for task, name in threads.items() if name == "worker-0"]
        calls = re.findall(rf"^{worker} +(\w+)\(", log.read_text(errors="replace"), re.MULTILINE)
    return {"syscalls": sum(call != "futex" for call in calls)}


def counted(binary, requests, honest):
    """Instructions of all threads, and calls of the allocator."""
    with tempfile.TemporaryDirectory() as directory:
        profile = Path(directory) / "callgrind"
        serve(directory, ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={profile}", binary], requests, honest)
        return read(profile.read_text())


def read(profile):
    """The sum of instructions, and how often an allocator is called by something that is none."""
    names, caller, callee, allocations = {}, "", "", 0
    for kind, number, name, calls in re.findall(r"^(?:(c?fn)=\((\d+)\)(?: (.*))?|calls=(\d+) .*)$", profile, re.MULTILINE):
        if calls:
            allocations += int(calls) * (callee in ALLOCATORS and caller not in ALLOCATORS)
            continue
        function = names.setdefault(number, name.split("'")[0].removeprefix("__libc_").removeprefix("_rjem_"))
        caller, callee = (function, callee) if kind == "fn" else (caller, function)
    [instructions] = re.findall(r"^(?:summary|totals): (\d+)", profile, re.MULTILINE)[-1:]
    return {"instructions": int(instructions), "allocations": allocations}


def serve(directory, command, requests, honest):
    """Starts the gateway under a tool, sends so many requests one after the other, and stops it; the gateway's threads by id."""
    public, health = free_port(), free_port()
    upstream = Upstream()
    config = Path(directory) / "countersign.yaml"
    config.write_text(CONFIG.format(health=health, public=public, upstream=upstream.port, secret=SECRET, directory=directory))
    with Processes(directory) as running:
        child = running.start("gateway", [*command, "run", "--config", str(config)])
        wait_until("the gateway", answers(health), child)
        pid = gateway(child.pid)
        threads = {task.name: (task / "comm").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir()}
        load(public, requests, honest)
        os.kill(pid, signal.SIGTERM)
        if child.wait(timeout=60):
            raise RuntimeError(f"the gateway ended with {child.returncode}\n{running.log('gateway')}")
    return threads


def gateway(pid):
    """strace is the gateway's parent; valgrind is the gateway."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else pid


def load(port, requests, honest):
    """One connection, one request at a time, each with a body of its own: 256 bytes."""
    expected = 200 if honest else 401
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(requests):
            connection.sendall(message(b"%0256d" % number, honest))
            status = int(receive(connection).split(b" ", 2)[1])
            if status != expected:
                raise RuntimeError(f"request {number} was answered with {status}")


def message(body, honest):
    stamp = str(int(time.time()))
    mac = hmac.new(SECRET.encode(), stamp.encode() + b"." + (body if honest else b""), hashlib.sha256).hexdigest()
    lines = ["POST /api/v1/orders HTTP/1.1", "Host: localhost", "Content-Type: application/json", f"Content-Length: {len(body)}",
             f"X-HMAC-Timestamp: {stamp}", f"X-HMAC-Signature: {mac}", "", ""]
    return "\r\n".join(lines).encode() + body


def receive(connection):
    """One message whose length is told; empty where the peer has gone."""
    buffer = b""
    while b"\r\n\r\n" not in buffer:
        if not (got := connection.recv(1 << 16)):
            return b""
        buffer += got
    head, _, body = buffer.partition(b"\r\n\r\n")
    left = int(re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)[1]) - len(body)
    while left > 0 and (got := connection.recv(left)):
        left -= len(got)
    return head


class Upstream:
    """Answers every request on every connection with the same few bytes."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            while receive(connection):
                connection.sendall(ANSWER)


PROFILE = """events: Ir
fn=(1) work
1 10
cfn=(2) malloc
calls=3 0
1 60
cfn=(3) realloc'2
calls=1 0
1 30
fn=(3)
1 20
cfn=(2)
calls=1 0
1 10
fn=(4) __libc_calloc
1 1
totals: 131
"""


def self_test(tally):
    """Calls of an allocator count, calls by one do not; and a budget is rewritten where it says so only."""
    tally.check("the check itself counts", read(PROFILE) == {"instructions": 131, "allocations": 4})
    budget = "headroom = 0.1\n\n[a]\nx = 1\n\n[b]\nx = 2\n"
    written = rewritten(budget, {"b": {"x": 10.0}}, 0.1)
    tally.check("the check itself writes", written == budget.replace("x = 2", "x = 11.0"))


if __name__ == "__main__":
    sys.exit(main())
