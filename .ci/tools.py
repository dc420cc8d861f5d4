"""What the steps share: the interop's processes, a tally, and the scheme's clients."""

import hashlib
import hmac
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "interop"))

from processes import Processes, Upstream, answers, certificate, echo_upstream, free_port, request, wait_until  # noqa: E402,F401


# What hooks/probe_scheme.py of the attacks signs, as an entry of `schemes`.
PROBE_SCHEME = """  probe:
    algorithm: sha256
    signature: {header: X-Sig, encoding: hex}
    timestamp: {header: X-Sig-Ts, past: 300s, future: 300s}
    nonce: {header: X-Sig-Nonce}
    message: "{timestamp}\\n{nonce}\\n{method}\\n{target}\\n{body}"
"""


def signed(secret, body, now=None):
    """Headers of `timestamp-body`."""
    stamp = str(int(time.time() if now is None else now))
    mac = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-HMAC-Timestamp": stamp, "X-HMAC-Signature": mac}


def memory(pid, name):
    """A size of /proc/PID/status, in bytes: VmRSS now, VmHWM at its peak."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines[name].split()[0]) << 10


class Tally:
    """Counts checks and prints those that fail."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, holds, told=""):
        self.passed += bool(holds)
        self.failed += not holds
        print(f"{'ok  ' if holds else 'FAIL'} {name}{f': {told}' if told != '' else ''}", flush=True)

    def close(self):
        print(f"{self.passed} of {self.passed + self.failed} checks hold", flush=True)
        return 1 if self.failed or not self.passed else 0
