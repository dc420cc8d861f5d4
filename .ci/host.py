"""The service of a plain host, its Debian package, and the compose file.

usage: host.py COUNTERSIGN     (as root, with lintian, strace and systemd-analyze; the binary may be any)

No systemd runs here. What its unit demands is asked of systemd-analyze, and the gateway is run with the unit's own files under strace:
a system call that the unit's filter does not know would be refused.
"""

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from tools import ROOT, Processes, Tally, answers, echo_upstream, free_port, request, signed, wait_until

UNIT = "lib/systemd/system/countersign.service"
EXPOSURE = 2.0


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)


def unit(tally, root):
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", root / UNIT)
    exposure = re.search(r"exposure level for .*: ([0-9.]+)", done.stdout)
    tally.check(f"exposure is below {EXPOSURE}", exposure and float(exposure[1]) < EXPOSURE, exposure and exposure[1])
    done = run("systemd-analyze", "verify", "--man=no", f"--root={root}", "countersign.service", "countersign.socket")
    wrong = [line for line in done.stderr.splitlines() if "countersign" in line and "sysinit.target not found" not in line]
    tally.check("systemd reads every line of the units", not wrong, "\n".join(wrong))


def settings(root, name):
    return re.findall(rf"^{name}=(.*)$", (root / UNIT).read_text(), re.M)


def allowed(root):
    """The system calls that the unit's filter lets through."""
    groups, told = {}, run("systemd-analyze", "syscall-filter", "--no-pager").stdout
    for line in told.splitlines():
        word = line.strip()
        if line.startswith("@"):
            groups[word] = current = set()
        elif word and not word.startswith("#"):
            current.add(word)
    def calls(name):
        return set().union(*map(calls, groups[name])) if name in groups else {name}
    found = set()
    for line in settings(root, "SystemCallFilter"):
        named = set().union(*map(calls, line.removeprefix("~").split()))
        found = found - named if line.startswith("~") else found | named
    return found | calls("@default")


def placed(root, here, ports):
    """The package's configuration with free ports, and its directories below `here`."""
    text = (root / "etc/countersign/countersign.yaml").read_text()
    for named, ours in ports.items():
        text = text.replace(f"127.0.0.1:{named}", f"127.0.0.1:{ours}")
    for name in ("/run/countersign", "/var/lib/countersign"):
        (here / name.strip("/")).mkdir(parents=True)
        text = text.replace(name, f"{here}{name}")
    # No minute's wait for what an earlier process may have seen.
    text = text.replace("replay: {persist", "replay: {restart_guard: false, persist")
    (here / "countersign.yaml").write_text(text)
    return here / "countersign.yaml"


def serves(tally, binary, root, here):
    """The package's configuration, with keys as systemd hands them over, reloaded and ended as the unit does it."""
    secret, ports = secrets.token_hex(32), {8080: free_port(), 8000: echo_upstream()[0], 8081: free_port()}
    config = placed(root, here, ports)
    credentials = here / "credentials"
    credentials.mkdir(mode=0o700)
    (credentials / "keys_my-client").write_text(secret)
    (credentials / "keys_my-client").chmod(0o400)
    env = {**os.environ, "CREDENTIALS_DIRECTORY": str(credentials)}
    done = run(binary, "check", "--deny", "warnings", "--config", config, env=env)
    tally.check("the package's configuration has no warning", done.returncode == 0, done.stdout + done.stderr)
    with Processes(here) as running:
        traced = running.start("gateway", ["strace", "-f", "-qq", "-o", here / "calls", binary, "run", "--config", config], env=env)
        wait_until("the gateway", answers(ports[8081]), traced)
        told = [request(ports[8080], "POST", "/", headers, b"hello")[0] for headers in ({}, signed(secret, b"hello"))]
        tally.check("unsigned is 401, signed is 200", told == [401, 200], told)
        reload = settings(root, "ExecReload")[0].replace("/usr/bin/countersign", str(binary))
        reload = reload.replace("/run/countersign", f"{here}/run/countersign")
        tally.check("the unit's ExecReload reloads", run(*reload.split()).returncode == 0)
        config.write_text(config.read_text().replace("verify:", "verfy:"))
        done = run(*reload.split())
        tally.check("and fails where the configuration is wrong", done.returncode == 78, f"{done.returncode} {done.stdout}{done.stderr}")
        child = int(Path(f"/proc/{traced.pid}/task/{traced.pid}/children").read_text().split()[0])
        os.kill(child, 15)
        tally.check("SIGTERM ends it with 0", traced.wait(timeout=40) == 0, traced.returncode)
    called = {found[1] for found in re.finditer(r"^\d+ +(\w+)\(", (here / "calls").read_text(), re.M)}
    refused = called - allowed(root) - {"execve"}
    tally.check(f"the unit's filter knows all {len(called)} system calls that it makes", not refused, sorted(refused))


