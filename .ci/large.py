"""A body of 5 GiB in `stream`: what arrives is what was signed, in flat memory; and with one wrong byte it never arrives whole.

usage: large.py COUNTERSIGN
"""

import hashlib
import hmac
import secrets
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

from tools import Processes, Tally, free_port, memory

SECRET = secrets.token_hex(32)
PIECE = secrets.token_bytes(1 << 20)
PIECES = 5 << 10
FEW = 256
GROWTH = 16 << 20


class Sink:
    """An upstream that keeps nothing but a digest: (bytes, digest, whether the message ended as its length says)."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.seen = []
        self.ended = threading.Semaphore(0)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            with self.listener.accept()[0] as connection:
                self.receive(connection)

    def receive(self, connection):
        buffer, head = memoryview(bytearray(1 << 20)), b""
        while b"\r\n\r\n" not in head:
            got = connection.recv(1 << 16)
            if not got:
                return
            head += got
        head, _, body = head.partition(b"\r\n\r\n")
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length, digest, read = int(lines[b"content-length"]), hashlib.sha256(body), len(body)
        while read < length and (count := connection.recv_into(buffer)):
            digest.update(buffer[:count])
            read += count
        self.seen.append((read, digest.hexdigest(), read == length))
        if read == length:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        self.ended.release()


def main():
    tally, sink = Tally(), Sink()
    public, health = free_port(), free_port()
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        keys = Path(directory) / "keys"
        keys.mkdir()
        (keys / "k1").write_text(SECRET)
        config = Path(directory) / "countersign.yaml"
        config.write_text(f"""version: 1
audit: off
health: {{address: "127.0.0.1:{health}"}}
listeners: {{public: {{address: "127.0.0.1:{public}"}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{sink.port}"}}}}
keyrings: {{partners: {{directory: {keys}}}}}
replay: {{restart_guard: false}}
routes:
  - path: "/**"
    verify: {{scheme: timestamp-body, keys: partners, override: {{past: 10m}}}}
    replay: {{by: signature}}
    body: {{mode: stream, max: 6GiB}}
    timeouts: {{total: 10m}}
    upstream: app
""")
        gateway = running.gateway(sys.argv[1], config, health)
        passes(tally, sink, public, 4)
        before = memory(gateway.pid, "VmRSS")
        passes(tally, sink, public, PIECES)
        growth = memory(gateway.pid, "VmHWM") - before
        tally.check("memory stays flat", growth < GROWTH, f"{before / 2**20:.1f} MiB and {growth / 2**20:.1f} MiB more at its peak")
        tampered(tally, sink, public)
    return tally.close()


def passes(tally, sink, port, pieces):
    headers, digest = signed(pieces)
    start = time.monotonic()
    status = post(port, headers, pieces, PIECE)
    took = time.monotonic() - start
    arrived = sink.seen[-1] if sink.ended.acquire(timeout=60) else None
    size = pieces * len(PIECE)
    tally.check(f"{pieces} MiB pass", status == 200 and arrived == (size, digest, True), f"{status}, {size / took / 2**20:.0f} MiB/s")


def tampered(tally, sink, port):
    headers, _ = signed(FEW)
    status = post(port, headers, FEW, PIECE[:-1] + bytes([PIECE[-1] ^ 1]))
    arrived = sink.seen[-1] if sink.ended.acquire(timeout=60) else None
    tally.check("a tampered body is refused", status == 401, status)
    tally.check("a tampered body never arrives whole", arrived and not arrived[2], arrived)


def signed(pieces):
    """Headers of `timestamp-body` for so many pieces, and the digest of the body."""
    stamp = str(int(time.time()))
    mac, digest = hmac.new(SECRET.encode(), stamp.encode() + b".", hashlib.sha256), hashlib.sha256()
    for _ in range(pieces):
        mac.update(PIECE)
        digest.update(PIECE)
    return {"X-HMAC-Timestamp": stamp, "X-HMAC-Signature": mac.hexdigest()}, digest.hexdigest()


def post(port, headers, pieces, last):
    """Sends the pieces, the last of them as given; returns the status."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {pieces * len(PIECE)}\r\n{lines}\r\n"
        connection.sendall(head.encode())
        for _ in range(pieces - 1):
            connection.sendall(PIECE)
        connection.sendall(last)
        answer = b""
        while b"\r\n\r\n" not in answer and (got := connection.recv(1 << 16)):
            answer += got
    return int(answer.split(b" ", 2)[1]) if answer else 0


if __name__ == "__main__":
    sys.exit(main())
