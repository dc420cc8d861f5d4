"""Steps the clock of a running gateway, back and forth (libfaketime): bounds stay exact, and no copy passes whatever the clock says.

usage: clock.py COUNTERSIGN [SEED]

Controls have to fail: a window of another width, no memory at all, and a memory whose monotonic clock is stepped with the wall clock.
"""

import base64
import glob
import hashlib
import hmac
import http.client
import os
import random
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tools import Processes, Tally, answers, echo_upstream, free_port, request, wait_until

SECRET = secrets.token_bytes(32)
TEXT = "whsec_" + base64.b64encode(SECRET).decode()
START = 1_790_000_000
WINDOW = 300
STEPS = 60
REFUSED = {401, 409}
LIBRARY = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


class Gateway:
    """A gateway whose clock stands at what is written into a file."""

    def __init__(self, running, directory, binary, name, past=WINDOW, replay=True, monotonic=True):
        self.directory, self.file = Path(directory), Path(directory) / f"{name}.time"
        self.upstream, self.seen = echo_upstream()
        self.public, self.health = free_port(), free_port()
        (self.directory / "key").write_text(TEXT)
        by = lambda what: f"{{by: {what if replay else 'off'}}}"
        config = self.directory / f"{name}.yaml"
        config.write_text(f"""version: 1
audit: off
health: {{address: "127.0.0.1:{self.health}"}}
listeners: {{public: {{address: "127.0.0.1:{self.public}"}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{self.upstream}"}}}}
keyrings: {{app: {{file: {self.directory / "keys.yaml"}}}}}
replay: {{restart_guard: false}}
defaults: {{upstream: app}}
routes:
  - {{path: /stamp, verify: {{scheme: stripe, keys: app, override: {{past: {past}s}}}}, replay: {by("signature")}}}
  - {{path: /nonce, verify: {{scheme: standard-webhooks, keys: app, override: {{past: {past}s}}}}, replay: {by("nonce")}}}
""")
        (self.directory / "keys.yaml").write_text(f'version: 1\nkeys: [{{id: k, secret: "{TEXT}"}}]\n')
        self.set(START)
        env = {"LD_PRELOAD": LIBRARY[0], "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1", "TZ": "UTC"}
        env |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"} if monotonic else {}
        self.name, self.running = name, running
        self.process = running.start(name, [binary, "run", "--config", str(config)], env=env)
        try:
            wait_until(name, answers(self.health), self.process)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{running.log(name)}") from None

    def set(self, now):
        """The clock stands there from now on."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(time.strftime("%Y-%m-%d %H:%M:%S\n", time.gmtime(now)))
        os.replace(fresh, self.file)

    def send(self, sent):
        """The status, 0 where there was none."""
        target, headers, body = sent
        connection = http.client.HTTPConnection("127.0.0.1", self.public, timeout=5)
        try:
            connection.request("POST", target, body=body, headers=headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def sweep(self):
        """Whoever asks for the metrics has dead claims swept."""
        return request(self.health, "GET", "/metrics")[0]

    def lives(self):
        return self.process.poll() is None and "panic" not in self.running.log(self.name)


def stamped(stamp):
    """A request that nobody else sends, in one scheme or the other."""
    body = secrets.token_hex(8).encode()
    mac = hmac.new(TEXT.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return "/stamp", {"Stripe-Signature": f"t={stamp},v1={mac}"}, body


def named(stamp):
    body, name = b"{}", f"msg_{secrets.token_hex(8)}"
    mac = hmac.new(SECRET, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(mac).decode()
    return "/nonce", {"webhook-id": name, "webhook-timestamp": str(stamp), "webhook-signature": signature}, body


def bounds(gateway, now):
    """The stamps next to either bound that got a wrong answer."""
    gateway.set(now)
    edges = {-WINDOW - 1: 401, -WINDOW: 200, 0: 200, WINDOW: 200, WINDOW + 1: 401}
    told = {(make.__name__, off): gateway.send(make(now + off)) for make in (stamped, named) for off in edges}
    return {case: status for case, status in told.items() if status != edges[case[1]]}


def far_and_back(gateway, distances=(WINDOW + 1, 3600, 86_400 * 365, -3600, -86_400 * 365)):
    """Statuses of copies after the clock went far ahead, with traffic there, and came back."""
    gateway.set(START)
    sent = [make(START + off) for make in (stamped, named) for off in (-WINDOW, 0, WINDOW)]
    first = [gateway.send(one) for one in sent]
    copies = []
    for away in distances:
        gateway.set(START + away)
        first += [gateway.send(make(START + away)) for make in (stamped, named)]
        gateway.sweep()
        copies += [gateway.send(one) for one in sent]
        for now in (START, START + WINDOW, START - WINDOW):
            gateway.set(now)
            copies += [gateway.send(one) for one in sent]
    return first, copies


def walk(gateway, dice):
    """Steps at random within twice the window: fresh requests pass, copies never, however the clock stands."""
    sent, fresh, copies = [], [], []
    for _ in range(STEPS):
        now = START + dice.randint(-2 * WINDOW, 2 * WINDOW)
        gateway.set(now)
        gateway.sweep()
        one = dice.choice((stamped, named))(now + dice.randint(-WINDOW, WINDOW))
        fresh.append(gateway.send(one))
        copies += [gateway.send(copy) for copy in dice.sample(sent, min(len(sent), 8)) + [one]]
        sent.append(one)
    return fresh, copies


def stepped(tally, gateway, dice):
    for now in (START, START + 3600, START - 3600, 2**31 - 1, 2**31 + 1, 4_000_000_000, 1_000):
        wrong = bounds(gateway, now)
        tally.check(f"both bounds are exact when the clock has stepped to {now}", not wrong, wrong or "")
    first, copies = far_and_back(gateway)
    tally.check("what is fresh passes, however far the clock is away", set(first) == {200}, len(first))
    tally.check("no copy passes when it is back", copies and set(copies) <= REFUSED, len(copies))
    fresh, copies = walk(gateway, dice)
    tally.check("what is fresh passes on a random walk of the clock", set(fresh) == {200}, len(fresh))
    tally.check("no copy passes on it", copies and set(copies) <= REFUSED, len(copies))
    bodies = [(dict(seen["headers"]).get("webhook-id"), seen["body"]) for seen in gateway.seen]
    tally.check("nothing reached the upstream twice", len(bodies) == len(set(bodies)) > STEPS, len(bodies))
    tally.check("the gateway lives, and nothing in it has panicked", gateway.lives())


def controls(tally, start):
    wrong = bounds(start("narrow", past=WINDOW - 1), START)
    tally.check("control: a window that is one second narrower is found", wrong, wrong)
    _, copies = far_and_back(start("forgetful", replay=False), [3600])
    tally.check("control: a gateway that remembers nothing is found", 200 in copies)
    unsteady = start("unsteady", monotonic=False)
    tally.check("control: a gateway that forgets when the clock jumps is found", forgets(unsteady))
    # Its timers stand still: it would not end by itself.
    unsteady.process.kill()


def forgets(gateway):
    """Whether one jump ahead, with a sweep there, lets a copy past the memory."""
    gateway.set(START)
    one = stamped(START)
    gateway.send(one)
    gateway.set(START + 3600)
    gateway.sweep()
    gateway.set(START)
    return gateway.send(one) not in REFUSED


def main():
    tally = Tally()
    tally.check("libfaketime is here", LIBRARY)
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else secrets.randbits(32)
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        start = lambda name, **options: Gateway(running, directory, sys.argv[1], name, **options)
        stepped(tally, start("gateway"), random.Random(seed))
        controls(tally, start)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
