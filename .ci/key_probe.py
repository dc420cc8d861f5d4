"""The hook that lets replay.py ask whether an unknown key id can be told from a wrong signature: both are in vain."""

import os
import time

from hooks.probe_scheme import HEADER_ROLES, IDENTITY_HEADERS, SECRET, sign  # noqa: F401


def KEY_ID_VARIANTS(method, target, body):  # noqa: N802
    """Headers that name a key which the gateway has, and one that it has not, each time with another MAC."""

    def naming(key):
        return lambda: [(b"X-Key", key), (b"X-Sig", os.urandom(32).hex().encode()), (b"X-Sig-Ts", b"%d" % time.time())]

    return naming(b"known-key-01"), naming(b"another-k-02")
