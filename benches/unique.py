#!/usr/bin/env python3
"""What replay protection costs: requests of which no two are alike, sent to countersign without it and with it, in turns.

The load generator of ../shared/bench sends one signed request many times, so this one signs as many as are sent. It is slower than countersign is, and
what is measured is countersign's CPU time for a request, not how many there are in a second.

usage: unique.py [BINARY [ROUNDS]]        BENCH, COUNTERSIGN_BENCH_YAML as in peers.sh; prints the ratio with/without, and ends with 1 above 1.10
"""

import argparse
import hashlib
import hmac
import os
import selectors
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUESTS, CONNECTIONS = 60_000, 64
MOST = 1.10


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
    if "by: signature" not in protected:
        sys.exit(f"there is no `replay: off` in {template}")
    options = argparse.Namespace(workers=1, float=False, seconds=1, warm=0, no_latency=True)
    upstream = subprocess.Popen(harness.pin(1, [harness.LG, "upstream", f"127.0.0.1:{harness.UP_PORT}"]))
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    pairs = []
    try:
        for _ in range(rounds):
            pair = [cost(harness, options, text) for text in (plain, protected)]
            print("{:.1f} {:.1f} us".format(*pair), flush=True)
            pairs.append(pair)
    finally:
        upstream.terminate()
        upstream.wait()
    ratio = statistics.median(after / before for before, after in pairs)
    print(f"with replay protection / without: {ratio:.3f}, at most {MOST}")
    return int(ratio > MOST)


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
