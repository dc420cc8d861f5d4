"""A service that stands in for yours: it answers with what reached it, on port 8000, and has metrics on port 9000."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = os.environ.get("HOST", "0.0.0.0")


class Orders(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        caller = self.headers.get("X-Countersign-Principal", "nobody")
        self.answer(f"{self.command} {self.path} by {caller}: ".encode() + body + b"\n")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Metrics(Orders):
    def do_GET(self):
        self.answer(b"orders_up 1\n")


if __name__ == "__main__":
    threading.Thread(target=ThreadingHTTPServer((HOST, 9000), Metrics).serve_forever, daemon=True).start()
    ThreadingHTTPServer((HOST, 8000), Orders).serve_forever()
