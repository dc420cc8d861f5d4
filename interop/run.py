"""countersign against a real Django REST Framework service, in both directions and refusal by refusal.

usage: run.py COUNTERSIGN        (the Python of requirements.txt; its gunicorn and `openssl` must be on PATH)
"""

import hashlib
import json
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from processes import Processes, certificate, echo_upstream, free_port, request
from tally import Tally

SECRET = secrets.token_hex(32)
os.environ["INTEROP_SECRET"] = SECRET

import service  # noqa: E402  (configured by the line above)

CLIENT = service.Client(SECRET.encode())
BODIES = {
    "empty": b"",
    "json": b'{"event":"order.paid","amount":19.990}',
    "white space that a re-serialiser would lose": b'{ "b" : 1,\r\n "a": 2 }\n',
    "unicode": "Zo\u00eb \u2013 \u6771\u4eac \U0001f600".encode(),
    "every byte": bytes(range(256)),
    "larger than memory": os.urandom(300_000),
}


def main():
    binary = Path(sys.argv[1]).resolve()
    tally = Tally()
    edges_of_the_real_class(tally)
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as processes:
        world = World(Path(directory), processes, binary)
        signed_by_drf(tally, world)
        verified_by_drf(tally, world)
        refusals(tally, world)
    return tally.close()


class World:
    """The DRF service twice (plain and TLS), a recording upstream, and one gateway between them all."""

    def __init__(self, directory, processes, binary):
        self.tls = certificate(directory)
        self.service = processes.service(SECRET)
        self.service_tls = processes.service(SECRET, self.tls)
        self.upstream, self.seen = echo_upstream()
        self.ports = {name: free_port() for name in ("public", "drf", "sign", "health")}
        (directory / "keys").mkdir()
        (directory / "keys" / "drf-client").write_text(SECRET)
        config = directory / "countersign.yaml"
        config.write_text(self.configuration(directory))
        self.gateway = processes.gateway(binary, config, self.ports["health"])

    def configuration(self, directory):
        return f"""version: 1
health: {{address: "127.0.0.1:{self.ports['health']}"}}
listeners:
  public: {{address: "127.0.0.1:{self.ports['public']}", tls: {{certificate: {self.tls[0]}, key: {self.tls[1]}}}}}
  drf: {{address: "127.0.0.1:{self.ports['drf']}"}}
  sign: {{address: "127.0.0.1:{self.ports['sign']}"}}
upstreams:
  echo: {{url: "http://127.0.0.1:{self.upstream}"}}
  service: {{url: "https://localhost:{self.service_tls}", host: upstream, tls: {{ca: {self.tls[0]}}}}}
keyrings:
  clients: {{directory: {directory / 'keys'}}}
routes:
  - {{path: "/**", listeners: [public], verify: {{scheme: timestamp-body, keys: clients}}, upstream: echo}}
  - {{path: "/**", listeners: [drf], verify: {{scheme: timestamp-body, keys: clients}}, errors: drf, upstream: echo}}
  - {{path: "/**", listeners: [sign], sign: {{scheme: timestamp-body, keys: clients}}, upstream: service}}
"""


def edges_of_the_real_class(tally):
    """The class itself keeps the promise that the gateway is compared with: 60 s pass, 61 s do not, both ways."""
    from django.test import RequestFactory
    for age, expected in [(60, None), (61, "too old"), (-60, None), (-61, "too old")]:
        headers = CLIENT.headers(b"{}", now=1_760_000_000 - age)
        wsgi = RequestFactory().post("/", b"{}", content_type="application/json", headers=headers)
        with mock.patch("service.time.time", return_value=1_760_000_000.9):
            response = service.Echo.as_view()(wsgi)
        refused = "too old" if "too old" in str(response.data.get("detail", "")) else None
        tally.check(f"DRF at {age:+d} s", refused, expected)


