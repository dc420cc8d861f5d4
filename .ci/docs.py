"""Every page of docs/ runs: what stands in its `console` blocks is typed, against a live gateway, and has to print what the page prints.

CONTRIBUTING.md tells the convention.

usage: docs.py COUNTERSIGN [--planted] [PAGE…]
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tools import ROOT, Processes, Tally, free_port, wait_until

DOCS = ROOT / "docs"
ECHO = DOCS / "examples" / "echo.py"
PATIENCE = 30                       # seconds for one command
READERS = ("cat", "curl", "grep", "head", "sed", "tail")        # asked again while what they read is still being written
PORT = re.compile(r"\b(127\.0\.0\.1|localhost|0\.0\.0\.0):(\d{4,5})\b")
FENCE = re.compile(r"^(?:<!-- file: (\S+) -->\n)?(`{3,})(\w*)\n(.*?)^\2$", re.M | re.S)


@dataclass
class Step:
    """A command with what it prints, or a file with what it holds."""

    text: str
    printed: list = field(default_factory=list)
    file: str = ""


class Wrong(Exception):
    pass


def steps(page):
    """What a reader does, from top to bottom."""
    for file, _, kind, body in FENCE.findall(page):
        if file:
            yield Step(body, file=file)
        elif kind == "console":
            yield from commands(body)


def commands(block):
    current = None
    for line in block.splitlines():
        if line.startswith("$ "):
            if current:
                yield current
            current = Step(line[2:])
        elif current is None:
            raise Wrong(f"a console block begins with a command, not with {line!r}")
        elif line.startswith("> ") or line == ">":
            current.text += "\n" + line[2:]
        else:
            current.printed.append(line)
    if current:
        yield current


class Session:
    """A shell in a directory of its own, with free ports for those that the page names."""

    def __init__(self, binary, directory, running):
        self.directory, self.running = Path(directory), running
        self.ports = {}
        self.background = []        # (pid, log)
        self.gateways = []          # pids
        env = {**os.environ, "PATH": f"{binary.parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "CURL_HOME": str(directory)}
        (self.directory / ".curlrc").write_text("silent\nshow-error\n")      # as on a terminal, where no meter is drawn beside an answer
        self.home = self.directory / "page"
        self.home.mkdir()
        self.shell = subprocess.Popen(["bash", "--norc", "--noprofile"], cwd=self.home, env=env, text=True, errors="replace",
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

    def close(self):
        """Ends what the page began, and nothing else: the shell, and its children by their ids."""
        for pid, _ in self.background:
            self.end(pid, signal.SIGTERM)
        deadline = time.monotonic() + 5
        while any(alive(pid) for pid, _ in self.background) and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid, _ in self.background:
            self.end(pid, signal.SIGKILL)
        os.killpg(self.shell.pid, signal.SIGKILL)
        self.shell.wait()

    @staticmethod
    def end(pid, how):
        if alive(pid):
            os.kill(pid, how)

    def place(self, text):
        """The text with our ports for those of the page."""
        return PORT.sub(lambda found: f"{found[1]}:{self.port(found[2])}", text)

    def port(self, named):
        if named not in self.ports:
            self.ports[named] = str(free_port())
            if named == "8000":
                self.running.start("echo", [sys.executable, str(ECHO), self.ports[named]])
                wait_until("the service", lambda: int(self.ports[named]) in listening())
        return self.ports[named]

    def tell(self, text):
        """The text with the page's ports for ours."""
        for named, ours in self.ports.items():
            text = re.sub(rf":{ours}\b", f":{named}", text)
        return text

    def write(self, step):
        path = self.home / step.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.place(step.text))

    def type(self, text):
        """What the command printed, and how it ended."""
        mark = f"done-{os.urandom(8).hex()}"
        watch = threading.Timer(PATIENCE, os.killpg, (self.shell.pid, signal.SIGKILL))
        watch.start()
        try:
            self.shell.stdin.write(f"{{ {text}\n}} 2>&1 </dev/null\nprintf '\\n%s %s\\n' {mark} $?\n")
            self.shell.stdin.flush()
            lines = []
            for line in self.shell.stdout:
                if line.startswith(mark):
                    printed = "".join(lines)[:-1]
                    return self.tell(printed), int(line.split()[1])
                lines.append(line)
        finally:
            watch.cancel()
        raise Wrong(f"`{text}` did not end within {PATIENCE} s, or ended the shell: {''.join(lines)}")

    def begin(self, text):
        """A command that goes on beside the others, once it listens."""
        log = self.directory / f"background-{len(self.background)}"
        printed, _ = self.type(f"{text} >{log} 2>&1 & echo $!" if ">" not in text else f"{text} & echo $!")
        shell = int(printed.split()[-1])
        self.background.append((shell, log))
        told = lambda: self.tell(log.read_text(errors="replace")) if log.exists() else ""
        deadline = time.monotonic() + PATIENCE
        while not listening(family(shell)):
            if not alive(shell):
                raise Wrong(f"`{text}` ended: {told()}")
            if time.monotonic() > deadline:
                raise Wrong(f"`{text}` does not listen: {told()}")
            time.sleep(0.05)
        for pid in family(shell) - {shell}:
            self.background.append((pid, log))
        if "countersign" in text:
            self.gateways.append(shell)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def family(pid):
    """The process and its children."""
    found, new = set(), {pid}
    while new:
        found |= new
        new = set()
        for parent in found:
            try:
                new |= set(map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()))
            except OSError:
                pass
        new -= found
    return found


