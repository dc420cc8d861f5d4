"""Derived keys against HKDF-SHA256 written down by hand (RFC 5869 §2.2 and §2.3): the same key for every id.

usage: derived.py COUNTERSIGN
"""

import base64
import hashlib
import hmac
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import Tally

MASTER = "the master of all devices, 0123456789"

CONFIG = """version: 1
listeners: {public: {address: "127.0.0.1:0"}}
upstreams: {app: {url: "http://127.0.0.1:1"}}
keyrings: {devices: {derive: {file: master.yaml, revoked: revoked.txt, format: FORMAT}}}
schemes:
  named:
    algorithm: sha256
    signature: {header: X-Signature, encoding: hex}
    timestamp: {header: X-Timestamp, format: unix, past: 5m, future: 1m}
    key_id: {header: X-Key}
    message: "{timestamp}.{body}"
routes: [{path: "/**", verify: {scheme: named, keys: devices}, replay: off, upstream: app}]
"""

FORMATS = {
    "base64url": lambda key: base64.urlsafe_b64encode(key).rstrip(b"=") + b"\n",
    "base64": lambda key: base64.b64encode(key) + b"\n",
    "hex": lambda key: key.hex().encode() + b"\n",
}


def derive(master, key_id):
    """Extract with the salt, expand to one block."""
    extracted = hmac.new(b"countersign derived key 1", master, hashlib.sha256).digest()
    return hmac.new(extracted, key_id + b"\x01", hashlib.sha256).digest()


def main():
    tally = Tally()
    chance = random.Random(5869)
    visible = "".join(map(chr, range(33, 127)))
    ids = ["device-000001", "a", "z" * 128] + ["".join(chance.choices(visible.replace("-", ""), k=chance.randint(1, 60))) for _ in range(9)]
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        (place / "master.yaml").write_text(f'version: 1\nkeys: [{{id: m1, secret: "{MASTER}"}}]\n')
        (place / "revoked.txt").write_text("# stolen in May\nlost\n")

        def run(key_id):
            command = [sys.argv[1], "keys", "derive", "--config", place / "config.yaml", "--keyring", "devices", key_id]
            return subprocess.run(command, capture_output=True, timeout=60)

        for name, spell in FORMATS.items():
            (place / "config.yaml").write_text(CONFIG.replace("FORMAT", name))
            wrong = [key_id for key_id in ids if run(key_id).stdout != spell(derive(MASTER.encode(), key_id.encode()))]
            tally.check(f"{name}: {len(ids)} ids have the keys that Python computes", not wrong, wrong)
        lost = run("lost")
        tally.check("a revoked id has none", lost.returncode == 1 and not lost.stdout, lost.stderr)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
