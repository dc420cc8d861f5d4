"""Where the floods take place: a quick upstream, and gateways whose limits end what is slow within seconds.

usage: ground.py PORT        (the upstream: answers everything with `ok`)
"""

import asyncio
import importlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from tools import PROBE_SCHEME, ROOT, answers, certificate, free_port, request, wait_until

SECRET = "0123456789abcdef0123456789abcdef"

# Seconds: nothing that is slow lasts longer. What is used has other figures: docs/configuration.md.
SHORT = {"handshake": 2, "head": 2, "idle": 2, "write": 2, "body_idle": 2}
USUAL = {"handshake": 10, "head": 10, "idle": 60, "write": 30, "body_idle": 30}

CONFIG = """version: 1
poll: 100ms
health: {{address: "127.0.0.1:{health}"}}
limits: {{memory: {memory}}}
listeners:
  plain: {{address: "127.0.0.1:{plain}", timeouts: {timeouts}}}
  tls: {{address: "127.0.0.1:{tls}", tls: {{certificate: {chain}, key: {key}}}, timeouts: {timeouts}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}", timeouts: {{idle: 1s}}}}}}
keyrings: {{probe: {{keys: [{{id: known-key-01, secret: "{secret}"}}]}}}}
replay: {{restart_guard: false, capacity: {capacity}}}
audit: off
schemes:
{probe}{schemes}
routes:
  - path: /**
    verify: {{scheme: probe, keys: probe}}
    body: {{memory: 1MiB}}
    timeouts: {{body_idle: {body_idle}s}}
    upstream: app
    {route}
{routes}"""


@dataclass
class Gate:
    """A gateway under attack."""

    child: object
    plain: int
    tls: int
    health: int

    @property
    def pid(self):
        return self.child.pid

    def metric(self, name):
        """The sum of a metric over its labels."""
        text = request(self.health, "GET", "/metrics")[2].decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)", text, re.M))


def attack_scripts(directory):
    """Makes the probes importable, in this process and in the clients that they start."""
    sys.path.insert(0, str(directory))
    return importlib.import_module


def quick_upstream(running):
    port = free_port()
    child = running.start("upstream", [sys.executable, __file__, str(port)])
    wait_until("the upstream", answers(port, "/"), child)
    return port


def gateway(running, binary, name, upstream, times=SHORT, prefix=(), **options):
    """Starts one. Options are the places of `CONFIG`."""
    here = Path(running.directory) / name
    here.mkdir()
    chain, key = certificate(here)
    plain, tls, health = (free_port() for _ in range(3))
    listening = ", ".join(f"{timeout}: {seconds}s" for timeout, seconds in times.items() if timeout != "body_idle")
    places = {"memory": "64MiB", "capacity": 1_000_000, "schemes": "", "route": "", "routes": "", "secret": SECRET} | options
    config = here / "countersign.yaml"
    config.write_text(CONFIG.format(
        **places, probe=PROBE_SCHEME, plain=plain, tls=tls, health=health, upstream=upstream, chain=chain, key=key,
        timeouts=f"{{{listening}}}", body_idle=times["body_idle"]))
    child = running.start(name, [*prefix, str(binary), "run", "--config", str(config)])
    try:
        wait_until(name, answers(health), child)
    except RuntimeError as error:
        raise RuntimeError(f"{error}\n{running.log(name)}") from None
    return Gate(child, plain, tls, health)


class Ok(asyncio.Protocol):
    """Counts heads and takes bodies for nothing: whoever sends one also sends its length."""

    def connection_made(self, transport):
        self.transport, self.seen, self.skip = transport, b"", 0

    def data_received(self, data):
        self.seen += data
        while self.seen:
            skipped = min(self.skip, len(self.seen))
            self.seen, self.skip = self.seen[skipped:], self.skip - skipped
            head, end, rest = self.seen.partition(b"\r\n\r\n")
            if self.skip or not end:
                return
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            self.seen, self.skip = rest, int(length[1]) if length else 0
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def serve(port):
    server = await asyncio.get_running_loop().create_server(Ok, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
