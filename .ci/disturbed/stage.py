"""One run: a gateway, its house, its upstream and its clients; what is measured of it, and what is demanded."""

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from tools import answers, memory, wait_until

from .faults import HERE, Upstreams, metric
from .house import FUTURE, PAST, TOTAL, House
from .judge import Seen
from .load import Load, Stalls, Timeline
from .store import FORGOTTEN, Store
from .wire import ask

FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
MEMORY = 12 << 20
DESCRIPTORS = 4


class Stage:
    def __init__(self, binary, here, running, ports, chance, defect=None):
        self.binary, self.here, self.running, self.chance = binary, Path(here), running, chance
        self.judge, self.book = os.urandom(32), self.here / "book"
        self.house, self.timeline, self.stalls = House(self.here, ports), Timeline(), Stalls()
        self.stalls.start()
        self.over, self.findings, self.load = threading.Event(), [], None
        self.planted = sorted(self.house.planted())
        self.upstream = Upstreams(self, chance)
        self.store = Store(running, ports["store"], self.here) if "store" in ports else None
        self.clock = self.here / "clock"
        self.set_clock(0)
        self.gateway = self.start_gateway()
        self.processes = [self.gateway.pid]
        if defect:
            self.processes.append(self.start_defect(defect))
        self.loads = []
        if self.store:
            # What may be stamped before the first gateway met the store is refused.
            time.sleep(FORGOTTEN)

    def start_gateway(self):
        env = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_CACHE_DURATION": "1",
               "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"} if FAKETIME else {}
        child = self.running.start("gateway", [str(self.binary), "run", "--config", str(self.house.config)], env=env)
        wait_until("the gateway", answers(self.house.ports["health"]), child)
        return child

    def start_defect(self, defect):
        """A proxy before the gateway that does one thing wrong; what it prints counts as printed by the gateway."""
        ports = self.house.ports
        command = [sys.executable, str(HERE / "planted.py"), defect, *(str(ports[name]) for name in ("plain", "inner", "upstream"))]
        child = self.running.start("planted", command, env={"CHAOS_PLANTED": self.house.mark})
        wait_until("the planted defect", lambda: "ready" in self.running.log("planted"), child)
        return child.pid

    @contextmanager
    def excusing(self, name, excuses, after=1.0):
        window = self.timeline.begin(name, excuses)
        try:
            yield
        finally:
            self.timeline.end(window, after)

    def set_clock(self, seconds):
        fresh = self.clock.with_name("..clock")
        fresh.write_text(f"{seconds:+d}")
        os.rename(fresh, self.clock)

    def loaded(self, seed, seconds, rate, clients=8):
        """Requests for so long; without a rate as many as get through."""
        self.load = Load(self.house, self.judge, self.timeline, self.look_for_secrets, seed, clients)
        self.load.rate = rate
        self.loads.append(self.load)
        self.load.start()
        time.sleep(seconds)

    def reloaded(self, seconds):
        """As often as it can be, by three operators at once."""
        until = time.monotonic() + seconds

        def operator():
            while time.monotonic() < until:
                ask(self.house.ports["admin"], "POST", "/reload")

        operators = [threading.Thread(target=operator) for _ in range(3)]
        for thread in operators:
            thread.start()
        for thread in operators:
            thread.join()

    def look_for_secrets(self, where, text):
        found = next((spelling for spelling in self.planted if spelling in text), None)
        if found and len(self.findings) < 20:
            self.findings.append((where, found[:12].decode(errors="replace")))

    def check_configuration(self):
        """`check` reads what is there, mistakes included, and prints it."""
        for more in ([], ["--print"], ["--verbose"]):
            command = [str(self.binary), "check", "--config", str(self.house.config), *more]
            done = subprocess.run(command, capture_output=True, timeout=30, check=False)
            self.look_for_secrets(f"check {more}", done.stdout + done.stderr)

    def settled(self, patience):
        """Until nothing is remembered and no connection is idle: bytes and descriptors of all processes."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and (metric(self.house.ports["health"], "countersign_replay_entries") != 0 or self.upstream_lines()):
            time.sleep(0.5)
        time.sleep(min(1, patience))
        return self.size()

    def upstream_lines(self):
        """Connections to the upstream that the gateway still holds."""
        port = f":{self.house.ports['upstream']:04X} 01"
        return sum(port in line for line in Path("/proc/net/tcp").read_text().splitlines())

    def size(self):
        return sum(memory(pid, "VmRSS") for pid in self.processes), sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.processes)

    def read_everything(self):
        """All that was written down, and what the system shows of the process."""
        process = [Path(f"/proc/{self.gateway.pid}/{name}") for name in ("cmdline", "environ")]
        for path in [*self.here.glob("*.log"), self.here / "audit.jsonl", self.book, *process]:
            kept = b""
            with open(path, "rb") as file:
                while piece := file.read(1 << 22):
                    self.look_for_secrets(path.name, kept + piece)
                    kept = piece[-200:]
        for target in ("/status", "/keys", "/metrics", "/readyz"):
            status, text = ask(self.house.ports["admin"], "GET", target)
            self.look_for_secrets(f"GET {target}", text.encode())
        logs = "".join(path.read_text(errors="replace") for path in self.here.glob("*.log"))
        return re.findall(r".*panicked at.*|.*RUST_BACKTRACE.*", logs)

    def verdicts(self, before, after):
        """Every demand: name, whether it holds, what was seen."""
        panics, seen = self.read_everything(), Seen(self.book)
        wrong = [row[:4] for load in self.loads for row in load.wrong if not self.stalls.cover(*row[4:])]
        answered = [ident for load in self.loads for ident in load.answered]
        lost = [ident for ident in answered if not seen.count[ident]]
        mixed = [row for row in wrong if "the answer to" in str(row[1])]
        rest = [row for row in wrong if row not in mixed]
        yield "no unauthorised request at the upstream", not seen.objections, seen.objections[:5] or f"{sum(seen.count.values())} received"
        yield "each request at the upstream at most once", not seen.twice, seen.twice[:5] or f"{len(seen.count)} different"
        yield "each answered request was at the upstream", not lost, lost[:5] or f"{len(answered)} answered"
        yield "each answer belongs to its request", not mixed, mixed[:5] or ""
        yield "each request has one of the outcomes that it may have", not rest, rest[:8] or f"{sum(load_total(self.loads).values())} sent"
        yield "memory is back", after[0] <= before[0] + MEMORY, f"{before[0] / 2**20:.1f} MiB before, {after[0] / 2**20:.1f} MiB after"
        yield "descriptors are back", after[1] <= before[1] + DESCRIPTORS, f"{before[1]} before, {after[1]} after"
        yield "no panic", not panics, panics[:3] or ""
        yield "no planted secret anywhere", not self.findings, self.findings[:5] or f"{len(self.planted)} spellings"
        yield "the process is the same", self.gateway.poll() is None, self.gateway.poll() or self.gateway.pid


def load_total(loads):
    return sum((load.told for load in loads), type(loads[0].told)())


PATIENCE = PAST + FUTURE + TOTAL + 15
