"""A service that stands in for yours: it answers with what reached it. Usage: echo.py [PORT]"""

import sys
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer

TOLD = ("authorization", "content-digest", "signature", "webhook-", "stripe-", "x-")
VARYING = ("x-forwarded-", "x-request-id")


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode(errors="replace")
        named = sorted((name.lower(), value) for name, value in self.headers.items())
        told = [f"{name}: {value}" for name, value in named if name.startswith(TOLD) and not name.startswith(VARYING)]
        lines = [f"{self.command} {self.path}", *told, *([body] if body else [])]
        answer = "".join(f"{line}\n" for line in lines).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, *_):
        pass


class Service(ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 64


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    Service(("127.0.0.1", port), Echo).serve_forever()