def signed_by_drf(tally, world):
    """DRF's client signs, the gateway verifies behind TLS, the upstream gets exactly what was signed."""
    for name, body in BODIES.items():
        target = "/orders/%7Eme?b=2&a=1&b=1"
        headers = {**CLIENT.headers(body), "Content-Type": "application/json"}
        before = len(world.seen)
        status, _, answer = request(world.ports["public"], "POST", target, headers, body, ca=world.tls[0])
        tally.check(f"drf -> gateway, {name}: status", status, 200)
        tally.check(f"drf -> gateway, {name}: answer", hashlib.sha256(answer).digest(), hashlib.sha256(body).digest())
        arrived = world.seen[before:]
        tally.check(f"drf -> gateway, {name}: requests upstream", len(arrived), 1)
        if arrived:
            lines = {key.lower(): value for key, value in arrived[0]["headers"]}
            tally.check(f"drf -> gateway, {name}: target", arrived[0]["target"], target)
            tally.check(f"drf -> gateway, {name}: body", arrived[0]["body"] == body, True)
            tally.check(f"drf -> gateway, {name}: identity", lines.get("x-countersign-key"), "drf-client")


def verified_by_drf(tally, world):
    """A plain request is signed by the gateway on its way out; DRF, behind TLS, believes it."""
    forged = {"X-HMAC-Timestamp": "1", "X-HMAC-Signature": "0" * 64}
    for name, body in BODIES.items():
        for extra in ({}, forged):
            case = f"gateway -> drf, {name}{', forged signature sent along' if extra else ''}"
            headers = {"Content-Type": "application/json", **extra}
            status, _, answer = request(world.ports["sign"], "POST", "/in?x=%20y", headers, body)
            tally.check(f"{case}: status", status, 200)
            told = json.loads(answer) if status == 200 else {}
            tally.check(f"{case}: body", told.get("sha256"), hashlib.sha256(body).hexdigest())
            tally.check(f"{case}: target", told.get("target"), "/in?x=%20y")


def refusal_cases():
    body = b'{"event":"order.paid"}'
    now = int(time.time())
    good = CLIENT.headers(body, now)
    stamp, mac = good["X-HMAC-Timestamp"], good["X-HMAC-Signature"]
    signed = lambda timestamp: {"X-HMAC-Timestamp": timestamp,
                                "X-HMAC-Signature": service.signature(SECRET.encode(), timestamp, body)}
    yield "nothing signed", {}, body
    yield "only a timestamp", {"X-HMAC-Timestamp": stamp}, body
    yield "only a signature", {"X-HMAC-Signature": mac}, body
    yield "an empty signature", {**good, "X-HMAC-Signature": ""}, body
    yield "an empty timestamp", {**good, "X-HMAC-Timestamp": ""}, body
    yield "a timestamp of letters", signed("yesterday"), body
    yield "a timestamp with a fraction", signed(f"{now}.0"), body
    yield "a timestamp in hexadecimal", signed(hex(now)), body
    yield "a timestamp in milliseconds", signed(f"{now}000"), body
    yield "two minutes old", CLIENT.headers(body, now - 120), body
    yield "just too old", CLIENT.headers(body, now - 65), body
    yield "too far ahead", CLIENT.headers(body, now + 120), body
    yield "just too far ahead", CLIENT.headers(body, now + 65), body
    yield "old and wrongly signed", {"X-HMAC-Timestamp": str(now - 120), "X-HMAC-Signature": "0" * 64}, body
    yield "malformed in both", {"X-HMAC-Timestamp": "x", "X-HMAC-Signature": "x"}, body
    yield "a tampered body", good, body + b" "
    yield "another secret", service.Client(b"another secret, as long as").headers(body, now), body
    yield "a signature of zeros", {**good, "X-HMAC-Signature": "0" * 64}, body
    yield "a truncated signature", {**good, "X-HMAC-Signature": mac[:32]}, body
    yield "a lengthened signature", {**good, "X-HMAC-Signature": mac + "00"}, body
    yield "a signature in capitals", {**good, "X-HMAC-Signature": mac.upper()}, body
    yield "a signature that is no hexadecimal", {**good, "X-HMAC-Signature": "z" * 64}, body


def refusals(tally, world):
    """`errors: drf` answers as the real service does: status, type, body, and no challenge."""
    for name, headers, body in refusal_cases():
        headers = {**headers, "Content-Type": "application/json"}
        real = told(request(world.service, "POST", "/", headers, body))
        tally.check(f"the real service refuses: {name}", real[0], 403)
        tally.check(f"errors: drf, {name}", told(request(world.ports["drf"], "POST", "/", headers, body)), real)


def told(answer):
    status, headers, body = answer
    return status, headers.get("Content-Type"), body, headers.get("WWW-Authenticate")


if __name__ == "__main__":
    sys.exit(main())
