"""Floods, slow clients, replays, changing files and want, against gateways of their own: a polite client notices nothing, abusers are ended.

usage: floods.py COUNTERSIGN [ATTACK_DIRECTORY] [--only PART,…] [--full] [--json FILE]

--full takes the default timeouts, 250 connections and more seconds: half an hour on a machine that does nothing else.
"""

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path

import flood_http2
import flood_reload
import flood_replay
import flood_scarce
import flood_slow
from ground import SHORT, USUAL, gateway, quick_upstream
from tools import ROOT, Processes, Tally


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("attack", nargs="?", type=Path, default=ROOT.parent / "shared" / "attack")
    parser.add_argument("--only", default="")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.attack = options.attack.resolve()
    options.hook = str(options.attack / "hooks" / "probe_scheme.py")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    tally, rows = Tally(), {}
    for part in PARTS:
        if not options.only or part.__name__ in options.only.split(","):
            with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
                rows[part.__name__] = part(tally, options, running)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1, default=str))
    return tally.close()


def http2(tally, options, running):
    upstream = quick_upstream(running)
    gate = gateway(running, options.binary, "flooded", upstream, USUAL if options.full else SHORT)
    flood_http2.planted(tally, options.attack, upstream, options.hook)
    return flood_http2.floods(tally, options.attack, gate, options.hook, seconds=4 if options.full else 1)


def slow(tally, options, running):
    times = USUAL if options.full else SHORT
    upstream = quick_upstream(running)
    gate = gateway(running, options.binary, "slowed", upstream, times)
    flood_slow.planted(tally, options.attack, gateway(running, options.binary, "patient", upstream, USUAL), options.hook, seconds=5)
    amount = {"conns": 250, "seconds": 75, "groups": 2} if options.full else {"conns": 30, "seconds": 5.5}
    return flood_slow.slowness(tally, options.attack, gate, options.hook, times, **amount)


def replay(tally, options, running):
    return flood_replay.replays(tally, options.attack, running, options.binary, nonces=20000)


def reload(tally, options, running):
    flood_reload.reloads(tally, options.attack, running, options.binary, quick_upstream(running), seconds=10 if options.full else 4)


def scarce(tally, options, running):
    upstream = quick_upstream(running)
    flood_scarce.descriptors(tally, options.attack, running, options.binary, upstream, options.hook)
    flood_scarce.hoard(tally, options.attack, running, options.binary, upstream, options.hook)


PARTS = [http2, slow, replay, reload, scarce]

if __name__ == "__main__":
    sys.exit(main())
