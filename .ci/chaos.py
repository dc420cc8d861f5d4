"""Signed load at half of what gets through while upstream, keys, certificates, configuration, shared store, clock and operations listeners are disturbed at random.

Nothing unauthorised reaches the upstream, nothing authorised is refused for a wrong reason, nothing is lost, kept or betrayed.

usage: chaos.py [--seconds 600] [--seed NUMBER] [--planted] COUNTERSIGN        (needs openssl, redis-server, and libfaketime for the clock)
"""

import argparse
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tools import Processes, Tally, free_port

from disturbed.faults import Clock, Flood
from disturbed.house_faults import House
from disturbed.planted import DEFECTS
from disturbed.stage import FAKETIME, PATIENCE, Stage, load_total
from disturbed.store import SERVER

CALIBRATION = 8
CALM = 5
# So many looks at memory, 20 s apart, tell whether it grows on, and by so much it may.
LOOKS = 24
GROWTH = 2 << 20


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    parser.add_argument("--planted", action="store_true", help="show that every planted defect is found")
    parser.add_argument("binary", type=Path)
    given = parser.parse_args()
    tally = Tally()
    planted(tally, given.binary.resolve()) if given.planted else chaos(tally, given.binary.resolve(), given.seconds, given.seed)
    return tally.close()


def staged(binary, directory, running, chance, defect=None):
    names = ("health", "admin", "plain", "tls", "upstream", "inner")
    ports = {name: free_port() for name in names}
    if not defect:
        ports["inner"] = ports["plain"]
        ports |= {"store": free_port()} if SERVER else {}
    return Stage(binary, directory, running, ports, chance, defect)


def chaos(tally, binary, seconds, seed):
    print(f"seed {seed}, {seconds:.0f} s", flush=True)
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        stage = staged(binary, directory, running, chance)
        capacity = calibrated(stage, seed)
        before = stage.settled(PATIENCE)
        rate = capacity / 2
        stage.loaded(seed + 1, 1, rate)
        disturbances = [stage.upstream, House(stage, random.Random(seed + 2)), Flood(stage, random.Random(seed + 3))]
        disturbances += [stage.store.disturbing(stage, random.Random(seed + 5))] if SERVER else []
        disturbances += [Clock(stage, random.Random(seed + 4))] if FAKETIME else []
        sizes = disturbed(stage, disturbances, seconds)
        calm = calmed(stage)
        after = stage.settled(PATIENCE)
        tally.check("the clock can be disturbed (libfaketime)", FAKETIME is not None)
        tally.check("so can the store (redis-server)", SERVER is not None)
        tally.check("it all serves again afterwards", calm and set(calm) == {"200"}, dict(calm))
        for disturbance in disturbances:
            name = type(disturbance).__name__.lower()
            tally.check(f"disturbed: {name}", disturbance.done and not disturbance.findings, disturbance.findings[:5] or dict(disturbance.done))
        # A static binary, say, loads no library that could disturb its clock.
        late = load_total(stage.loads)["authorised", "timestamp_outside_window"]
        tally.check("the gateway's clock was wrong when it was disturbed", late or not FAKETIME, f"{late} authorised requests out of their window")
        for name, holds, told in stage.verdicts(before, after):
            tally.check(name, holds, told)
        if len(sizes) >= LOOKS:
            tally.check("memory does not grow on", grown(sizes) <= GROWTH, f"{grown(sizes) / 2**20:+.1f} MiB from the second quarter to the last")
        figures(stage, capacity, rate)


def calibrated(stage, seed):
    """Requests per second that these clients get through, all judgements included, while nothing is disturbed."""
    stage.loaded(seed, CALIBRATION, None)
    stage.load.end()
    # Reloads in quick succession hold several generations at once; what that takes of memory is no part of what is measured.
    stage.reloaded(3)
    return sum(stage.load.told.values()) / CALIBRATION


def disturbed(stage, disturbances, seconds):
    for disturbance in disturbances:
        disturbance.start()
    end, sizes = time.monotonic() + seconds, []
    while time.monotonic() < end and stage.gateway.poll() is None:
        time.sleep(min(20, max(0, end - time.monotonic())))
        sizes.append(stage.size()[0])
        print(f"     {sum(stage.load.told.values())} requests, {len(stage.load.wrong)} wrong, {sizes[-1] / 2**20:.1f} MiB", flush=True)
    stage.over.set()
    for disturbance in disturbances:
        disturbance.join()
    return sizes


def grown(sizes):
    """Bytes between the medians of the second quarter and of the last."""
    quarter = len(sizes) // 4
    return statistics.median(sizes[-quarter:]) - statistics.median(sizes[quarter : 2 * quarter])


def calmed(stage):
    """When everything has ended, authorised requests are answered again, all of them."""
    time.sleep(3)
    before = Counter(stage.load.told)
    time.sleep(CALM)
    stage.load.end()
    fresh = stage.load.told - before
    return Counter({outcome: count for (kind, outcome), count in fresh.items() if kind == "authorised"})


def figures(stage, capacity, rate):
    told = load_total(stage.loads)
    for kind in sorted({kind for kind, _ in told}):
        outcomes = {outcome: count for (found, outcome), count in told.most_common() if found == kind}
        print(f"     {kind}: {outcomes}", flush=True)
    print(f"     capacity {capacity:.0f}/s, load {rate:.0f}/s; the machine stood still for {stage.stalls.seconds():.1f} s", flush=True)


def planted(tally, binary):
    """Each defect makes its demand fail, and without one all hold."""
    for defect, demand in DEFECTS.items():
        with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
            stage = staged(binary, directory, running, random.Random(1), defect)
            stage.loaded(0, 1.5, None, clients=4)
            stage.load.end()
            before = stage.settled(0.5)
            stage.loaded(1, 3, None, clients=4)
            stage.load.end()
            failed = [name for name, holds, _ in stage.verdicts(before, stage.settled(2)) if not holds]
        tally.check(f"planted: {defect}", demand in failed if demand else not failed, failed)


if __name__ == "__main__":
    sys.exit(main())
