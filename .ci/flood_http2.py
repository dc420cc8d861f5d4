"""HTTP/2 floods, each for a moment: a polite client is served, memory and CPU stay, and the connection is ended."""

import threading
import time
from types import SimpleNamespace

from ground import attack_scripts
from tools import memory

# What only asks, or uploads slowly, is no flood: the request's own timeouts end it.
PATIENT = {"normal-requests", "hold-streams"}

# Milliseconds at least that a polite client may wait: attacker, client, gateway and upstream share the cores.
SLOW = 500
GROWTH = 16 << 20


def floods(tally, attack, gate, hook, seconds, conns=4):
    """Every mode, in clear text and over TLS."""
    flood = attack_scripts(attack)("h2flood")
    rows = {}
    for name, port, clear in (("h2c", gate.plain, True), ("TLS", gate.tls, False)):
        before = memory(gate.pid, "VmRSS")
        to = SimpleNamespace(host="127.0.0.1", port=port, h2c=clear, conns=conns, once=False)
        rows[name] = under_floods(flood, to, gate.pid, hook, seconds)
        grown = memory(gate.pid, "VmRSS") - before
        for mode in flood.MODES:
            wrong, told = judge(mode, *rows[name][mode], rows[name]["before"][0], conns)
            tally.check(f"flood {mode} ({name})", not wrong, f"{'; '.join(wrong)} {told}".strip())
        told = f"{before / 2**20:.0f} MiB, {grown / 2**20:+.1f} MiB afterwards"
        tally.check(f"floods leave memory as it was ({name})", grown <= GROWTH, told)
    return rows


def planted(tally, attack, upstream, hook):
    """What reads everything and ends nothing is found out."""
    flood = attack_scripts(attack)("h2flood")
    to = SimpleNamespace(host="127.0.0.1", port=upstream, h2c=True, conns=2, once=False)
    rows = under_floods(flood, to, None, hook, 1, modes=["ping-flood"])
    wrong, _ = judge("ping-flood", *rows["ping-flood"], rows["before"][0], to.conns)
    tally.check("planted: a server that puts up with everything is found out", "it goes on for ever" in wrong, wrong)


def under_floods(flood, to, pid, hook, seconds, modes=None):
    """What was measured in each mode, and what the attacker saw."""
    modes = modes or list(flood.MODES)
    seen = {"before": {}}
    with flood.Measure(to.host, to.port, tls=not to.h2c, pid=pid, hook=hook) as measure:
        # The client is a process that starts first.
        time.sleep(1)
        measure.phase("before")
        time.sleep(2)
        for mode in modes:
            stop, seen[mode] = threading.Event(), {}
            measure.phase(mode)
            attackers = flood.attack(to, mode, stop, seen[mode])
            time.sleep(seconds)
            stop.set()
            for attacker in attackers:
                attacker.join(4)
        measure.phase("after")
        time.sleep(1)
    report = measure.report()
    return {mode: (report[mode], summed(stats)) for mode, stats in seen.items()}


def summed(stats):
    total = {}
    for of_one in stats.values():
        for key, value in of_one.items():
            if isinstance(value, (int, float)):
                total[key] = total.get(key, 0) + value
    return total


def judge(mode, phase, seen, before, conns):
    """What is wrong with what was seen under a flood, and the figures."""
    slowest, usual = phase.get("p99_ms", float("inf")), before.get("p99_ms", 1)
    amplified, spent = phase.get("cpu_amplification", 0), phase.get("server_cpu_s", 0)
    closed, opened = seen.get("closed_by_server", 0), seen.get("connections", 0)
    wrong = []
    if phase["good_err"] or not phase["good_ok"]:
        wrong.append(f"a polite client failed: {phase['good_err']}")
    if slowest > max(SLOW, 10 * usual):
        wrong.append("a polite client was slowed down")
    if amplified > 2 and spent > 0.3:
        wrong.append("it costs us more than the attacker")
    if mode not in PATIENT and not (closed >= opened - conns and opened > conns):
        wrong.append("it goes on for ever")
    return wrong, (f"polite {phase['good_ok']}/{phase['good_n']}, p99 {usual} -> {slowest} ms, CPU x{amplified}, "
                   f"{closed} of {opened} connections ended")
