"""Sixty seconds of signed traffic while keys rotate ten times by a `..data` swap: no wrong verdict, no failed request.

usage: rotation.py COUNTERSIGN
"""

import http.client
import os
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tools import Processes, Tally, echo_upstream, free_port, signed

ROTATIONS = 10
SECONDS = 60
CLIENTS = 6
POLL = 1


class SecretMount:
    """A directory as the kubelet writes it."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir()
        self.generation = 0

    def swap(self, keys):
        self.generation += 1
        fresh = self.directory / f"..{self.generation}"
        fresh.mkdir()
        for name, secret in keys.items():
            (fresh / name).write_text(secret)
        (self.directory / "..tmp").symlink_to(fresh.name)
        os.rename(self.directory / "..tmp", self.directory / "..data")
        for name in keys:
            if not (self.directory / name).is_symlink():
                (self.directory / name).symlink_to(f"..data/{name}")
        for path in self.directory.iterdir():
            if not path.name.startswith("..") and path.name not in keys:
                path.unlink()


class Traffic:
    """Clients that sign with the current key; every fifth request is forged and must be refused."""

    def __init__(self, port, secret):
        self.port, self.secret = port, secret
        self.stop = threading.Event()
        self.told = Counter()
        self.wrong = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.client, args=(number,)) for number in range(CLIENTS)]

    def client(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = 0
        while not self.stop.is_set():
            sent += 1
            forged = sent % 5 == 0
            body = f"{number}.{sent}".encode() * (1 + sent % 50)
            headers = signed("nobody's secret, but long enough" if forged else self.secret, body)
            try:
                connection.request("POST", "/", body=body, headers=headers)
                response = connection.getresponse()
                good = response.read() == body or forged
                self.note(response.status if good else "body", 401 if forged else 200)
            except (OSError, http.client.HTTPException) as error:
                self.note(repr(error), "an answer")
                connection.close()

    def note(self, got, expected):
        with self.lock:
            self.told[got] += 1
            if got != expected:
                self.wrong.append((got, expected))


def main():
    tally = Tally()
    upstream, seen = echo_upstream()
    public, health = free_port(), free_port()
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        mount = SecretMount(Path(directory) / "keys")
        secret = secrets.token_hex(32)
        mount.swap({"k0": secret})
        config = Path(directory) / "countersign.yaml"
        config.write_text(f"""version: 1
poll: {POLL}s
audit: off
health: {{address: "127.0.0.1:{health}"}}
listeners: {{public: {{address: "127.0.0.1:{public}"}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}"}}}}
keyrings: {{partners: {{directory: {mount.directory}}}}}
replay: {{restart_guard: false}}
routes:
  - {{path: "/**", verify: {{scheme: timestamp-body, keys: partners}}, replay: {{by: signature}}, upstream: app}}
""")
        running.gateway(sys.argv[1], config, health)
        traffic = Traffic(public, secret)
        for thread in traffic.threads:
            thread.start()
        rotate(mount, traffic)
        traffic.stop.set()
        for thread in traffic.threads:
            thread.join()
        keys = {dict(request["headers"]).get("x-countersign-key") or dict(request["headers"]).get("X-Countersign-Key") for request in seen}
    tally.check("no wrong verdict and no failed request", not traffic.wrong, traffic.wrong[:5])
    tally.check("every key of the rotation was used", len(keys - {None}) == ROTATIONS + 1, sorted(filter(None, keys)))
    tally.check("there was traffic", traffic.told[200] > 1000 and traffic.told[401] > 100, dict(traffic.told))
    return tally.close()


def rotate(mount, traffic):
    """Add the new key, let it be loaded, sign with it, remove the old one."""
    old = traffic.secret
    for number in range(1, ROTATIONS + 1):
        new = secrets.token_hex(32)
        mount.swap({f"k{number - 1}": old, f"k{number}": new})
        time.sleep(3 * POLL)
        traffic.secret = new
        time.sleep(POLL)
        mount.swap({f"k{number}": new})
        time.sleep(SECONDS / ROTATIONS - 4 * POLL)
        old = new


if __name__ == "__main__":
    sys.exit(main())
