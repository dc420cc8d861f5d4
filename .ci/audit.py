"""Audit lines of a running gateway, held against docs/audit.schema.json by a validator that is not ours.

usage: audit.py COUNTERSIGN
"""

import hashlib
import hmac
import json
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from jsonschema import Draft202012Validator

from tools import ROOT, Processes, Tally, echo_upstream, free_port, request, signed

SECRET = secrets.token_hex(32)
CONFIG = """version: 1
health: {{address: "127.0.0.1:{health}"}}
admin: {{address: "127.0.0.1:{admin}"}}
listeners: {{public: {{address: "127.0.0.1:{public}"}}}}
upstreams: {{app: {{url: "http://127.0.0.1:{upstream}"}}, gone: {{url: "http://127.0.0.1:{nobody}"}}}}
keyrings: {{partners: {{keys: [{{id: k1, secret: "{secret}"}}]}}}}
replay: {{restart_guard: false}}
audit: {{path: "{directory}/audit.jsonl", digest: true}}
anomalies: {{source_refusals: 50}}
routes:
  - {{path: /signed, verify: {{scheme: timestamp-body, keys: partners}}, replay: {{by: signature}}, upstream: app}}
  - {{path: /observed, mode: observe, sources: [127.0.0.0/8], verify: {{scheme: timestamp-body, keys: partners}}, upstream: app}}
  - {{path: /open, public: true, upstream: app}}
  - {{path: /gone, public: true, upstream: gone}}
"""


def main():
    tally = Tally()
    schema = json.loads((ROOT / "docs" / "audit.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        upstream, _seen = echo_upstream()
        public, health, admin, nobody = (free_port() for _ in range(4))
        config = Path(directory) / "countersign.yaml"
        config.write_text(CONFIG.format(secret=SECRET, **locals()))
        process = running.gateway(sys.argv[1], config, health)
        converse(tally, public)
        process.send_signal(signal.SIGTERM)
        tally.check("it ends cleanly", process.wait(timeout=30) == 0)
        lines = [json.loads(line) for line in (Path(directory) / "audit.jsonl").read_text().splitlines()]
    validator = Draft202012Validator(schema)
    wrong = [(error.message, line) for line in lines for error in validator.iter_errors(line)]
    tally.check("every line is as the schema says", not wrong, wrong[:1] or f"{len(lines)} lines")
    bent = [{**line, "stranger": 1} for line in lines[:1]] + [{**line, "v": 2} for line in lines[:1]]
    tally.check("a bent line is not", all(not validator.is_valid(line) for line in bent))
    verdicts = {line.get("verdict") for line in lines}
    tally.check("every verdict is there", verdicts >= {"verified", "refused", "observed", "public"}, verdicts)
    tally.check("the cause is told", any(line.get("cause") == "milliseconds" for line in lines))
    counts = [line["count"] for line in lines if line.get("event") == "refusals" and line["code"] == "signature_missing"]
    full = [line for line in lines if line.get("code") == "signature_missing" and line.get("verdict") == "refused"]
    tally.check("no refusal is neither written nor counted", len(full) + sum(counts) == 150, (len(full), counts))
    tally.check("an anomaly is told", any(line.get("kind") == "source_refusals" for line in lines))
    return tally.close()


def converse(tally, public):
    body = b"{}"
    right = signed(SECRET, body)
    millis = {**right, "X-HMAC-Timestamp": right["X-HMAC-Timestamp"] + "000"}
    signed_millis = millis["X-HMAC-Timestamp"].encode() + b"." + body
    by_millis = hmac.new(SECRET.encode(), signed_millis, hashlib.sha256).hexdigest()
    asked = [
        ("/signed", right, 200),
        ("/signed", right, 409),
        ("/signed", {**millis, "X-HMAC-Signature": by_millis}, 401),
        ("/signed", {**right, "X-HMAC-Signature": "0" * 64}, 401),
        ("/observed", {}, 200),
        ("/open?token=secret", {}, 200),
        ("/gone", {}, 502),
        ("/nowhere", {}, 404),
    ]
    for path, headers, status in asked + [("/signed", {}, 401)] * 150:
        told = request(public, "POST", path, headers, body)[0]
        if told != status:
            tally.check(f"POST {path}", False, told)


if __name__ == "__main__":
    sys.exit(main())
