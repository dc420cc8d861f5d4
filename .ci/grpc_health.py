"""A service that speaks nothing but gRPC's health protocol: the app's own gRPC probe has something to ask. Standard library alone.

usage: grpc_health.py PORT
"""

import socketserver
import struct
import sys

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, END_STREAM, END_HEADERS, ACK = 0, 1, 4, 6, 1, 4, 1
SERVING = b"\0" + struct.pack(">I", 2) + b"\x08\x01"       # HealthCheckResponse{status: SERVING}


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def block(*fields):
    """Field lines as literals that nobody indexes (RFC 7541 §6.2.2)."""
    return b"".join(b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in fields)


class Health(socketserver.StreamRequestHandler):
    def handle(self):
        if self.rfile.read(len(PREFACE)) != PREFACE:
            return
        self.wfile.write(frame(SETTINGS, 0, 0))
        while head := self.rfile.read(9):
            kind, flags, stream = head[3], head[4], struct.unpack(">I", head[5:])[0]
            payload = self.rfile.read(int.from_bytes(head[:3], "big"))
            if kind == SETTINGS and not flags & ACK:
                self.wfile.write(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                self.wfile.write(frame(PING, ACK, 0, payload))
            elif kind in (DATA, HEADERS) and flags & END_STREAM:
                self.answer(stream)

    def answer(self, stream):
        head = block((b":status", b"200"), (b"content-type", b"application/grpc"))
        trailers = frame(HEADERS, END_HEADERS | END_STREAM, stream, block((b"grpc-status", b"0")))
        self.wfile.write(frame(HEADERS, END_HEADERS, stream, head) + frame(DATA, 0, stream, SERVING) + trailers)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


if __name__ == "__main__":
    Server(("0.0.0.0", int(sys.argv[1])), Health).serve_forever()
