"""A real redis-server, and gateways that share it."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from tools import answers, free_port, request, wait_until

SECRET = "0123456789abcdef0123456789abcdef"

CONFIG = """version: 1
audit: {audit}
health: {{address: "127.0.0.1:{health}"}}
workers: {workers}
listeners: {{public: {{address: "127.0.0.1:{port}"}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}"}}}}
keyrings: {{app: {{keys: [{{id: k, secret: "{secret}"}}]}}}}
{replay}
defaults: {{upstream: app}}
routes:
  - {{path: /closed, verify: {verify}, replay: {{by: signature}}}}
  - {{path: /open, verify: {verify}, replay: {{by: signature, outage: open}}}}
  - {{path: /webhook, verify: {verify}, replay: {{by: signature, duplicate: 200, release_on: [500]}}}}
  - {{path: /limited, verify: {verify}, replay: {{by: signature, outage: open}}, rate: {{key: {{limit: 60/m, burst: 40, shared: {rates}}}}}}}
"""
VERIFY = "{scheme: timestamp-body, keys: app, override: {past: 300s, future: 0s}}"


class Redis:
    """A server that can be killed, paused and started again on the same port."""

    def __init__(self, running, name, *options, port=None):
        self.running, self.name, self.port = running, name, port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.options, self.starts = options, 0
        self.start()

    def start(self, wait=True):
        self.starts += 1
        here = Path(self.running.directory) / f"{self.name}-{self.starts}"
        here.mkdir()
        command = ["redis-server", "--port", str(self.port), "--dir", str(here), "--save", "", "--bind", "127.0.0.1"]
        self.child = self.running.start(here.name, [*command, *self.options])
        if wait:
            self.wait()
        return self

    def wait(self):
        wait_until(self.name, lambda: self.cli("PING") == "PONG", self.child)

    def cli(self, *words, port=None):
        command = ["timeout", "3", "redis-cli", "-p", str(port or self.port), *words]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    def kill(self):
        self.child.kill()
        self.child.wait()

    def pause(self):
        os.kill(self.child.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.child.pid, signal.SIGCONT)


class Gateway:
    """One of several that share a store."""

    def __init__(self, running, binary, name, upstream, store, workers=1, audit="off"):
        self.running, self.name, self.port, self.health = running, name, free_port(), free_port()
        config = Path(running.directory) / f"{name}.yaml"
        replay = f"replay: {store}"
        rates = "true" if "redis" in store else "false"
        places = {"rates": rates, "health": self.health, "port": self.port, "upstream": upstream, "workers": workers}
        config.write_text(CONFIG.format(**places, secret=SECRET, replay=replay, verify=VERIFY, audit=audit))
        self.child = running.start(name, [binary, "run", "--config", str(config)])
        try:
            wait_until(name, answers(self.health), self.child)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{running.log(name)}") from None

    def metric(self, name):
        """The sum of a metric over its labels."""
        text = request(self.health, "GET", "/metrics")[2].decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)", text, re.M))

    def readyz(self):
        return request(self.health, "GET", "/readyz")[2].decode()

    def is_up(self):
        return "replay store away" not in self.readyz() and self.metric("countersign_replay_store_up") == 1


def shared(*urls, more=""):
    """The setting of a store behind these URLs."""
    return f"{{store: redis, redis: {{urls: [{', '.join(urls)}]{more}}}}}"


def until(holds, seconds):
    """How long it takes until something holds; `None` where that is longer."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > seconds:
            return None
        time.sleep(0.02)
    return time.monotonic() - begun
