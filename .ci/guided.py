"""Rotations under load by following only what `keys rotate` and `/status` say: clients that sign, webhooks that are signed twice, calls that are
signed once. No request is refused, in either direction.

usage: guided.py COUNTERSIGN
"""

import hashlib
import hmac
import html
import http.client
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tools import Processes, Tally, Upstream, free_port, signed

OVERLAP = "4s"
PAUSE = 0.5
LIMIT = 90
OLD = "the old secret of this keyring, 0123456789"

KEYS = """# The keys of {name}; ask the platform team before you touch them.
version: 1
keys:
  - id: old                  # made by hand
    principal: acme
    secret: "{secret}"
    created: 2020-01-01
# the end
"""

CONFIG = """version: 1
poll: 1s
audit: off
health: {{address: "127.0.0.1:{health}"}}
admin: {{address: "127.0.0.1:{admin}"}}
listeners: {{public: {{address: "127.0.0.1:{public}"}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}"}}}}
keyrings:
  clients: {{file: clients.yaml, quiet: 3s}}
  hooks: {{directory: hooks}}
  calls: {{file: calls.yaml}}
routes:
  - {{path: /clients, verify: {{scheme: timestamp-body, keys: clients}}, replay: off, upstream: app}}
  - {{path: /hooks, public: true, sign: {{scheme: stripe, keys: hooks, with: all}}, upstream: app}}
  - {{path: /calls, public: true, sign: {{scheme: timestamp-body, keys: calls, with: newest}}, upstream: app}}
"""


