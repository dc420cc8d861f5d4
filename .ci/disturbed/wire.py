"""One HTTP/1.1 connection of a client: plain sockets, since a client library would hide what happens."""

import json
import socket
import ssl

PATIENCE = 20


class Cut(Exception):
    """The connection ended before the answer did; says whether anything of it had come."""


class Line:
    """Connects when it is first used, and again after it ended."""

    def __init__(self, port, trust=None):
        self.port, self.trust, self.socket, self.buffer = port, trust, None, b""

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket, self.buffer = None, b""

    def send(self, message):
        if not self.socket:
            plain = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket = self.trust.wrap_socket(plain, server_hostname="localhost") if self.trust else plain
        try:
            self.socket.sendall(message)
        except (ssl.SSLError, BrokenPipeError, ConnectionResetError):
            pass  # a refusal may have come already

    def exchange(self, message):
        self.send(message)
        return self.answer()

    def answer(self):
        """Status, fields by lower-case name, body."""
        try:
            head = self.until(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body = self.chunks() if "transfer-encoding" in fields else self.exactly(int(fields.get("content-length", 0)))
        except Cut:
            self.close()
            raise
        except (OSError, ValueError) as error:
            self.close()
            raise Cut(f"nothing: {error!r}") from error
        if fields.get("connection") == "close":
            self.close()
        return int(lines[0].split(" ")[1]), fields, body

    def until(self, end, where=""):
        while end not in self.buffer:
            self.more(where)
        head, _, self.buffer = self.buffer.partition(end)
        return head

    def exactly(self, length):
        while len(self.buffer) < length:
            self.more("in the body")
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return body

    def chunks(self):
        body = b""
        while size := int(self.until(b"\r\n", "in the body"), 16):
            body += self.exactly(size + 2)[:-2]
        self.exactly(2)
        return body

    def more(self, where=""):
        try:
            data = self.socket.recv(65536)
        except OSError as error:
            raise Cut(where or (f"in the head: {error!r}" if self.buffer else f"nothing: {error!r}")) from error
        if not data:
            raise Cut(where or ("in the head" if self.buffer else "nothing"))
        self.buffer += data


def told(status, body):
    """`200`, or the code of a refusal."""
    if status == 200:
        return "200"
    try:
        return str(json.loads(body)["code"])
    except (ValueError, KeyError, TypeError):
        return f"{status} without a code"


def ask(port, method, target, body=b"", fields="", patience=3):
    """One question to an operations listener: status and text; status 0 without an answer."""
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
    line = Line(port)
    try:
        line.send(head.encode() + body)
        line.socket.settimeout(patience)
        status, _, text = line.answer()
        return status, text.decode(errors="replace")
    except (OSError, Cut):
        return 0, ""
    finally:
        line.close()
