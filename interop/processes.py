"""Starting what a test talks to, waiting until it answers, and stopping exactly that."""

import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PATIENCE = 30

_given = set()


def free_port():
    """A port where nobody listens, another one at each call."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def wait_until(what, ready, process=None):
    """Asks every 50 ms, at most PATIENCE seconds, and gives up at once when the process has died."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = ready()
        if found:
            return found
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{what} ended with {process.returncode}")
        time.sleep(0.05)
    raise RuntimeError(f"{what} was not ready within {PATIENCE} s")


def answers(port, path="/readyz", status=200):
    def ask():
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", path)
            return connection.getresponse().status == status
        except OSError:
            return False
        finally:
            connection.close()
    return ask


class Processes:
    """Children of this run. Leaving the block ends them, newest first."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.children = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in reversed(self.children):
            try:
                child.wait(timeout=15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def start(self, name, command, **options):
        log = open(self.directory / f"{name}.log", "wb")
        env = {**os.environ, **options.pop("env", {})}
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, **options)
        self.children.append(child)
        return child

    def log(self, name):
        return (self.directory / f"{name}.log").read_text(errors="replace")

    def gateway(self, binary, config, health_port, name="gateway"):
        """The gateway on a configuration whose health listener is `health_port`."""
        child = self.start(name, [str(binary), "run", "--config", str(config)])
        try:
            wait_until(name, answers(health_port), child)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{self.log(name)}") from None
        return child

    def service(self, secret, certificate=None):
        """The DRF service under gunicorn; returns its port."""
        here = Path(__file__).parent
        command = ["gunicorn", "--chdir", str(here), "--bind", "127.0.0.1:0", "--threads", "4", "--keep-alive", "30"]
        if certificate:
            command += ["--certfile", str(certificate[0]), "--keyfile", str(certificate[1])]
        name = "service-tls" if certificate else "service"
        env = {"INTEROP_SECRET": secret, "PYTHONDONTWRITEBYTECODE": "1"}
        child = self.start(name, [*command, "service:application"], env=env)
        listening = wait_until(name, lambda: re.search(r"Listening at: https?://127\.0\.0\.1:(\d+)", self.log(name)), child)
        port = int(listening.group(1))
        wait_until(name, lambda: socket.create_connection(("127.0.0.1", port), timeout=2).close() is None, child)
        return port


class Echo(BaseHTTPRequestHandler):
    """An upstream that records what reached it."""

    protocol_version = "HTTP/1.1"
    seen = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append({"method": self.command, "target": self.path, "headers": self.headers.items(), "body": body})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST

    def log_message(self, *_):
        pass


class Upstream(ThreadingHTTPServer):
    """Whoever is in front may drop an idle connection as it likes: no failure, and nothing to print."""

    def handle_error(self, *request):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*request)


def echo_upstream():
    """Starts the recording upstream in this process; returns its port and what it saw."""
    server = Upstream(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1], Echo.seen


def certificate(directory):
    """A certificate for localhost and 127.0.0.1 that is its own authority."""
    chain, key = Path(directory) / "tls.crt", Path(directory) / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", str(key), "-out", str(chain)],
        check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return chain, key


def request(port, method, target, headers=None, body=b"", ca=None):
    """One request on a connection of its own: (status, headers, body)."""
    if ca:
        trust = ssl.create_default_context(cafile=str(ca))
        connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=trust)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        try:
            connection.request(method, target, body=body, headers=headers or {})
        except (BrokenPipeError, ConnectionResetError):
            pass    # Answered before the whole body was there; the answer waits to be read.
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()
