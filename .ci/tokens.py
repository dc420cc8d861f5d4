"""Keys in a token (PKCS #11), which is SoftHSM: verified and signed with, added, taken away, exchanged, and a module that fails or hangs.

usage: tokens.py COUNTERSIGN         (built with the feature pkcs11; needs softhsm2, python-pkcs11, a C compiler and the header of libp11-kit-dev)
"""

import contextlib
import datetime
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from tools import Processes, Tally, answers, echo_upstream, free_port, request, wait_until

HERE = Path(__file__).parent
PIN, TOKEN = "pin-8264-of-orders", "orders"
MODULE = next(iter(sorted(Path("/usr/lib").glob("**/libsofthsm2.so"))), None)
# Known here and in the token, so that both sides can be held against each other.
SIGNS = "k-2026"
KNOWN = {"k-2026": os.urandom(64), "k-2027": os.urandom(32)}

# SoftHSM does not tell the dates of private objects.
OVER = {Attribute.START_DATE: datetime.date(2025, 1, 1), Attribute.END_DATE: datetime.date(2025, 12, 31), Attribute.PRIVATE: False}
STARTED = {Attribute.START_DATE: datetime.date(2026, 1, 1), Attribute.PRIVATE: False}

CONFIG = """version: 1
log: {{filter: info}}
health: {{address: "127.0.0.1:{health}"}}
admin: {{address: "127.0.0.1:{admin}"}}
listeners: {{main: {{address: "127.0.0.1:{port}"}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}"}}}}
keyrings:
  token: {{pkcs11: {{module: {module}, token: {token}, pin_file: {pin}, prefix: k-}}}}
schemes:
  named:
    algorithm: sha256
    signature: {{header: X-Sig, encoding: hex}}
    timestamp: {{header: X-Sig-Ts, past: 300s, future: 300s}}
    key_id: {{header: X-Sig-Key}}
    message: "{{key_id}}.{{timestamp}}.{{method}}.{{target}}.{{body}}"
defaults: {{upstream: app, replay: "off"}}
routes:
  - {{path: /in, verify: {{scheme: {scheme}, keys: token}}}}
  - {{path: /out, public: true, sign: {{scheme: named, keys: token}}}}
  - {{path: /open, public: true}}
"""


def hidden(label):
    return {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label, Attribute.TOKEN: True, Attribute.PRIVATE: True,
            Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.SIGN: True}


