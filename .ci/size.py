"""What `countersign size` says, held against a gateway under load: CPU for a request, memory for connections, bodies and claims.

usage: size.py COUNTERSIGN     (a release build: what it says is of one)

Microseconds are a machine's own. The calculator's are held against the load's median here: all of them may be off by one factor, which is printed, and each
by a quarter beside it. Memory has no such factor.
"""

import hashlib
import hmac
import itertools
import json
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools import Processes, Tally, certificate, free_port, memory, wait_until, answers

SECRET = "0123456789abcdefghijklmnopqrstuv"
MOST, CLAIMS = 0.25, 200_000
NUMBERS = itertools.count()
CONFIG = """version: 1
listeners:
  plain: {{address: "127.0.0.1:{plain}", limits: {{connections: 20000, connections_per_source: 20000}}, timeouts: {{idle: 10m}}}}
  tls: {{address: "127.0.0.1:{tls}", limits: {{connections: 20000, connections_per_source: 20000}}, timeouts: {{idle: 10m}},
    tls: {{certificate: {here}/tls.crt, key: {here}/tls.key}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}"}}}}
keyrings: {{k: {{keys: [{{id: k1, secret: "{secret}"}}]}}}}
routes: [{{path: "/**", verify: {{scheme: timestamp-body, keys: k}}, replay: {{by: signature}}, body: {{memory: 2MiB, max: 4MiB}}, upstream: app}}]
replay: {{restart_guard: false}}
limits: {{memory: 256MiB}}
health: "127.0.0.1:{health}"
audit: {{sink: file, path: {here}/audit.jsonl}}
log: {{filter: error}}
workers: 1
"""
UPSTREAM = """
import asyncio, re
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            length = int(re.search(rb"(?i)content-length: (\\d+)", head)[1])
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def speed(tally, binary, gate):
    """Microseconds for a request, and for a connection."""
    found = {}
    plain = [(256, 6000, False), (16 << 10, 2000, False), (256 << 10, 300, False), (1 << 20, 100, False)]
    for size, count, tls in [*plain, (256, 6000, True), (256 << 10, 200, True)]:
        cost = statistics.median(load(gate, size, count, tls) for _ in range(3))
        told = said(binary, "--rps", "1", "--body", str(size), *["--tls"] * tls)["microseconds_per_request"]
        found[f"a request of {size} bytes{', TLS' * tls}"] = cost, told
    told = [said(binary, "--tls", "--body", "256", "--rps", "1", "--connects", connects)["cores"]["busy"] * 1e6 for connects in ("0", "1")]
    found["a TLS connection"] = statistics.median(handshakes(gate) for _ in range(3)) - found["a request of 256 bytes, TLS"][0], told[1] - told[0]
    factor = statistics.median(cost / told for cost, told in found.values())
    print(f"this machine takes {factor:.2f} of the time of the one that was measured")
    for name, (cost, told) in found.items():
        held(tally, name, cost, told * factor, "us")


def space(tally, binary, here, start):
    """Bytes of a process, of connections, of claims."""
    gate = start(here / "memory")
    base = settled(gate.pid)
    lines = [gate.connect() for _ in range(2000)]
    plain = settled(gate.pid)
    lines += [gate.connect(True) for _ in range(2000)]
    tls = settled(gate.pid)
    told = [said(binary, "--rps", "0", "--connections", "2000", *["--tls"] * kind)["memory_bytes"] for kind in (0, 1)]
    held(tally, "an idle process", base, told[0]["process"], "bytes")
    held(tally, "2000 connections", plain - base, told[0]["connections"], "bytes")
    held(tally, "2000 TLS connections", tls - plain, told[1]["connections"], "bytes")
    gate = start(here / "claims")
    base = settled(gate.pid)
    load(gate, 20, CLAIMS)
    told = said(binary, "--rps", str(CLAIMS), "--window", "1s", "--connections", "0", "--upload", "0s")["memory_bytes"]["claims"]
    held(tally, f"{CLAIMS} claims", settled(gate.pid) - base, told, "bytes")


def held(tally, name, found, told, unit):
    tally.check(f"{name} takes what was said", abs(found / told - 1) <= MOST, f"{found:.0f} {unit}, {told:.0f} said")


def main():
    binary, tally = str(Path(sys.argv[1]).resolve()), Tally()
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        here = Path(directory)

        def start(place):
            return Gateway(running, binary, place)
        speed(tally, binary, start(here / "load"))
        space(tally, binary, here, start)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
