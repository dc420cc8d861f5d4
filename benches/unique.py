#!/usr/bin/env python3
"""What replay protection costs, and what the audit line does: requests of which no two are alike, sent to countersign with and without, in turns.

The load generator of ../shared/bench sends one signed request many times, so this one signs as many as are sent. It is slower than countersign is, and
what is measured is countersign's CPU time for a request, not how many there are in a second.

usage: unique.py [BINARY [ROUNDS]]        BENCH, COUNTERSIGN_BENCH_YAML as in peers.sh; prints both ratios, and ends with 1 where one is too large
"""

import argparse
import hashlib
import hmac
import os
import re
import selectors
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUESTS, CONNECTIONS = 60_000, 64
# With replay protection / without, and with an audit line / without.
MOST_PROTECTED, MOST_TOLD = 1.10, 1.12


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/countersign")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    sys.path.insert(0, os.environ.get("BENCH", str(ROOT / "../shared/bench")))
    os.environ["COUNTERSIGN"] = str(Path(binary).resolve())
    template = os.environ.setdefault("COUNTERSIGN_BENCH_YAML", str(ROOT / "benches/bench.yaml"))
    import run as harness
    harness.setup()
    plain = Path(template).read_text()
    # Without the guard, which has every request that may have been seen before the start come again.
    protected = plain.replace("    replay: off\n", "    replay: {by: signature}\n") + "replay: {restart_guard: false}\n"
    silent = re.sub(r"^audit: .*$", "audit: {sink: off}", plain, flags=re.MULTILINE)
    if "by: signature" not in protected or silent == plain:
        sys.exit(f"there is no `replay: off` or no `audit` in {template}")
    options = argparse.Namespace(workers=1, float=False, seconds=1, warm=0, no_latency=True)
    upstream = subprocess.Popen(harness.pin(1, [harness.LG, "upstream", f"127.0.0.1:{harness.UP_PORT}"]))
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    costs = []
    try:
        for _ in range(rounds):
            costs.append([cost(harness, options, text) for text in (plain, protected, silent)])
            print("plain {:.1f}, with replay protection {:.1f}, without audit line {:.1f} us".format(*costs[-1]), flush=True)
    finally:
        upstream.terminate()
        upstream.wait()
    protection = statistics.median(protected / plain for plain, protected, _ in costs)
    telling = statistics.median(plain / silent for plain, _, silent in costs)
    print(f"with replay protection / without: {protection:.3f}, at most {MOST_PROTECTED}")
    print(f"with an audit line / without: {telling:.3f}, at most {MOST_TOLD}")
    return int(protection > MOST_PROTECTED or telling > MOST_TOLD)


def cost(harness, options, text):
    """Microseconds of CPU for a request, with this configuration."""
    harness.PROXIES["countersign"]["files"]["bench.yaml"] = lambda _: text
    proxy = harness.Proxy("countersign", options)
    try:
        pids = harness.tree(proxy.p.pid)
        messages = signed(harness.SECRET)
        before = harness.cpu_s(pids)
        send(proxy.v["PORT"], messages)
        return (harness.cpu_s(pids) - before) * 1e6 / REQUESTS
    finally:
        proxy.stop()


def signed(secret):
    """One list of requests for each connection; no two bodies are alike."""
    stamp = str(int(time.time()))
    keyed = hmac.new(secret.encode(), stamp.encode() + b".", hashlib.sha256)

    def one(number):
        body, mac = b"%0256d" % number, keyed.copy()
        mac.update(body)
        return (f"POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                f"X-HMAC-Timestamp: {stamp}\r\nX-HMAC-Signature: {mac.hexdigest()}\r\n\r\n").encode() + body

    return [[one(number) for number in range(first, REQUESTS, CONNECTIONS)] for first in range(CONNECTIONS)]


def send(port, messages):
    """Every connection sends its requests one after the other, all connections at once. Anything but a 200 is an error."""
    waiting = selectors.DefaultSelector()
    for rest in messages:
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        todo = iter(rest)
        connection.sendall(next(todo))
        waiting.register(connection, selectors.EVENT_READ, todo)
    while waiting.get_map():
        for key, _ in waiting.select(10) or sys.exit("countersign does not answer"):
            # The answers of the responder fit into one segment.
            answer = key.fileobj.recv(4096)
            if not answer.startswith(b"HTTP/1.1 200 "):
                sys.exit(f"not a 200: {answer[:200]}")
            following = next(key.data, None)
            if following is None:
                waiting.unregister(key.fileobj)
                key.fileobj.close()
            else:
                key.fileobj.sendall(following)


if __name__ == "__main__":
    sys.exit(main())
