"""The upstream: writes down what it receives, complete requests only, before it answers, or misbehaves as its standard input says.

usage: upstream.py PORT FILE        (CHAOS_JUDGE and CHAOS_SEED in the environment; modes, one per line: calm, reset, slow, garbage)
"""

import asyncio
import os
import random
import socket
import struct
import sys

from judge import read

JUDGE = bytes.fromhex(os.environ.get("CHAOS_JUDGE", ""))
BROKEN = (
    b"\x00\xff\x13 nothing that anybody could read \r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nonly this",
    b"HTTP/1.1 200 OK\r\nX-Bomb: " + b"x" * 300_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Split: a\rb\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 200",
)
STRANGE = b"HTTP/1.1 200 OK\r\nX-Id: somebody-elses\r\nContent-Length: 8\r\n\r\nnot you\n"


class Upstream:
    def __init__(self, path):
        self.mode = "calm"
        self.book = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def misbehaves(self):
        return self.mode if self.mode != "calm" and random.random() < 0.5 else "calm"

    def listen_to_orders(self):
        line = sys.stdin.readline()
        if not line:
            os._exit(0)
        self.mode = line.strip()


class Connection(asyncio.Protocol):
    """One request after the other; bodies by length or in chunks."""

    def __init__(self, upstream):
        self.upstream, self.buffer, self.head, self.target = upstream, bytearray(), None, b""

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.buffer += data
        while not self.transport.is_closing() and (self.head or self.read_head()):
            body = self.read_body()
            if body is None:
                return
            head, self.head = self.head, None
            self.judged(head, bytes(body))

    def read_head(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        lines = bytes(self.buffer[:end]).split(b"\r\n")
        del self.buffer[:end + 4]
        self.target = lines[0].split(b" ")[1]
        self.head = dict((name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines[1:]))
        if self.upstream.misbehaves() == "reset" and random.random() < 0.3:
            self.reset()
        return True

    def read_body(self):
        if self.head.get(b"transfer-encoding") != b"chunked":
            length = int(self.head.get(b"content-length", 0))
            return self.take(length) if len(self.buffer) >= length else None
        at, body = 0, bytearray()
        while (end := self.buffer.find(b"\r\n", at)) >= 0:
            size = int(self.buffer[at:end], 16)
            if len(self.buffer) < end + 4 + size:
                return None
            body += self.buffer[end + 2:end + 2 + size]
            at = end + 4 + size
            if not size:
                del self.buffer[:at]
                return body
        return None

    def take(self, length):
        body = self.buffer[:length]
        del self.buffer[:length]
        return body

    def judged(self, head, body):
        ident, verdict = read(JUDGE, body, head.get(b"x-countersign-key"), self.target == b"/stream")
        os.write(self.upstream.book, f"{ident} {verdict}\n".encode())
        text = f"{ident}\n".encode()
        answer = b"HTTP/1.1 200 OK\r\nX-Id: %b\r\nContent-Length: %d\r\n\r\n%b" % (text[:-1], len(text), text)
        match self.upstream.misbehaves():
            case "reset":
                self.reset()
            case "slow":
                asyncio.get_running_loop().call_later(random.uniform(0.05, 3), self.transport.write, answer)
            case "garbage":
                self.garbage(answer)
            case _:
                self.transport.write(answer)

    def garbage(self, answer):
        """Nonsense, a right answer with somebody else's behind it, or a right one that is cut."""
        choice = random.randrange(len(BROKEN) + 2)
        if choice == len(BROKEN):
            return self.transport.write(answer + STRANGE)
        self.transport.write(answer[:-3] if choice > len(BROKEN) else BROKEN[choice])
        self.transport.close()

    def reset(self):
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


async def main():
    random.seed(os.environ.get("CHAOS_SEED"))
    upstream = Upstream(sys.argv[2])
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, upstream.listen_to_orders)
    server = await loop.create_server(lambda: Connection(upstream), "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
