"""Clients that sign, and strangers among them. Whatever becomes of a request is compared with what may become of it at that time."""

import hashlib
import hmac
import os
import random
import threading
import time
from collections import Counter, deque

from .judge import body as judged_body
from .wire import Cut, Line, told

ROUTES = {"/mount": "mount", "/stream": "mount", "/file": "file", "/inline": "inline"}
NUMBERED = ("/file", "/inline")
FORGERIES = {
    "unsigned": {"signature_missing"},
    "wrong": {"signature_invalid"},
    "tampered": {"signature_invalid"},
    "stale": {"timestamp_outside_window"},
    "retired": {"signature_invalid"},
}
KEPT = 4000


class Timeline:
    """Which disturbances are on, and which answers they excuse. One that has ended excuses requests that began before."""

    def __init__(self):
        self.windows, self.lock = [], threading.Lock()

    def begin(self, name, excuses):
        window = {"name": name, "excuses": frozenset(excuses), "from": time.monotonic(), "to": None}
        with self.lock:
            self.windows.append(window)
        return window

    def end(self, window, after=1.0):
        window["to"] = time.monotonic() + after

    def excuses(self, begun):
        found = set()
        with self.lock:
            recent = self.windows[-40:]
        for window in recent:
            if window["to"] is None or window["to"] >= begun:
                found |= window["excuses"]
        return found

    def during(self, begun):
        return [window["name"] for window in self.windows[-40:] if window["to"] is None or window["to"] >= begun]


class Stalls(threading.Thread):
    """Notices when the machine stood still, so that nobody is blamed who was not there: a pause of the whole house is no disturbance of ours."""

    def __init__(self):
        super().__init__(daemon=True)
        self.found = []

    def run(self):
        last = time.monotonic()
        while True:
            time.sleep(0.2)
            now = time.monotonic()
            if now - last > 1.2:
                self.found.append((last, now + 4))
            last = now

    def cover(self, begun, ended):
        return any(start <= ended and begun <= end for start, end in self.found)

    def seconds(self):
        return sum(end - 4 - start for start, end in self.found)


