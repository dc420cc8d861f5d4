"""Runs the README's first command from cold, pastes what it prints, and says how long a stranger waited."""

import re
import subprocess
import sys
import tempfile
import time

from tools import ROOT, Processes, Tally, wait_until
import processes

COMMAND = ["cargo", "run", "--profile", "quick", "--", "demo"]
PASTED = {"Signed: 200": ["200"], "Not signed: 401": ["401"], "Signed once and sent twice": ["200", "409"]}


def main():
    tally = Tally()
    first = re.search(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1).splitlines()[0]
    tally.check("the README's first command is the one that is run here", first.split("#")[0].split() == COMMAND, first)
    processes.PATIENCE = 1200
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        start = time.monotonic()
        cargo = running.start("demo", COMMAND, cwd=ROOT)
        try:
            blocks = wait_until("the demo", lambda: printed(running.log("demo")), cargo)
        except RuntimeError as error:
            print(running.log("demo"))
            tally.check("the demo starts", False, error)
            return tally.close()
        print(f"cold start of the first command: {time.monotonic() - start:.0f} s")
        paste(tally, blocks)
    return tally.close()


def printed(log):
    """The pasteable blocks by their comment, once all are there."""
    blocks = {title: body for title, body in re.findall(r"^# (.*)\n((?:[^#\n].*\n)+)", log, re.M)}
    return blocks if all(any(title.startswith(known) for title in blocks) for known in PASTED) else None


def paste(tally, blocks):
    for title, script in blocks.items():
        for known, statuses in PASTED.items():
            if title.startswith(known):
                for attempt in range(1, 4):
                    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
                    told = re.findall(r"(\d{3})$", done.stdout, re.M)
                    tally.check(f"pasted, {attempt}. time: {title}", told == statuses, done.stdout + done.stderr)


if __name__ == "__main__":
    sys.exit(main())