class Token:
    """SoftHSM in a directory of its own."""

    def __init__(self, here):
        (here / "tokens").mkdir()
        (here / "faults").mkdir()
        self.here, self.conf = here, here / "softhsm2.conf"
        self.conf.write_text(f"directories.tokendir = {here}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.module = here / "faults.so"
        command = ["cc", "-shared", "-fPIC", "-I/usr/include/p11-kit-1", "-o", self.module, HERE / "tokens_faults.c", "-ldl"]
        subprocess.run(command, check=True)
        self.env = {"SOFTHSM2_CONF": str(self.conf), "SOFTHSM2_MODULE": str(MODULE), "FAULTS": f"{here}/faults"}
        self.run("softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", "so-" + PIN)

    def run(self, *command):
        done = subprocess.run(command, env={**os.environ, **self.env}, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")

    @contextlib.contextmanager
    def session(self):
        """Another process beside the gateway, as far as the token knows."""
        os.environ.update(self.env)
        with pkcs11.lib(str(MODULE)).get_token(token_label=TOKEN).open(rw=True, user_pin=PIN) as session:
            yield session

    def keep(self, label, secret, more=None):
        """A key whose bytes are known here, and shown to nobody by the token."""
        with self.session() as session:
            session.create_object({**hidden(label), Attribute.KEY_TYPE: KeyType.GENERIC_SECRET, Attribute.VALUE: secret, **(more or {})})

    def made(self, label):
        """A key that nobody knows."""
        with self.session() as session:
            session.generate_key(KeyType.GENERIC_SECRET, 256, label=label, store=True, mechanism=Mechanism.GENERIC_SECRET_KEY_GEN,
                                 template={Attribute.SIGN: True, Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True})

    def remove(self, label):
        with self.session() as session:
            for key in session.get_objects({Attribute.LABEL: label}):
                key.destroy()

    def fault(self, word, on=True):
        path = self.here / "faults" / word
        path.touch() if on else path.unlink()


def mac(label, secret, method, target, body, stamp):
    return hmac.new(secret, f"{label}.{stamp}.{method}.{target}.".encode() + body, hashlib.sha256).hexdigest()


class House:
    """A gateway with keys in a token."""

    def __init__(self, running, binary, token):
        self.binary, self.token = binary, token
        upstream, self.seen = echo_upstream()
        self.port, self.health, self.admin = free_port(), free_port(), free_port()
        self.places = {"port": self.port, "health": self.health, "admin": self.admin, "upstream": upstream}
        self.pin = token.here / "pin"
        self.pin.write_text(PIN + "\n")
        self.pin.chmod(0o600)
        self.config = self.written("config")
        self.running = running

    def written(self, name, **changes):
        path = self.token.here / f"{name}.yaml"
        usual = {"module": self.token.module, "token": TOKEN, "pin": self.pin, "scheme": "named"}
        path.write_text(CONFIG.format(**{**usual, **self.places, **changes}))
        return path

    def start(self):
        self.child = self.running.start("gateway", [str(self.binary), "run", "--config", str(self.config)], env=self.token.env)
        wait_until("the gateway", answers(self.health), self.child)

    def checked(self, name, **changes):
        """Exit code of `check`, and what it says."""
        command = [str(self.binary), "check", "--config", str(self.written(name, **changes))]
        done = subprocess.run(command, env={**os.environ, **self.token.env}, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def ask(self, label, secret, body=b"{}"):
        """Status and code of a request signed with `secret` in the name of `label`."""
        stamp = str(int(time.time()))
        signature = mac(label, secret, "POST", "/in", body, stamp)
        status, _, answer = request(self.port, "POST", "/in", {"X-Sig": signature, "X-Sig-Ts": stamp, "X-Sig-Key": label}, body)
        return status, json.loads(answer).get("code", "") if status != 200 else ""

    def generation(self):
        _, _, text = request(self.admin, "GET", "/status", {"Accept": "application/json"})
        return json.loads(text)["generation"]

    def reloaded(self):
        before = self.generation()
        self.child.send_signal(signal.SIGHUP)
        wait_until("the reload", lambda: self.generation() > before, self.child)


def used(tally, house):
    """As with keys in a file."""
    for label, secret in KNOWN.items():
        tally.check(f"{label} verifies", house.ask(label, secret) == (200, ""), house.ask(label, secret))
        tally.check(f"a body of 300 KiB with {label}", house.ask(label, secret, os.urandom(300 << 10)) == (200, ""))
    refused = (401, "signature_invalid")
    tally.check("a signature of another key is refused", house.ask("k-2026", KNOWN["k-2027"]) == refused)
    tally.check("so is that of a key that nobody has", house.ask("k-nobody", KNOWN["k-2027"]) == refused)
    tally.check("and that of a key that the prefix leaves out", house.ask("other", b"o" * 32) == refused)
    tally.check("and that of a key whose end date is over", house.ask("k-over", KNOWN["k-2026"]) == refused)
    house.seen.clear()
    status, _, _ = request(house.port, "POST", "/out?a=1", {}, b"signed on its way")
    method, target, fields, body = arrived(house)
    label, stamp = fields["x-sig-key"], fields["x-sig-ts"]
    made = mac(label, KNOWN.get(label, b"?"), method, target, body, stamp)
    tally.check("what leaves is signed as Python signs it", (status, made, label) == (200, fields["x-sig"], SIGNS), label)


def arrived(house):
    seen = house.seen[-1]
    fields = {name.lower(): value for name, value in seen["headers"]}
    return seen["method"], seen["target"], fields, seen["body"]


def changed(tally, house):
    """Keys come and go with a reload, and never without one."""
    token, fresh, forged = house.token, os.urandom(48), os.urandom(48)
    token.keep("k-fresh", fresh)
    tally.check("a new key is not known before a reload", house.ask("k-fresh", fresh)[0] == 401, house.ask("k-fresh", fresh))
    house.reloaded()
    tally.check("after it, it is", house.ask("k-fresh", fresh) == (200, ""), house.ask("k-fresh", fresh))
    token.remove("k-fresh")
    token.keep("k-fresh", forged)
    away = (503, "key_store_away")
    tally.check("another key in its place is not taken for it", house.ask("k-fresh", forged) == away, house.ask("k-fresh", forged))
    tally.check("nor does the old one pass", house.ask("k-fresh", fresh) == away, house.ask("k-fresh", fresh))
    tally.check("others are not concerned", house.ask("k-2026", KNOWN["k-2026"]) == (200, ""), house.ask("k-2026", KNOWN["k-2026"]))
    house.reloaded()
    tally.check("loaded, it is the one", (house.ask("k-fresh", forged)[0], house.ask("k-fresh", fresh)[0]) == (200, 401))
    token.remove("k-fresh")
    house.reloaded()
    tally.check("a key that is gone is refused", house.ask("k-fresh", forged) == (401, "signature_invalid"))


def failing(tally, house):
    """What the module does must not spread."""
    token, secret = house.token, KNOWN["k-2026"]
    token.fault("fail")
    tally.check("a token that fails lets nothing pass", house.ask("k-2026", secret) == (503, "key_store_away"))
    tally.check("nor does anything leave unsigned", request(house.port, "POST", "/out", {}, b"x")[0] == 503)
    before = house.generation()
    house.child.send_signal(signal.SIGHUP)
    wait_until("the refused reload", lambda: "not reloaded" in house.running.log("gateway"), house.child)
    token.fault("fail", on=False)
    recovered(tally, house, "after a failure")
    tally.check("a reload that finds no token keeps what there was", house.generation() == before)
    token.fault("hang")
    begun, outcomes = time.monotonic(), []
    crowd = [threading.Thread(target=lambda: outcomes.append(house.ask("k-2026", secret))) for _ in range(40)]
    for one in crowd:
        one.start()
    slowest = 0
    while any(one.is_alive() for one in crowd):
        asked = time.monotonic()
        status = request(house.port, "GET", "/open")[0]
        slowest = max(slowest, time.monotonic() - asked)
        if status != 200:
            outcomes.append(("open", status))
    for one in crowd:
        one.join()
    took = time.monotonic() - begun
    tally.check("a token that hangs lets nothing pass", set(outcomes) == {(503, "key_store_away")} and len(outcomes) == 40, set(outcomes))
    tally.check("everybody is told within seconds", took < 6, f"{took:.1f} s for 40")
    tally.check("and who needs no key waits little longer than a deadline", slowest < 3, f"{slowest:.2f} s at most")
    begun = time.monotonic()
    house.ask("k-2026", secret)
    tally.check("from then on nobody waits", time.monotonic() - begun < 0.4, f"{time.monotonic() - begun:.3f} s")
    token.fault("hang", on=False)
    recovered(tally, house, "after it hung")
    log = house.running.log("gateway")
    tally.check("the log says that it was away, and is back", "is away" in log and "is back" in log)


def recovered(tally, house, name):
    begun = time.monotonic()
    wait_until("the token", lambda: house.ask("k-2026", KNOWN["k-2026"]) == (200, ""), house.child)
    took = time.monotonic() - begun
    tally.check(f"{name} it serves again", took < 3, f"{took:.1f} s")


def mistaken(tally, house):
    """Each mistake is told with its place, and exit code 78."""
    wrong = house.token.here / "wrong-pin"
    wrong.write_text("pin-0000-of-nobody\n")
    wrong.chmod(0o600)
    scheme = "aws-sigv4"
    for name, changes, expected in [
        ("a module that is not there", {"module": "/nowhere.so"}, "module /nowhere.so"),
        ("a token that is not there", {"token": "nobody"}, "there is no token `nobody`"),
        ("a PIN that is not there", {"pin": "/nowhere"}, "pin_file /nowhere"),
        ("a wrong PIN", {"pin": wrong}, "the token refuses this PIN"),
        ("a scheme that needs the secret", {"scheme": scheme}, "needs the secret itself"),
    ]:
        code, said = house.checked("mistaken", **changes)
        tally.check(f"told: {name}", code == 78 and expected in said, said.strip()[:300] if code != 78 or expected not in said else "")
        tally.check("without the PIN", PIN not in said and "pin-0000" not in said)


def main():
    tally = Tally()
    if MODULE is None:
        raise SystemExit("SoftHSM is not installed: apt-get install softhsm2")
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        token = Token(Path(directory))
        for label, secret in KNOWN.items():
            token.keep(label, secret, STARTED if label == SIGNS else None)
        token.keep("other", b"o" * 32)
        token.made("k-made-inside")
        token.keep("k-over", KNOWN["k-2026"], OVER)
        house = House(running, Path(sys.argv[1]).resolve(), token)
        code, said = house.checked("config")
        tally.check("`check` is content", code == 0, said.strip()[:400])
        house.start()
        used(tally, house)
        changed(tally, house)
        failing(tally, house)
        mistaken(tally, house)
        log = running.log("gateway")
        tally.check("no PIN and no key in the log", PIN not in log and not any(secret.hex() in log for secret in KNOWN.values()))
        tally.check("no panic", "panicked" not in log and house.child.poll() is None)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
