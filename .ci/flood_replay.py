"""Replays: races, a full store, forged floods, and key ids that cannot be found out by trying."""

import re
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from ground import attack_scripts, gateway
from tools import free_port

HOOK = Path(__file__).parent / "key_probe.py"
FEW = 2000

KEYED = """  keyed:
    algorithm: sha256
    signature: {header: X-Sig, encoding: hex}
    key_id: {header: X-Key}
    timestamp: {header: X-Sig-Ts, past: 300s, future: 300s}
    message: "{timestamp}\\n{body}"
"""
KEYED_ROUTE = """  - path: /r/k
    verify: {scheme: keyed, keys: probe}
    replay: off
    upstream: app
"""

# A body, how often it is sent under either key, and whether its last byte waits until everything else is there.
BODIES = {"0 B": (b"", 400, False), "64 KiB": (bytes(64 << 10), 200, False), "a withheld byte": (bytes(4 << 10), 200, True)}
TRIES = 3


def replays(tally, attack, running, binary, nonces):
    """Everything that replay.py asks, of a store with room and of one without."""
    upstream = free_port()
    keyed = {"schemes": KEYED, "routes": KEYED_ROUTE}
    gate = gateway(running, binary, "replayed", upstream, **keyed)
    other = gateway(running, binary, "replica", upstream, **keyed)
    to = lambda gate, *more: ask(attack, gate, upstream, *more)
    code, lines = to(gate, "--flood", str(nonces), "--pid", str(gate.pid), "--port2", str(other.plain))
    for name in ("seq", "race", "reorder", "flood", "junkflood", "keyenum"):
        tally.check(f"replay {name}", lines.get(name, "").startswith("ok"), lines.get(name, "it did not run"))
    tally.check("replay all hold", code == 0, code)
    # A store for each process: that is what docs/replay.md promises, and no more.
    tally.check("replay replica", "ACCEPTS" in lines.get("replica", ""), lines.get("replica"))

    small = gateway(running, binary, "small", upstream, capacity=FEW)
    code, lines = to(small, "--flood", str(2 * FEW))
    told = lines.get("flood", "")
    tally.check("replay: a full store refuses what is new and forgets nothing", told.startswith("ok") and "'503'" in told, told)
    entries = small.metric("countersign_replay_entries")
    tally.check("replay: a full store is as full as it may be", entries <= FEW, entries)

    open_door = gateway(running, binary, "forgetful", upstream, route="replay: off")
    code, lines = to(open_door, "--flood", "0")
    planted = code != 0 and lines.get("seq", "").startswith("FAIL") and lines.get("race", "").startswith("FAIL")
    tally.check("planted: a gateway that remembers nothing is found out", planted, [lines.get("seq"), lines.get("race")])
    key_ids(tally, attack, gate)


def ask(attack, gate, upstream, *more):
    """The exit code of replay.py, and its line for each check."""
    to = ["127.0.0.1", str(gate.plain), "--sign", str(HOOK), "--upstream-port", str(upstream), *more]
    command = [sys.executable, str(attack / "replay.py"), *to]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    lines = {line.split()[1]: line for line in done.stdout.splitlines() if len(line.split()) > 1}
    return done.returncode, lines


def key_ids(tally, attack, gate):
    """An unknown key id is answered like a wrong signature: the same, and as fast, whatever the body."""
    variants = attack_scripts(attack)("harness").load_hook(HOOK).KEY_ID_VARIANTS(b"POST", b"/r/k", b"")
    for name, (body, times, withheld) in BODIES.items():
        for _ in range(TRIES):
            medians, told = probe(gate.plain, variants, body, times, withheld)
            known, unknown = medians
            if abs(known - unknown) < 0.1 * known:
                break
        alike = f"{known * 1e6:.0f} us known, {unknown * 1e6:.0f} us unknown"
        tally.check(f"replay keyenum in time, {name}", abs(known - unknown) < 0.1 * known, alike)
        refused = len(told) == 1 and b" 401 " in min(told)
        tally.check(f"replay keyenum in content, {name}", refused, f"{len(told)} answers: {min(told)[:400]}")


def probe(port, variants, body, times, withheld):
    """The median time of an answer under either key, and everything that was answered."""
    spent, told = ([], []), set()
    for number in range(2 * times):
        seconds, answer = once(port, variants[number % 2](), body, withheld)
        spent[number % 2].append(seconds)
        told.add(answer)
    return [statistics.median(of_one) for of_one in spent], told


def once(port, headers, body, withheld):
    """One request on a connection of its own: the seconds until its answer was there, and the answer without its time and number."""
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    head = b"POST /r/k HTTP/1.1\r\nHost: localhost\r\n" + fields + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        message, early = head + body, b""
        if withheld:
            connection.sendall(message[:-1])
            early, message = hear(connection, 0.005), message[-1:]
        began = time.perf_counter()
        connection.sendall(message)
        answer = early
        while piece := connection.recv(65536):
            answer += piece
        seconds = time.perf_counter() - began
    answer = re.sub(rb'(?i)\r\n(date|x-request-id):[^\r]*|"request_id":"[^"]*"', b"", answer)
    return seconds, b"early: " + early if early else answer


def hear(connection, seconds):
    """What is said within so long."""
    connection.settimeout(seconds)
    try:
        return connection.recv(65536)
    except TimeoutError:
        return b""
    finally:
        connection.settimeout(10)
