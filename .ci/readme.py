"""What README.md tells people to type and to write is true.

usage: readme.py COUNTERSIGN
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import ROOT, Tally

COMMANDS = ["cargo run --profile quick -- demo", "cargo test"]


def main():
    tally = Tally()
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S)
    shell = [line.split("#")[0].strip() for kind, body in blocks if kind == "sh" for line in body.splitlines()]
    tally.check("the first two commands", shell[:2] == COMMANDS, shell[:2])
    for number, body in enumerate(body for kind, body in blocks if kind == "yaml"):
        tally.check(f"configuration {number + 1} is accepted", *accepted(sys.argv[1], body))
    for kind, body in blocks:
        if kind == "sh":
            done = subprocess.run(["bash", "-n"], input=body, text=True, capture_output=True)
            tally.check(f"a shell can read: {body.splitlines()[0]}", done.returncode == 0, done.stderr)
    for link in re.findall(r"\]\(((?!http|#)[^)#]+)", text):
        tally.check(f"link {link}", (ROOT / link).exists())
    for command in sorted(set(re.findall(r"`countersign ([a-z]+)", text))):
        done = subprocess.run([sys.argv[1], command, "--help"], capture_output=True, stdin=subprocess.DEVNULL)
        tally.check(f"countersign {command} exists", done.returncode == 0)
    return tally.close()


def accepted(binary, body):
    with tempfile.TemporaryDirectory() as directory:
        keys = Path(directory) / "keys"
        keys.mkdir()
        (keys / "my-client").write_text("0123456789abcdef" * 4)
        config = Path(directory) / "countersign.yaml"
        config.write_text(body.replace("./keys", str(keys)))
        command = [binary, "check", "--config", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return done.returncode == 0, done.stderr.strip()


if __name__ == "__main__":
    sys.exit(main())