class Receiver:
    """The partner behind the gateway: it knows some secrets and refuses every other signature."""

    def __init__(self):
        self.secrets = {"/hooks": [OLD], "/calls": [OLD]}
        self.checked = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status = 200 if receiver.holds(self.path, self.headers, body) else 401
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = Upstream(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def holds(self, path, headers, body):
        if path == "/clients":
            return True
        self.checked += 1
        if path == "/hooks":
            parts = [part.split("=", 1) for part in headers["Stripe-Signature"].split(",")]
            stamp, given = dict(parts)["t"], [value for name, value in parts if name == "v1"]
        else:
            stamp, given = headers["X-HMAC-Timestamp"], [headers["X-HMAC-Signature"]]
        right = [hmac.new(key.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest() for key in self.secrets[path]]
        return any(mac in right for mac in given)


class Client(threading.Thread):
    """Somebody who sends without a pause worth the name."""

    def __init__(self, port, path, secret=None):
        super().__init__(daemon=True)
        self.port, self.path, self.secret = port, path, secret
        self.ended = threading.Event()
        self.sent, self.wrong = 0, []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.ended.wait(0.01):
            body = f"{self.path} {self.sent}".encode()
            try:
                connection.request("POST", self.path, body=body, headers=signed(self.secret, body) if self.secret else {})
                status = connection.getresponse()
                status.read()
                if status.status != 200:
                    self.wrong.append(status.status)
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(repr(error))
                connection.close()
            self.sent += 1


class Operator:
    """Does what is said, and nothing else."""

    def __init__(self, program, config, admin):
        self.program, self.config, self.admin = program, config, admin
        self.steps, self.status, self.unsaid = [], set(), []

    def rotate(self, ring, *more):
        command = [self.program, "keys", "rotate", "--config", self.config, "--keyring", ring, "--overlap", OVERLAP, "--output", "json", *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(done.stderr)
        (plan,) = json.loads(done.stdout)["plans"]
        return plan

    def look(self, ring):
        """What `/status` says of the ring."""
        rings = json.loads(self.ask("application/json"))["keyrings"]
        (found,) = [one for one in rings if one["name"] == ring]
        self.status.update(plan["step"] for plan in found["rotation"])
        return found

    def ask(self, accept):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=30)
        connection.request("GET", "/status", headers={"Host": "localhost", "Accept": accept})
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def page_says(self, ring):
        """Whether a browser is shown the same as a script; a second may end between the two."""
        for _ in range(5):
            plans = [plan for plan in self.look(ring)["rotation"] if (plan["step"], plan["next"]) != ("steady", "wait")]
            shown = html.unescape(re.sub(r"</?code>", "`", self.ask("text/html")))
            if all(f"<strong>{plan['principal']}</strong> {plan['say']}" in shown for plan in plans):
                return True
        return False

    def keys_left(self, ring):
        """The ids in force, as soon as there is one of them; whatever they are, at last."""
        for _ in range(20):
            left = [key["id"] for key in self.look(ring)["keys"]]
            if len(left) == 1:
                break
            time.sleep(PAUSE)
        return left

    def follow(self, ring, people, begin=()):
        """One rotation, from its first step to the end."""
        self.steps, started, more = [], time.monotonic(), begin
        while time.monotonic() - started < LIMIT:
            plan = self.rotate(ring, *more)
            if not self.steps or self.steps[-1] != plan["step"]:
                self.steps.append(plan["step"])
                print(f"     {ring}: {plan['step']}: {plan['say']}", flush=True)
                self.unsaid += [] if self.page_says(ring) else [plan["step"]]
            self.look(ring)
            if plan["step"] == "steady" and len(self.steps) > 1:
                return True
            if plan["step"] in ("hand_over", "switching"):
                people(plan)
            if plan["next"] == "rotate":
                self.rotate(ring, "--yes", *more)
                more = ()
            else:
                time.sleep(PAUSE)
        return False


def secret_of(texts, key):
    found = re.search(rf'id: "{key}"\n.*\n.*secret: "([^"]+)"', "\n".join(texts))
    return found.group(1)


def main():
    tally, receiver = Tally(), Receiver()
    public, health, admin = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        place = Path(directory)
        (place / "hooks").mkdir()
        for name in ("clients.yaml", "calls.yaml", "hooks/old.yaml"):
            (place / name).write_text(KEYS.format(name=name, secret=OLD))
            (place / name).chmod(0o640)
        config = place / "countersign.yaml"
        ports = {"public": public, "health": health, "admin": admin, "upstream": receiver.server.server_port}
        config.write_text(CONFIG.format(**ports))
        running.gateway(sys.argv[1], config, health)
        clients = [Client(public, "/clients", OLD) for _ in range(4)]
        senders = clients + [Client(public, path) for path in ("/hooks", "/calls") for _ in range(2)]
        for sender in senders:
            sender.start()
        operator = Operator(sys.argv[1], config, admin)

        def texts():
            return [path.read_text() for path in [place / "clients.yaml", place / "calls.yaml", *(place / "hooks").iterdir()]]

        def one_client_changes_over(plan):
            behind = [client for client in clients if client.secret != secret_of(texts(), plan["new"])]
            for client in behind[:1]:
                client.secret = secret_of(texts(), plan["new"])

        def receiver_takes(path):
            def take(plan):
                secret = secret_of(texts(), plan["new"])
                if secret not in receiver.secrets[path]:
                    receiver.secrets[path].append(secret)
            return take

        rounds = [
            ("clients", one_client_changes_over, (), ["steady", "hand_over", "switching", "quiet", "safe", "retired", "steady"]),
            ("clients", one_client_changes_over, ("--now",), ["steady", "hand_over", "switching", "quiet", "safe", "retired", "steady"]),
            ("hooks", receiver_takes("/hooks"), (), ["steady", "hand_over", "switching", "safe", "retired", "steady"]),
            ("calls", receiver_takes("/calls"), (), ["steady", "hand_over", "safe", "retired", "steady"]),
        ]
        for ring, people, begin, steps in rounds:
            tally.check(f"{ring}: a rotation comes to its end", operator.follow(ring, people, begin))
            seen = [step for step in operator.steps if step != "loading"]
            seen = [step for place, step in enumerate(seen) if place == 0 or seen[place - 1] != step]
            tally.check(f"{ring}: in the steps that the manual names", set(seen) <= set(steps) and seen[-1] == "steady", seen)
            left = operator.keys_left(ring)
            tally.check(f"{ring}: one key is left, and it is not the old one", len(left) == 1 and left != ["old"], left)
        for path in receiver.secrets:
            receiver.secrets[path].remove(OLD)
        time.sleep(1)
        for sender in senders:
            sender.ended.set()
        for sender in senders:
            sender.join(60)
        wrong = [wrong for sender in senders for wrong in sender.wrong]
        tally.check("no request was refused, by the gateway or behind it", not wrong, wrong[:5])
        sent = sum(sender.sent for sender in senders)
        tally.check("there was traffic", sent > 1000 and receiver.checked > 300, (sent, receiver.checked))
        tally.check("/status told the same steps", {"steady", "hand_over", "switching", "quiet", "safe", "retired"} <= operator.status, sorted(operator.status))
        tally.check("and its page the same words", not operator.unsaid, operator.unsaid)
        kept = [(place / name).read_text() for name in ("clients.yaml", "calls.yaml")]
        tally.check("comments are as they were", all("# The keys of" in text and "# the end" in text for text in kept))
        modes = {oct(path.stat().st_mode & 0o777) for path in [place / "clients.yaml", place / "calls.yaml", *(place / "hooks").iterdir()]}
        tally.check("so are the modes", modes == {"0o640"}, modes)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
