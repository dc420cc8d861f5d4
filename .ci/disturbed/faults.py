"""What goes wrong, each in a thread of its own and at random: the upstream, the files of the house, the operations listeners, the clock."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from .house import FUTURE, INVALID
from .wire import Line, ask

HERE = Path(__file__).parent
NOTICED = 15
LOST = {"upstream_unreachable", "upstream_closed", "upstream_invalid", "upstream_timeout", "total_timeout", "upstream_busy", "cut"}
LATE = {"timestamp_outside_window"}


class Disturbance(threading.Thread):
    """Waits, does one thing at random, and again. What it finds wrong stands in `findings`."""

    def __init__(self, stage, chance, pauses):
        super().__init__(daemon=True)
        self.stage, self.chance, self.pauses = stage, chance, pauses
        self.done, self.findings = Counter(), []

    def run(self):
        while not self.stage.over.wait(self.chance.uniform(*self.pauses)):
            act, begun = self.chance.choice(self.acts()), time.monotonic()
            try:
                act()
                self.done[act.__name__] += 1
            except Exception as error:  # a disturbance that failed proves nothing, so it has to be seen
                if not self.stage.stalls.cover(begun, time.monotonic()):
                    self.findings.append(f"{act.__name__}: {error!r}")

    def rest(self, shortest, longest):
        time.sleep(self.chance.uniform(shortest, longest))


class Upstreams(Disturbance):
    """The upstream is a process of its own: it dies, hangs, and misbehaves."""

    def __init__(self, stage, chance):
        super().__init__(stage, chance, (0.5, 4))
        self.born()

    def acts(self):
        return [self.killed, self.frozen, self.resetting, self.slow, self.garbage]

    def born(self):
        env = {**os.environ, "CHAOS_JUDGE": self.stage.judge.hex(), "CHAOS_SEED": str(self.chance.random())}
        command = [sys.executable, str(HERE / "upstream.py"), str(self.stage.house.ports["upstream"]), str(self.stage.book)]
        with open(self.stage.here / "upstream.log", "ab") as log:
            self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=env)
        self.stage.running.children.append(self.child)
        line = Line(self.stage.house.ports["upstream"])
        for _ in range(200):
            try:
                return line.send(b"")
            except OSError:
                time.sleep(0.05)
            finally:
                line.close()
        raise RuntimeError("the upstream does not come back")

    def killed(self):
        with self.stage.excusing("upstream killed", LOST):
            self.child.kill()
            self.child.wait()
            self.rest(0.1, 2.5)
            self.born()

    def frozen(self):
        with self.stage.excusing("upstream frozen", LOST):
            self.child.send_signal(signal.SIGSTOP)
            self.rest(0.5, 4)
            self.child.send_signal(signal.SIGCONT)

    def resetting(self):
        self.mode("reset")

    def slow(self):
        self.mode("slow")

    def garbage(self):
        self.mode("garbage")

    def mode(self, name):
        with self.stage.excusing(f"upstream {name}", LOST):
            self.order(name)
            self.rest(1, 5)
            self.order("calm")

    def order(self, name):
        self.child.stdin.write(f"{name}\n".encode())
        self.child.stdin.flush()


class Clock(Disturbance):
    """Steps of the wall clock, within what the schemes accept and far beyond it."""

    def __init__(self, stage, chance):
        super().__init__(stage, chance, (4, 15))

    def acts(self):
        return [self.near, self.near, self.ahead, self.behind, self.back_to_what_is_forgotten]

    def near(self):
        self.step(self.chance.randrange(-(FUTURE - 4), FUTURE - 3), set())

    def ahead(self):
        """A request whose time was found right just before may have been claimed, by the clock just after, before the store was known."""
        self.step(self.chance.choice((60, 3600, 40_000_000)), LATE, {"replay_guard"})

    def behind(self):
        self.step(-self.chance.choice((60, 3600, 40_000_000)), LATE)

    def back_to_what_is_forgotten(self):
        """What was sent before is in its window once more, and its claim may be over."""
        self.step(-self.chance.randrange(20, 60), LATE | {"replay_guard"})

    def step(self, seconds, excuses, meanwhile=frozenset()):
        """What is excused only `meanwhile` has to be over when the clock is right again."""
        with self.stage.excusing(f"clock {seconds:+} s", excuses, after=2.5):
            with self.stage.excusing("clock wrong", meanwhile, after=0):
                self.stage.set_clock(seconds)
                self.rest(2, 6)
            self.stage.set_clock(0)
            time.sleep(1.2)


class Flood(Disturbance):
    """Whoever reaches the operations listeners asks too much, and what he may not."""

    def __init__(self, stage, chance):
        super().__init__(stage, chance, (1, 6))
        self.lock = threading.Lock()

    def acts(self):
        return [self.questions, self.orders, self.silence]

    def questions(self):
        self.crowd([("health", "GET", "/metrics", b"", ""), ("health", "GET", "/readyz", b"", ""), ("admin", "GET", "/status", b"", ""),
                    ("admin", "GET", "/keys", b"", ""), ("health", "POST", "/drain", b"", ""), ("health", "GET", "/" + "x" * 2000, b"", "")])

    def orders(self):
        """None of them may end the process, and none is for web pages."""
        foreign = "Origin: https://evil.example\r\n"
        self.crowd([("admin", "POST", "/drain", b"", foreign), ("admin", "POST", "/reload", b"", foreign), ("admin", "POST", "/reload", b"", ""),
                    ("admin", "POST", "/explain", b"{" * 5000, ""), ("admin", "POST", "/explain", os.urandom(60_000), "")])

    def silence(self):
        lines = [Line(self.stage.house.ports[name]) for name in ("health", "admin") for _ in range(80)]
        for line in lines:
            try:
                line.send(b"GET /metrics HTTP/1.1\r\nHost: loc")
            except OSError:
                pass
        self.rest(1, 3)
        for line in lines:
            line.close()

    def crowd(self, questions):
        until = time.monotonic() + self.chance.uniform(1, 3)
        threads = [threading.Thread(target=self.one, args=(questions, number, until)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def one(self, questions, at, until):
        while time.monotonic() < until:
            listener, method, target, body, fields = questions[at % len(questions)]
            status, text = ask(self.stage.house.ports[listener], method, target, body, fields)
            self.stage.look_for_secrets(f"{method} {target[:20]}", text.encode())
            if "evil" in fields and status not in (0, 403):
                with self.lock:
                    self.findings.append(f"{method} {target} from a web page: {status}")
            at += 1
            time.sleep(0.01)


def metric(port, name):
    """A gauge without labels; None where the listener does not answer."""
    _, text = ask(port, "GET", "/metrics")
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else None


def spoil(chance, text):
    return chance.choice(INVALID)(text)
