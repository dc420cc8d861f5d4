"""Slow clients and hoarders, each in its own way: a polite client is served, and every one of them is ended at its documented second."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from ground import SHORT, attack_scripts
from tools import memory, wait_until

# Seconds that a busy machine may add.
SLACK = 3
SLOW = 2000
GROUPS = 8

# Which timeout ends a mode; None where the answer comes at once. Whoever never reads is watched from the gateway's side.
ENDS = {
    "slowloris-headers": "head", "slowloris-request-line": "head", "header-hoard": "head",
    "slow-body-cl": "body_idle", "slow-body-chunked": "body_idle", "stalled-body": "body_idle", "trailer-drip": "body_idle",
    "expect-100-then-silence": "body_idle", "memory-hoard": "body_idle",
    "keepalive-idle": "idle", "upgrade-then-silence": "idle", "slow-read": "idle",
    "idle-no-bytes": "head", "tls-hello-fragment": "handshake", "tls-then-silence": "head",
    "chunk-ext-drip": None, "half-closed": None,
}


def slowness(tally, attack, gate, hook, times, conns, seconds, groups=GROUPS):
    """Every mode, in clear text and over TLS, several at a time."""
    modes = list(attack_scripts(attack)("slow").MODES)
    tally.check("no slow mode is unknown here", set(modes) == set(ENDS), set(modes) ^ set(ENDS))
    before, open_files = memory(gate.pid, "VmRSS"), descriptors(gate.pid)
    rows = {}
    for name, port, more in (("plain", gate.plain, []), ("TLS", gate.tls, ["--tls"])):
        own = [mode for mode in modes if more or not mode.startswith("tls-")]
        common = ["127.0.0.1", str(port), "--pid", str(gate.pid), "--sign", hook, "--conns", str(conns), "--seconds", str(seconds), *more]
        rows[name] = run(attack, common, own, groups)
        for mode in own:
            wrong, told = judge(mode, rows[name].get(mode), times)
            tally.check(f"slow {mode} ({name})", not wrong, f"{'; '.join(wrong)} {told}".strip())
    tally.check("slow readers are gone, too", gone(gate, open_files), f"{open_files} descriptors before, {descriptors(gate.pid)} now")
    grown = memory(gate.pid, "VmRSS") - before
    told = f"{before / 2**20:.0f} MiB before, {grown / 2**20:+.1f} MiB, at its peak {memory(gate.pid, 'VmHWM') / 2**20:.0f} MiB"
    tally.check("slow clients leave memory as it was", grown <= 64 << 20, told)
    return rows


def planted(tally, attack, gate, hook, seconds):
    """A gateway with more patience than it admits is found out."""
    common = ["127.0.0.1", str(gate.plain), "--pid", str(gate.pid), "--sign", hook, "--conns", "5", "--seconds", str(seconds)]
    row = run(attack, common, ["slowloris-headers"], 1).get("slowloris-headers")
    wrong, _ = judge("slowloris-headers", row, SHORT)
    tally.check("planted: a gateway with too much patience is found out", "5 go on for ever" in wrong, wrong)


def run(attack, common, modes, groups):
    """Runs the modes in so many processes; what each mode saw."""
    with tempfile.TemporaryDirectory() as directory:
        probes = []
        for number in range(min(groups, len(modes))):
            out = Path(directory) / f"{number}.json"
            command = [sys.executable, str(attack / "slow.py"), *common, "--mode", ",".join(modes[number::groups]), "--json", str(out)]
            probes.append((subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL), out))
        rows = {}
        for probe, out in probes:
            probe.wait()
            rows |= json.loads(out.read_text()) if out.exists() else {}
        return rows


def judge(mode, row, times):
    """What is wrong with what was seen in a mode, and the figures."""
    if row is None:
        return ["it did not run"], ""
    seen, phase, before = row["attack"], row["phases"]["attack"], row["phases"]["before"]
    last = (seen["ended_after_s"] or [0, 0, 0])[2]
    due = times.get(ENDS[mode], 0)
    wrong = []
    if phase["good_err"] or row["phases"]["after"]["good_err"] or not phase["good_ok"]:
        wrong.append(f"a polite client failed: {phase['good_err']}")
    slowest, usual = phase.get("p99_ms", float("inf")), before.get("p99_ms", 1)
    if slowest > max(SLOW, 10 * usual):
        wrong.append("a polite client was slowed down")
    # Who brings more than can be held is told so while he still sends: he has not "opened".
    if seen["refused"] and mode != "memory-hoard" or not seen["opened"]:
        wrong.append("not everybody was let in")
    # A client that never reads does not notice its end.
    if mode != "slow-read" and seen["left_open"]:
        wrong.append(f"{seen['left_open']} go on for ever")
    if last > due + SLACK:
        wrong.append("later than documented")
    return wrong, (f"polite {phase['good_ok']}/{phase['good_n']}, p99 {usual} -> {slowest} ms, {seen['ended']} of {seen['opened']} ended "
                   f"after {last} s (due: {due} s), {seen['first_bytes_seen']}")


def descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def gone(gate, before):
    """Whether there are about as many descriptors again as at the start."""
    try:
        return wait_until("descriptors", lambda: descriptors(gate.pid) <= before + 4)
    except RuntimeError:
        return False
