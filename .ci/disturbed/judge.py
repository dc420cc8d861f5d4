"""Who judges what reached the upstream. A body says which request it is; only those that are signed with a good key carry the judge's word.

The judge knows nothing of the scheme: what he has not put his word on was never authorised, and what he reads twice was let through twice.
"""

import hashlib
import hmac
from collections import Counter


def word(judge, line, padding):
    return hashlib.blake2b(line + padding, key=judge, digest_size=16).hexdigest().encode()


def body(judge, ident, key, padding, authorised=True):
    """`IDENT KEY WORD` and a line end, then the padding. Without authorisation the word is nobody's."""
    line = f"{ident} {key} ".encode()
    told = word(judge if authorised else b"nobody", line, padding)
    return line + told + b"\n" + padding


def read(judge, received, key_header, streamed):
    """What an upstream says of a request: its name, and what is wrong with it, or `ok`. The head of a stream leaves before anybody is known."""
    first, _, padding = received.partition(b"\n")
    parts = first.split(b" ")
    if len(parts) != 3:
        return "unnamed", "unnamed"
    ident, key, told = parts
    if not hmac.compare_digest(told, word(judge, ident + b" " + key + b" ", padding)):
        return ident.decode(errors="replace"), "unauthorised"
    if key_header != (None if streamed else key):
        return ident.decode(), "identity"
    return ident.decode(), "ok"


class Seen:
    """What all lives of the upstream have written down."""

    def __init__(self, path):
        self.count, self.objections = Counter(), []
        for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
            ident, _, verdict = line.rpartition(" ")
            self.count[ident] += 1
            if verdict != "ok":
                self.objections.append((ident, verdict))
        self.twice = [(ident, count) for ident, count in self.count.items() if count > 1]