class Load:
    def __init__(self, house, judge, timeline, look, seed, clients=8, secure=2):
        self.house, self.judge, self.timeline, self.look, self.seed = house, judge, timeline, look, seed
        self.stop, self.lock = threading.Event(), threading.Lock()
        self.rate = None
        self.told, self.wrong, self.answered = Counter(), [], []
        # Copies of what has just been sent, and of what was sent up to some minutes ago.
        self.captured, self.aged, self.numbers = deque(maxlen=KEPT), deque(maxlen=KEPT), {}
        self.using, self.generation = {}, None
        self.latencies = []
        trust = house.trust()
        self.threads = [self.thread(number, random.Random(f"{seed}.{number}"), trust if number < secure else None) for number in range(clients)]

    def thread(self, *who):
        return threading.Thread(target=self.client, args=who, daemon=True)

    def start(self):
        for thread in self.threads:
            thread.start()

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def client(self, number, chance, trust):
        """One request after the other, at its part of the rate; over TLS with a new handshake now and then."""
        line = Line(self.house.ports["tls" if trust else "plain"], trust)
        due = time.monotonic()
        while not self.stop.is_set():
            if self.rate:
                due = max(due + chance.uniform(0.5, 1.5) * len(self.threads) / self.rate, time.monotonic() - 0.1)
                time.sleep(max(0, due - time.monotonic()))
            if trust and chance.random() < 0.2:
                line.close()
            self.turn(line, number, chance)
        line.close()

    def turn(self, line, number, chance):
        roll = chance.random()
        if roll < 0.80:
            return self.authorised(line, number, chance)
        if roll < 0.88 and self.captured:
            return self.again(line, chance)
        if roll < 0.90:
            return self.twins(line, number, chance)
        return self.forged(line, number, chance, chance.choice(list(FORGERIES)))

    def authorised(self, line, number, chance):
        ident, message = self.signed(number, chance)
        outcome = self.sent(line, "authorised", {"200"}, ident, message)
        self.using.pop(number, None)
        if outcome == "200":
            self.answered.append(ident)
        capture = outcome == "200", ident, message
        self.captured.append(capture)
        if chance.random() < 0.05:
            self.aged.append(capture)

    def again(self, line, chance):
        """A copy of what was sent before. One that was answered is a replay; what was lost may have been given back."""
        answered, ident, message = chance.choice(self.aged if self.aged and chance.random() < 0.5 else self.captured)
        may = {"replayed", "replay_unsettled", "timestamp_outside_window", "signature_invalid", "replay_guard"}
        self.sent(line, "replayed", may if answered else may | {"200", "replay_pending"}, ident, message)

    def twins(self, line, number, chance):
        """Two copies at the same time: one passes, the other is told that it is a copy."""
        ident, message = self.signed(number, chance)
        may = {"200", "replayed", "replay_pending", "replay_unsettled"}
        other, begun, outcomes = Line(self.house.ports["plain"]), time.monotonic(), []
        try:
            other.send(message)
            outcomes.append(self.sent(line, "twin", may, ident, message))
            outcomes.append(told(*other.answer()[::2]))
        except (OSError, Cut) as error:
            outcomes.append(f"no answer ({error})")
        finally:
            other.close()
            self.using.pop(number, None)
        excused = self.timeline.excuses(begun)
        if outcomes.count("200") > 1 or not excused and (outcomes.count("200") != 1 or not may.issuperset(outcomes)):
            self.note("one of two", outcomes, begun, ident)

    def forged(self, line, number, chance, kind):
        if kind == "retired" and not self.house.retired:
            return
        ident, message = self.signed(number, chance, kind)
        self.sent(line, kind, FORGERIES[kind], ident, message)
        self.using.pop(number, None)

    def signed(self, number, chance, forgery=None):
        """A request: its name, and its bytes. A forgery has a body that the judge does not know."""
        route = chance.choice(list(ROUTES))
        ring = ROUTES[route]
        self.using[number] = self.house.signing[ring]
        # Asked again: whoever retires a key looks at `using` after it changed `signing`.
        key, secret = self.using[number] = self.house.signing[ring]
        if forgery == "retired":
            ring, key, secret = chance.choice(self.house.retired)
            route = "/file" if ring == "file" else chance.choice(["/mount", "/stream"])
        with self.lock:
            count = self.numbers[number] = self.numbers.get(number, 0) + 1
        ident = f"{forgery or 'good'}-{self.seed}-{number}-{count}"
        size = chance.choice((0, 20, 100, 300, 1000, 4000)) if chance.random() < 0.98 else chance.randrange(50_000, 150_000)
        body = judged_body(self.judge, ident, key, os.urandom(size), authorised=forgery is None)
        stamp = str(int(time.time()) - (1000 if forgery == "stale" else 0))
        nonce = os.urandom(12).hex()
        covered = f"{key}.{stamp}.{nonce}." if route in NUMBERED else f"{stamp}."
        secret = "nobody's secret, but long enough to be one" if forgery == "wrong" else secret
        mac = hmac.new(secret.encode(), covered.encode() + body, hashlib.sha256).hexdigest()
        fields = {"X-Sig-Ts": stamp, "X-Sig": mac, "X-Sig-Nonce": nonce, "X-Sig-Key": key, "X-Countersign-Key": "somebody"}
        if forgery == "unsigned":
            del fields["X-Sig"]
        if forgery == "tampered":
            body = body[:-1] + bytes([body[-1] ^ 1])
        return ident, self.message(route, fields, body, chance.random() < 0.2)

    def message(self, route, fields, body, chunked):
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
        return f"POST {route} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n{head}\r\n".encode() + body

    def sent(self, line, kind, expected, ident, message):
        begun = time.monotonic()
        try:
            status, fields, answer = line.exchange(message)
            outcome = told(status, answer)
            if outcome == "200" and (fields.get("x-id") != ident or answer != f"{ident}\n".encode()):
                outcome = f"the answer to {fields.get('x-id')}"
            self.generation = fields.get("x-generation", self.generation)
            self.look("an answer", answer + str(fields).encode())
        except (OSError, Cut) as error:
            # Of an answer that the upstream cut, the client sees as much; of one that never began, nothing.
            outcome = "cut" if str(error) == "in the body" else f"no answer ({error})"
        self.latencies.append(time.monotonic() - begun)
        self.told[(kind, outcome)] += 1
        if outcome not in expected and outcome not in self.timeline.excuses(begun):
            self.note(kind, outcome, begun, ident)
        return outcome

    def note(self, kind, outcome, begun, ident):
        with self.lock:
            self.wrong.append((kind, outcome, ident, self.timeline.during(begun), begun, time.monotonic()))