def activated(tally, binary, here):
    """The package's configuration, on a socket that systemd's own tool holds open."""
    secret, port, ports = secrets.token_hex(32), free_port(), {8000: echo_upstream()[0], 8081: free_port()}
    config = placed(here.parent / "root", here, ports)
    config.write_text(config.read_text().replace("127.0.0.1:8080", "systemd:public"))
    credentials = here / "credentials"
    credentials.mkdir(mode=0o700)
    (credentials / "keys_my-client").write_text(secret)
    (credentials / "keys_my-client").chmod(0o400)
    command = ["systemd-socket-activate", f"--listen=127.0.0.1:{port}", "--fdname=public", f"--setenv=CREDENTIALS_DIRECTORY={credentials}"]
    with Processes(here) as running:
        started = running.start("activated", [*command, binary, "run", "--config", config])
        told = wait_until("a gateway that a connection starts", lambda: asked(port, secret), started)
        tally.check("a socket that systemd hands over is served", told == [401, 200], told)


def asked(port, secret):
    try:
        return [request(port, "POST", "/", headers, b"hello")[0] for headers in ({}, signed(secret, b"hello"))]
    except OSError:
        return None


def shown():
    """The package's configuration as docs/systemd.md lets it run in one directory."""
    text = (ROOT / "deploy" / "systemd" / "countersign.yaml").read_text().split("\n", 1)[1]
    return text.replace("/var/lib/countersign/replay", "replay").replace("unix:/run/countersign/admin.sock", "127.0.0.1:8082")


def package(tally, binary, here):
    """The package, built twice, and what is in it."""
    build = ROOT / "deploy" / "debian" / "build"
    (here / "again").mkdir()
    first, second = (Path(run(build, binary, place).stdout.strip()) for place in (here, here / "again"))
    tally.check("the package is the same byte for byte when it is built again", first.read_bytes() == second.read_bytes())
    done = run("lintian", "--allow-root", "--fail-on", "error,warning", first)
    linked = run("readelf", "-d", binary).stdout.count("NEEDED")
    wrong = [line for line in done.stdout.splitlines() if line.startswith(("E:", "W:")) and not (linked and "libc" in line)]
    tally.check("lintian has nothing to say", not wrong, "\n".join(wrong))
    root = here / "root"
    run("dpkg-deb", "-x", first, root)
    modes = {name: oct((root / name).stat().st_mode & 0o777) for name in ("etc/countersign/keys", "usr/bin/countersign")}
    tally.check("keys are in a directory of root's", modes == {"etc/countersign/keys": "0o700", "usr/bin/countersign": "0o755"}, modes)
    return root


def compose(tally, binary):
    """The compose file against the schema of its makers, and its configuration."""
    path = ROOT / "deploy" / "compose.yaml"
    done = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", path)
    tally.check("compose.yaml is what compose takes", done.returncode == 0, done.stdout + done.stderr)
    services = yaml.safe_load(path.read_text())["services"]
    gateway, app = services["gateway"], services["app"]
    tally.check("only the gateway has a port and a way out", "ports" not in app and app["networks"] == ["inside"], json.dumps(app))
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "key-1").write_text(secrets.token_hex(32))
        text = (path.parent / gateway["volumes"][0]["source"] / "countersign.yaml").read_text()
        config = Path(directory).with_suffix(".yaml")
        config.write_text(text.replace("/etc/countersign/keys", directory))
        done = run(binary, "check", "--deny", "warnings", "--config", config, env={**os.environ, **gateway["environment"]})
        config.unlink()
    tally.check("its configuration has no warning", done.returncode == 0, done.stdout + done.stderr)


def main():
    binary, tally = Path(sys.argv[1]).resolve(), Tally()
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        root = package(tally, binary, here)
        unit(tally, root)
        (here / "service").mkdir()
        serves(tally, binary, root, here / "service")
        (here / "activated").mkdir()
        activated(tally, binary, here / "activated")
    compose(tally, binary)
    tally.check("docs/systemd.md runs the package's configuration", f"```yaml\n{shown()}```" in (ROOT / "docs" / "systemd.md").read_text())
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
