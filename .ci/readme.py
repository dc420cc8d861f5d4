"""What README.md tells people to type and to write is true: its second section is followed to the letter, by a new user.

usage: readme.py COUNTERSIGN
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import ROOT, Processes, Tally, answers, echo_upstream, free_port, wait_until

COMMANDS = ["cargo run --profile quick -- demo", "cargo test"]


def main():
    tally = Tally()
    binary = Path(sys.argv[1]).resolve()
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S)
    shell = [body for kind, body in blocks if kind == "sh"]
    yaml = [body for kind, body in blocks if kind == "yaml"]
    commands = [line.split("#")[0].strip() for line in shell[0].splitlines()]
    tally.check("the first two commands", commands == COMMANDS, commands)
    for body in shell:
        done = subprocess.run(["bash", "-n"], input=body, text=True, capture_output=True)
        tally.check(f"a shell can read: {body.splitlines()[0]}", done.returncode == 0, done.stderr)
    refers(tally, text, binary)
    tally.check("one configuration of at most ten lines", len(yaml) == 1 and yaml[0].count("\n") <= 10)
    protects(tally, yaml[0], request=shell[1], setup=shell[2], binary=binary)
    return tally.close()


def refers(tally, text, binary):
    for link in re.findall(r"\]\(((?!http|#)[^)#]+)", text):
        tally.check(f"link {link}", (ROOT / link).exists())
    for command in sorted(set(re.findall(r"`countersign ([a-z]+)", text))):
        done = subprocess.run([binary, command, "--help"], capture_output=True, stdin=subprocess.DEVNULL)
        tally.check(f"countersign {command} exists", done.returncode == 0)


def protects(tally, configuration, request, setup, binary):
    """The second section, with free ports for those it names."""
    upstream, seen = echo_upstream()
    public = free_port()
    ports = {"8000": upstream, "8080": public}
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        placed = re.sub(r":(\d{4})\b", lambda port: f":{ports[port[1]]}", configuration)
        (Path(directory) / "countersign.yaml").write_text(placed)
        make, check, run = [line.split("   #")[0] for line in setup.splitlines()]
        tally.check("the key is made", *typed(make, directory))
        tally.check("the configuration is right, without a warning", *typed(check.replace(cargo(check), str(binary)), directory,
                                                                            expected="countersign.yaml: OK, 1 route, 0 warnings\n"))
        gateway = running.start("gateway", run.replace(cargo(run), str(binary)).split(), cwd=directory)
        wait_until("the gateway", answers(public, status=401), gateway)
        told = {"KEY": (Path(directory) / "keys" / "my-client").read_text(), "URL": f"http://127.0.0.1:{public}/orders?id=7"}
        status = request.replace("curl -sS", "curl -sS -o /dev/null -w '%{http_code}'")
        asks = lambda script, expected: typed(script, directory, told, expected)
        tally.check("the signed request is answered", *asks(status, "200"))
        tally.check("with another key it is not", *asks(f"KEY=another; {status}", "401"))
        tally.check("unsigned it is not", *asks("curl -sS -o /dev/null -w '%{http_code}' \"$URL\"", "401"))
        names = {name.lower(): value for name, value in seen[0]["headers"]} if seen else {}
        tally.check("the service learns who it was", len(seen) == 1 and names.get("x-countersign-key") == "my-client", names)


def cargo(command):
    return re.match(r"cargo run .*?-- ", command)[0].strip()


def typed(script, directory, more=None, expected=""):
    """Whether a shell did it and printed what is expected; and what it printed else."""
    env = {**os.environ, **(more or {})}
    done = subprocess.run(["sh", "-c", script], cwd=directory, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode == 0 and done.stdout == expected and not done.stderr, done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
