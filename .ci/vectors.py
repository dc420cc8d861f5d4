"""`countersign test` on every file of vectors, and on bent ones: exactly the lines that were bent fail.

usage: vectors.py COUNTERSIGN DIRECTORY
"""

import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import Tally

# Reading matter: cases in which libraries contradict the rule or each other.
NO_TEST = {"_quirks.jsonl"}


def main():
    tally = Tally()
    for path in sorted(Path(sys.argv[2]).glob("*.jsonl")):
        if path.name in NO_TEST:
            continue
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        must = [place for place, line in enumerate(lines) if line.get("level") != "may"]
        code, out = run(lines)
        same(tally, f"{path.name}: all pass", (code, last(out)), (0, f"{len(must)} passed, 0 failed"))
        if all("valid" in line for line in lines):
            bent(tally, path.name, lines, must)
    unknown(tally)
    return tally.close()


def bent(tally, name, lines, must):
    """The opposite verdict is asked of a random twentieth of the lines."""
    chosen = sorted(random.sample(must, max(1, len(must) // 20)))
    flipped = [{**line, "valid": not line["valid"]} if place in chosen else line for place, line in enumerate(lines)]
    code, out = run(flipped)
    told = {int(number) - 1 for number in re.findall(r"^line (\d+): ", out, re.MULTILINE)}
    failed = sorted(place for place in told if lines[place].get("level") != "may")
    same(tally, f"{name}: exactly the bent lines fail", (code, failed), (1, chosen))
    same(tally, f"{name}: and are counted", last(out), f"{len(must) - len(chosen)} passed, {len(chosen)} failed")


def unknown(tally):
    """What nobody knows is a failure, never a skip."""
    line = {"scheme": "github", "case": "x", "method": "POST", "target": "/", "headers": [["Host", "h"]], "body_b64": "",
            "keys": [{"id": "k", "secret": "s"}], "now": 1760000000, "valid": False, "level": "must"}
    for what, change in [("scheme", {"scheme": "nobody"}), ("field", {"colour": "red"}), ("option", {"config": {"x": 1}})]:
        code, out = run([{**line, **change}])
        same(tally, f"an unknown {what} fails", (code, last(out)), (1, "0 passed, 1 failed"))


def same(tally, name, got, expected):
    tally.check(name, got == expected, got if got == expected else f"got {got}, expected {expected}")


def run(lines):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))
        file.flush()
        done = subprocess.run([sys.argv[1], "test", file.name], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout


def last(out):
    return out.splitlines()[-1] if out else ""


if __name__ == "__main__":
    sys.exit(main())