def listening(pids=None):
    """Ports on which these processes listen; without an argument, on which anybody does."""
    inodes = None if pids is None else {os.readlink(entry)[8:-1] for pid in pids for entry in descriptors(pid)}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and (inodes is None or row[9] in inodes)}


def descriptors(pid):
    try:
        return [entry for entry in Path(f"/proc/{pid}/fd").iterdir() if os.readlink(entry).startswith("socket:")]
    except OSError:
        return []


def fits(expected, printed):
    """`…` stands for anything within a line, and alone on a line for any lines."""
    pattern = ""
    for line in expected:
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ \t\r]*\n"
    text = printed.rstrip("\n") + "\n" if printed.strip() else ""
    return re.fullmatch(pattern, text) is not None


def asks(text, session, gateways):
    """Whether the command talks to a gateway: it names where one listens, in itself or in a file that it names."""
    if re.search(r"countersign (check|verify|doctor|test|keygen)\b", text):
        return False
    files = [session.home / word.strip("@'\"") for word in text.split()]
    named = text + "".join(file.read_text(errors="replace") for file in files if file.is_file())
    return any(int(port) in gateways for _, port in PORT.findall(named)) or "countersign listen" in text


def run(page, session):
    """Does what the page says; how many of its commands asked a live gateway and printed what the page prints."""
    live = 0
    for step in steps(page):
        if step.file:
            session.write(step)
            continue
        text = session.place(step.text)
        while step.printed and not step.printed[-1].strip():
            step.printed.pop()
        if re.search(r"(?<!&)&\s*(#.*)?$", text):
            session.begin(re.sub(r"&\s*(#.*)?$", "", text).strip())
            continue
        variables = " ".join(session.type(f'printf %s "${name}"')[0] for name in re.findall(r"\$\{?([A-Za-z_]\w*)", text))
        named = f"{text} {session.place(variables)}"
        repeat = time.monotonic() + (5 if text.split()[0] in READERS else 0)
        while True:
            printed, code = session.type(text)
            if fits(step.printed, printed) and (code == 0 or step.printed) or time.monotonic() > repeat:
                break
            time.sleep(0.1)
        if not fits(step.printed, printed):
            raise Wrong(f"`{step.text}` prints\n{printed}\nand not\n" + "\n".join(step.printed))
        if code and not step.printed:
            raise Wrong(f"`{step.text}` ends with {code} and the page does not say so")
        gateways = set().union(*(listening(family(pid)) for pid in session.gateways))
        live += bool(step.printed and asks(named, session, gateways))
    return live


def judge(page, binary):
    """None, or what is wrong with the page."""
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        session = Session(binary, directory, running)
        try:
            live = run(page, session)
            return None if live else "no command asks a live gateway and is compared"
        except (Wrong, RuntimeError, OSError) as error:
            logs = {log: log.read_text(errors="replace")[-1500:] for _, log in session.background if log.exists()}
            return "\n".join([str(error), *logs.values()])
        finally:
            session.close()


GOOD = """
```console
$ SECRET=0123456789abcdef0123456789abcdef countersign proxy --upstream 127.0.0.1:8000 --scheme github --key-env SECRET --listen 127.0.0.1:8080 &
$ curl -sS -o /dev/null -w '%{http_code}\\n' http://127.0.0.1:8080/
401
$ echo one; echo two
…
two
```
"""

PLANTED = {
    "a wrong status": ("401", "200"),
    "a wrong line behind a gap": ("two\n```", "three\n```"),
    "a line too many": ("401\n", "401\n401\n"),
    "a line too few": ("401\n", ""),
    "a command that fails and says nothing": ("$ echo one", "$ false\n$ echo one"),
    "a command that ends the shell": ("$ echo one", "$ exit 3\n$ echo one"),
    "a command that does not end": ("$ echo one", "$ sleep 600\n$ echo one"),
    "nothing that asks the gateway": ("$ curl -sS -o /dev/null -w '%{http_code}\\n' http://127.0.0.1:8080/", "$ echo 401"),
    "a gateway that does not start": ("--scheme github", "--scheme nobody"),
    "a block that begins without a command": ("$ SECRET", "SECRET"),
}


def planted(binary, tally):
    global PATIENCE
    tally.check("a page that holds", judge(GOOD, binary) is None)
    PATIENCE = 3
    for name, (old, new) in PLANTED.items():
        assert old in GOOD, old
        told = judge(GOOD.replace(old, new, 1), binary)
        tally.check(f"found: {name}", told is not None, (told or "").splitlines()[:1])
    return tally.close()


def links(text, page):
    """Relative links that lead nowhere."""
    return [link for link in re.findall(r"\]\(((?!\w+:|#)[^)#]+)", text) if not (page.parent / link).exists()]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))     # so that what was begun is ended
    tally = Tally()
    binary = Path(sys.argv[1]).resolve()
    named = [argument for argument in sys.argv[2:] if not argument.startswith("--")]
    if "--planted" in sys.argv:
        return planted(binary, tally)
    for page in sorted(DOCS.glob("*.md")):
        if named and page.name not in named and page.stem not in named:
            continue
        text, start = page.read_text(), time.monotonic()
        told = judge(text, binary)
        tally.check(f"{page.name} ({time.monotonic() - start:.1f} s)", told is None, told or "")
        lost = links(text, page)
        tally.check(f"{page.name}: links", not lost, lost or "")
        for body in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S):
            done = subprocess.run(["bash", "-n"], input=body, text=True, capture_output=True)
            if done.returncode:
                tally.check(f"{page.name}: a shell can read {body.splitlines()[0]}", False, done.stderr)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
