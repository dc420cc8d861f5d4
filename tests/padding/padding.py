"""Prints padding.jsonl: HMACs for keys at the edges where RFC 2104 begins to hash them, made by OpenSSL and by Python's hmac, which must agree.

usage: padding.py > padding.jsonl      (Python 3 and `openssl` on the PATH)
"""

import base64
import hashlib
import hmac
import json
import subprocess

# Key lengths on both sides of a block (64 bytes for SHA-1 and SHA-256, 128 for SHA-384 and SHA-512).
EDGES = (63, 64, 65, 127, 128, 129)
BODY = b'{"paid": true}'
# Test cases 6 and 7 of RFC 4231: a key of 131 bytes, and the published values; SHA-1 is not in that document.
RFC_4231 = {
    6: (b"Test Using Larger Than Block-Size Key - Hash Key First", {
        "sha256": "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        "sha384": "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
        "sha512": "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
    }),
    7: (b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.", {
        "sha256": "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        "sha384": "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e",
        "sha512": "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
    }),
}


def openssl(algorithm, key, body):
    command = ["openssl", "dgst", f"-{algorithm}", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-r"]
    return subprocess.run(command, input=body, capture_output=True, check=True).stdout.split()[0].decode()


def line(case, algorithm, key, body, signature, origin):
    told = {"case": case, "algorithm": algorithm, "key_bytes": len(key), "key_b64": base64.b64encode(key).decode(),
            "body_b64": base64.b64encode(body).decode(), "signature": signature, "made_by": origin}
    print(json.dumps(told))


def main():
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout.split("(")[0].strip()
    for algorithm in ("sha1", "sha256", "sha384", "sha512"):
        for length in EDGES:
            key = bytes((7 * place + length) % 255 + 1 for place in range(length))
            made = openssl(algorithm, key, BODY)
            assert made == hmac.new(key, BODY, getattr(hashlib, algorithm)).hexdigest()
            line(f"{algorithm}-{length}", algorithm, key, BODY, made, f"{version} and Python's hmac")
    for number, (body, published) in RFC_4231.items():
        for algorithm, signature in published.items():
            key = b"\xaa" * 131
            assert openssl(algorithm, key, body) == signature
            line(f"rfc4231-{number}-{algorithm}", algorithm, key, body, signature, f"RFC 4231, section 4.{number + 1}")


if __name__ == "__main__":
    main()
