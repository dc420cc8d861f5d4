#!/usr/bin/env python3
"""What connections and held bodies cost in resident memory, and how much of it comes back: memory.py BINARY [--connections N]."""

import argparse
import functools
import re
import resource
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
SETTINGS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
BODY = 60 << 10
HEAD = (
    f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BODY}\r\n"
    f"X-HMAC-Timestamp: {{stamp}}\r\nX-HMAC-Signature: {'0' * 64}\r\n\r\n"
)
CONFIG = """version: 1
listeners:
  plain: {{address: "127.0.0.1:0", limits: {{connections: 20000}}, timeouts: {{idle: 10m, head: 10m}}}}
  tls: {{address: "127.0.0.1:0", limits: {{connections: 20000}}, timeouts: {{idle: 10m, head: 10m}},
    tls: {{certificate: {0}/tls.crt, key: {0}/tls.key}}}}
upstreams: {{app: {{url: "http://127.0.0.1:1"}}}}
keyrings: {{k: {{keys: [{{id: k1, secret: "0123456789abcdef0123456789abcdef"}}]}}}}
routes: [{{path: "/**", verify: {{scheme: timestamp-body, keys: k}}, replay: off, timeouts: {{body_idle: 10m}}, upstream: app}}]
limits: {{memory: 128MiB}}
log: {{filter: debug, format: json}}
audit: {{sink: file, path: {0}/audit.jsonl}}
workers: 2
"""


class Gateway:
    """The gateway as a process of its own, on ports that the system chose."""

    def __init__(self, binary, directory):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-keyout", f"{directory}/tls.key", "-out", f"{directory}/tls.crt"],
            check=True, capture_output=True,
        )
        config, log = Path(directory, "countersign.yaml"), Path(directory, "log")
        config.write_text(CONFIG.format(directory))
        self.pause = 1.5
        self.process = subprocess.Popen([binary, "run", "--config", config], stderr=log.open("wb"))
        while not (found := re.search(r'"listening":"plain ([^,]+), tls ([^",]+)"', log.read_text())):
            if self.process.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.05)
        self.plain, self.tls = ((host, int(port)) for host, port in (place.rsplit(":", 1) for place in found.groups()))

    def resident(self):
        """VmRSS in KiB, once it has stopped to change."""
        before = None
        while True:
            time.sleep(self.pause)
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            now = int(re.search(r"VmRSS:\s+(\d+)", status).group(1))
            if before is not None and abs(now - before) < 32:
                return now
            before = now


def dial(address, source=None):
    client = socket.create_connection(address, source_address=(source, 0) if source else None)
    client.settimeout(60)
    return client


def asked(client):
    """A connection that had one request, and rests."""
    client.sendall(REQUEST)
    seen = b""
    while b"}" not in seen:
        seen += client.recv(4096)
    return client


def greeted(client):
    """An HTTP/2 connection that has agreed on its settings, and rests."""
    client.sendall(SETTINGS)
    client.recv(4096)
    return client


@functools.cache
def trusting(protocol):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    return context


def secure(gateway, protocol):
    return trusting(protocol).wrap_socket(dial(gateway.tls), server_hostname="localhost")


def holding(gateway, place):
    """A connection whose body is held: all of it has come but its last byte."""
    client = dial(gateway.plain, f"127.0.{1 + place % 16}.1")
    client.sendall(HEAD.format(stamp=int(time.time())).encode() + b"x" * (BODY - 1))
    return client


KINDS = {
    "HTTP/1.1": lambda gateway, _: asked(dial(gateway.plain)),
    "HTTP/2": lambda gateway, _: greeted(dial(gateway.plain)),
    "HTTP/1.1 over TLS": lambda gateway, _: asked(secure(gateway, "http/1.1")),
    "HTTP/2 over TLS": lambda gateway, _: greeted(secure(gateway, "h2")),
    "held 60 KiB bodies": holding,
}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("binary")
    options.add_argument("--connections", type=int, default=2000)
    options = options.parse_args()
    count = options.connections
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for name, connect in KINDS.items():
        with tempfile.TemporaryDirectory() as directory:
            gateway = Gateway(options.binary, directory)
            try:
                start = gateway.resident()
                clients = [connect(gateway, place) for place in range(count)]
                grown = gateway.resident() - start
                for client in clients:
                    client.close()
                left = gateway.resident() - start
            finally:
                gateway.process.terminate()
                gateway.process.wait()
        print(f"{name:18} start {start:6} KiB, with {count} {grown:+8} ({grown / count:5.1f} each), closed {left:+8}", flush=True)


if __name__ == "__main__":
    main()
