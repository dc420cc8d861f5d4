"""What `countersign size` says, held against a gateway under load: memory for connections and claims, what a shared store takes, and CPU for a request.

usage: size.py COUNTERSIGN [--speed]     (a release build: what it says is of one)

Microseconds are a machine's own and say something on an idle one only, so they are asked for with `--speed`: all of them may be off by one factor, which is
printed, and each by a quarter beside it. Memory has no such factor.
"""

import hashlib
import hmac
import itertools
import json
import re
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from redis_server import Redis
from tools import Processes, Tally, certificate, free_port, memory, wait_until, answers

SECRET = "0123456789abcdefghijklmnopqrstuv"
MOST, CLAIMS, FUTURE = 0.25, 200_000, 1
RATE = ", rate: {key: {limit: 10/m, burst: 1000000, shared: true}}"
NUMBERS = itertools.count()
CONFIG = """version: 1
listeners:
  plain: {{address: "127.0.0.1:{plain}", limits: {{connections: 20000, connections_per_source: 20000}}, timeouts: {{idle: 10m, head: 10m}}}}
  tls: {{address: "127.0.0.1:{tls}", limits: {{connections: 20000, connections_per_source: 20000}}, timeouts: {{idle: 10m, head: 10m}},
    tls: {{certificate: {here}/tls.crt, key: {here}/tls.key}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}"}}}}
keyrings: {{k: {{keys: [{{id: k1, secret: "{secret}"}}]}}}}
routes: [{{path: "/**", verify: {{scheme: timestamp-body, keys: k, override: {{past: 300s, future: 1s}}}}, replay: {{by: signature}}{rate}, body: {{memory: 2MiB, max: 4MiB}}, upstream: app}}]
replay: {replay}
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
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 22)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class Gateway:
    """One with a listener in plain and one with TLS, in front of an upstream that reads and says ok."""

    def __init__(self, running, binary, here, replay="{restart_guard: false}", rate=""):
        here.mkdir()
        certificate(here)
        upstream = subprocess.Popen([sys.executable, "-c", UPSTREAM], stdout=subprocess.PIPE)
        running.children.append(upstream)
        self.plain, self.tls, self.health = free_port(), free_port(), free_port()
        names = {"plain": self.plain, "tls": self.tls, "health": self.health, "here": here, "secret": SECRET}
        config = here / "countersign.yaml"
        config.write_text(CONFIG.format(replay=replay, rate=rate, upstream=int(upstream.stdout.readline()), **names))
        self.process = running.start(here.name + "-gateway", [binary, "run", "--config", config])
        wait_until("the gateway", answers(self.health), self.process)
        self.pid = self.process.pid

    def cpu(self):
        """Seconds on a core since the start, by the scheduler's clock."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def connect(self, tls=False):
        connection = socket.create_connection(("127.0.0.1", self.tls if tls else self.plain), timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
            connection = trust.wrap_socket(connection)
        return connection


def messages(count, size):
    """Requests of which no two are alike."""
    stamp = str(int(time.time()))
    keyed = hmac.new(SECRET.encode(), stamp.encode() + b".", hashlib.sha256)
    for number in itertools.islice(NUMBERS, count):
        body, mac = b"%020d" % number + bytes(max(size - 20, 0)), keyed.copy()
        mac.update(body)
        yield (f"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
               f"X-HMAC-Timestamp: {stamp}\r\nX-HMAC-Signature: {mac.hexdigest()}\r\n\r\n").encode() + body


def load(gate, size, count, tls=False, connections=32):
    """Every connection sends its requests one after the other, all connections at once. Microseconds of the gateway's CPU for a request."""
    requests, waiting = list(messages(count, size)), selectors.DefaultSelector()
    lines = [gate.connect(tls) for _ in range(connections)]
    began = gate.cpu()
    for first, line in enumerate(lines):
        todo = iter(requests[first::connections])
        line.sendall(next(todo))
        waiting.register(line, selectors.EVENT_READ, todo)
    while waiting.get_map():
        for key, _ in waiting.select(30) or sys.exit("the gateway does not answer"):
            answer = key.fileobj.recv(4096)
            if not answer.startswith(b"HTTP/1.1 200 "):
                sys.exit(f"not a 200: {answer[:300]}")
            following = next(key.data, None)
            if following is None:
                waiting.unregister(key.fileobj)
                key.fileobj.close()
            else:
                key.fileobj.sendall(following)
    return (gate.cpu() - began) * 1e6 / count


def connections(gate, tls, count=300):
    """Microseconds for a connection with one request."""
    began = gate.cpu()
    for message in messages(count, 256):
        with gate.connect(tls) as line:
            line.sendall(message)
            line.recv(4096)
    return (gate.cpu() - began) * 1e6 / count


def settled(pid):
    """Resident bytes once they have stopped to fall."""
    before, now = None, memory(pid, "VmRSS")
    while before is None or now < before:
        time.sleep(3)
        before, now = now, memory(pid, "VmRSS")
    return now


def said(binary, *arguments):
    done = subprocess.run([binary, "size", "--output", "json", *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def speed(tally, binary, gate, sharing, counting):
    """Microseconds for a request, and for a connection. `sharing` has its claims on a Redis, `counting` its rate, too."""
    found = {}
    plain = [(256, 6000, False), (16 << 10, 2000, False), (256 << 10, 300, False), (1 << 20, 100, False)]
    for size, count, tls in [*plain, (256, 6000, True), (256 << 10, 200, True)]:
        cost = statistics.median(load(gate, size, count, tls) for _ in range(5))
        told = said(binary, "--rps", "1", "--body", str(size), *["--tls"] * tls)["microseconds_per_request"]
        found[f"a request of {size} bytes{', TLS' * tls}"] = cost, told
    cost = statistics.median(load(sharing, 256, 6000) for _ in range(5))
    told = said(binary, "--rps", "1", "--body", "256", "--shared")["microseconds_per_request"]
    found["a request of 256 bytes, its claim shared"] = cost, told
    cost = statistics.median(load(counting, 256, 6000) for _ in range(5))
    told = said(binary, "--rps", "1", "--body", "256", "--shared-rates")["microseconds_per_request"]
    found["a request of 256 bytes, its claim and its rate shared"] = cost, told
    for name, tls in (("", False), (", TLS", True)):
        told = said(binary, *["--tls"] * tls, "--rps", "0", "--connects", "1")["cores"]["busy"] * 1e6
        cost = statistics.median(connections(gate, tls) for _ in range(5)) - found[f"a request of 256 bytes{name}"][0]
        found[f"a connection{name}"] = cost, told
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


def sharing(running, place, start, *rate):
    """A gateway whose claims are on a Redis."""
    redis = Redis(running, f"{place.name}-redis")
    gate = start(place, f"{{store: redis, redis: {{urls: {redis.url}, deadline: 1s}}}}", *rate)
    wait_until("the store", lambda: ":since:" in redis.cli("KEYS", "*"))
    time.sleep(1.1 + 2 * FUTURE)
    return gate, redis


def shared(tally, binary, gate, redis, flag="--shared", what="claims", count=CLAIMS):
    """Commands, traffic and memory of a Redis that holds the claims."""
    number = lambda name: float(re.search(rf"^{name}:(\d+)", redis.cli("INFO"), re.M)[1])
    names = "used_memory", "total_commands_processed", "total_net_input_bytes"
    before = [number(name) for name in names]
    load(gate, 20, count)
    found = [number(name) - now for name, now in zip(names, before)]
    told = said(binary, "--rps", str(count), "--window", "1s", flag)["redis"]
    held(tally, f"{count} {what} on a Redis", found[0], told["memory_bytes"], "bytes")
    held(tally, "its commands", found[1], told["commands_per_second"], "")
    held(tally, "what it is sent", found[2], told["bytes_per_second"], "bytes")


def held(tally, name, found, told, unit):
    tally.check(f"{name} takes what was said", abs(found / told - 1) <= MOST, f"{found:.0f} {unit}, {told:.0f} said")


def main():
    binary, tally = str(Path(sys.argv[1]).resolve()), Tally()
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        here = Path(directory)

        def start(place, *replay):
            return Gateway(running, binary, place, *replay)
        if "--speed" in sys.argv[2:]:
            others = sharing(running, here / "shared-load", start), sharing(running, here / "rates-load", start, RATE)
            speed(tally, binary, start(here / "load"), *[gate for gate, _ in others])
        space(tally, binary, here, start)
        shared(tally, binary, *sharing(running, here / "shared", start))
        shared(tally, binary, *sharing(running, here / "rates", start, RATE), "--shared-rates", "claims and tokens", CLAIMS // 4)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
