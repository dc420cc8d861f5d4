"""Our framing beside hyper's and beside a strict parser of RFC 9112 (recorder.py): what we take, both take for the same requests.

usage: differential.py DIRECTORY-OF-RECORDER [INPUTS [SEED]]

The test of `src/proxy/http1/differential.rs` makes the inputs, compares us with hyper, and writes what we took into a pipe; this script
feeds the same bytes to the parser. At last, readings with planted defects have to be found.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tools import ROOT, Tally

sys.path.insert(0, sys.argv[1])

from recorder import Bad, Need, parse_one  # noqa: E402

TEST = "proxy::http1::differential::what_we_take_hyper_takes_for_the_same_requests"
INPUTS = 60_000
PLANTED = ("first-length", "length-over-chunked", "bare-lf")
PLANTED_INPUTS = 5_000

# A request that we frame and then answer ourselves, with 400 or 417: the parser holds these against it, too.
ANSWERED = ("host-count", "framing-lookalike")


def readings(binary, inputs, seed, planted=None):
    """What the test writes, line by line; how the test ended comes last."""
    with tempfile.TemporaryDirectory() as directory:
        pipe = Path(directory) / "readings"
        os.mkfifo(pipe)
        asked = {"COUNTERSIGN_INPUTS": str(inputs), "COUNTERSIGN_SEED": str(seed), "COUNTERSIGN_READINGS": str(pipe)}
        if planted:
            asked["COUNTERSIGN_PLANTED"] = planted
        command = [binary, "--exact", TEST, "--nocapture"]
        test = subprocess.Popen(command, env=os.environ | asked, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        with pipe.open() as lines:
            yield from map(json.loads, lines)
        told, _ = test.communicate(timeout=60)
        yield {"ended": test.returncode, "told": told}


def bytes_of(text):
    return text.encode("latin-1")


class Judge:
    """The strict parser's reading beside ours."""

    def __init__(self):
        self.inputs = self.requests = self.answered = self.refused = 0
        self.differences = []
        self.stricter = Counter()

    def see(self, reading):
        self.inputs += 1
        self.refused += reading["refused"] is not None
        rest = bytearray(bytes_of(reading["input"]))
        for request in reading["requests"]:
            used, wrong = self.compare(request, rest)
            if wrong:
                self.differences.append((wrong, reading))
                return
            if used is None:
                return
            del rest[:used]
        if reading["refused"]:
            self.stricter[self.taken_by_the_parser(reading["refused"], rest)] += 1
        elif not reading["closes"] and bytes(rest) not in (b"", b"\r\n"):
            self.differences.append(("we see the end where there is more", reading))

    def compare(self, ours, rest):
        """How many bytes the parser takes for the same request, and what is wrong with that. No bytes: we refuse its body."""
        body = ours["body"]
        try:
            theirs, used = parse_one(rest)
        except (Need, Bad) as error:
            return None, f"the parser takes no request here: {error!r}" if body is not None else None
        if body is None:
            self.stricter["the body is broken" if not theirs["violations"] else None] += 1
            return None, None
        self.requests += 1
        self.answered += ours["answered"] is not None
        excused = ("leading-CRLF-forwarded",) + (ANSWERED if ours["answered"] else ())
        violations = [told for told in theirs["violations"] if told.split(":")[0] not in excused]
        if violations:
            return None, f"the parser objects: {violations}"
        mine = (bytes_of(ours["method"]), bytes_of(ours["target"]), bytes_of(body))
        if mine != (theirs["method"], theirs["target"], theirs["body"]):
            return None, f"the parser reads {theirs['method']!r} {theirs['target']!r} {theirs['body']!r}"
        lines = [(bytes_of(name), bytes_of(value)) for name, value in ours["lines"]]
        if lines != [(name.lower(), value) for name, value in theirs["headers"]]:
            return None, f"the parser reads the lines {theirs['headers']}"
        return used, None

    @staticmethod
    def taken_by_the_parser(code, rest):
        """Our reason, where the parser takes what we refuse and objects to nothing."""
        try:
            return None if parse_one(rest)[0]["violations"] else code
        except (Need, Bad):
            return None


def run(binary, inputs, seed, planted=None):
    judge, ended = Judge(), None
    for reading in readings(binary, inputs, seed, planted):
        if "ended" in reading:
            ended = reading
        else:
            judge.see(reading)
    return judge, ended


def test_binary():
    """Where cargo has put the library's tests."""
    command = ["cargo", "test", "--locked", "--lib", "--no-run", "--message-format=json"]
    told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    built = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    return next(line["executable"] for line in built if line.get("executable") and "lib" in line["target"]["kind"])


def main():
    inputs = int(sys.argv[2]) if len(sys.argv) > 2 else INPUTS
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else secrets.randbits(63) | 1
    tally, binary = Tally(), test_binary()
    print(f"seed {seed}")
    judge, ended = run(binary, inputs, seed)
    stricter = {code: count for code, count in judge.stricter.items() if code}
    print(f"{judge.inputs} inputs, {judge.requests} requests taken, {judge.answered} of them answered with a refusal, "
          f"{judge.refused} inputs refused; refused though the parser objects to nothing: {stricter}")
    for wrong, reading in judge.differences[:3]:
        print(wrong, bytes_of(reading["input"]), reading["requests"], sep="\n  ")
    tally.check("hyper takes what we take for the same requests", ended["ended"] == 0, "" if ended["ended"] == 0 else ended["told"][-2000:])
    tally.check("the strict parser takes what we take for the same requests", not judge.differences, len(judge.differences))
    tally.check("every input was judged, and both ways out were seen", judge.inputs == inputs and 0 < judge.refused < inputs and judge.requests)
    for planted in PLANTED:
        found = len(run(binary, PLANTED_INPUTS, seed, planted)[0].differences)
        tally.check(f"a reading with a planted defect is found: {planted}", found, f"{found} of {PLANTED_INPUTS} inputs")
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
