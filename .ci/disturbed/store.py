"""What goes wrong with the shared replay store: a real redis-server that hangs, dies, comes back without its memory, or loses it."""

import shutil
import signal
import subprocess
import time

from .faults import Disturbance
from .house import FUTURE

SERVER = shutil.which("redis-server")
AWAY = {"replay_store_away"}
# Until nothing that was stamped before can be fresh any more, by a clock that may be wrong.
FORGOTTEN = 3 * FUTURE


class Store(Disturbance):
    """Begins before the gateway does, and then disturbs."""

    def __init__(self, running, port, here):
        self.running, self.port, self.here = running, port, here
        self.born()

    def disturbing(self, stage, chance):
        super().__init__(stage, chance, (15, 30))
        return self

    def acts(self):
        return [self.frozen, self.frozen, self.frozen, self.hung_up, self.hung_up, self.killed, self.wiped]

    def born(self):
        command = [SERVER, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.here)]
        with open(self.here / "redis.log", "ab") as log:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.running.children.append(self.child)
        for _ in range(200):
            if self.order("PING") == "PONG":
                return
            time.sleep(0.05)
        raise RuntimeError("the store does not come back")

    def order(self, *words):
        command = ["timeout", "3", "redis-cli", "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def frozen(self):
        with self.stage.excusing("store frozen", AWAY, after=2):
            self.child.send_signal(signal.SIGSTOP)
            self.rest(0.5, 4)
            self.child.send_signal(signal.SIGCONT)

    def hung_up(self):
        with self.stage.excusing("store hung up", AWAY, after=2):
            self.order("CLIENT", "KILL", "TYPE", "normal")

    def killed(self):
        with self.stage.excusing("store killed", AWAY | {"replay_guard"}, after=FORGOTTEN):
            self.child.kill()
            self.child.wait()
            self.rest(0.1, 2)
            self.born()

    def wiped(self):
        with self.stage.excusing("store wiped", AWAY | {"replay_guard"}, after=FORGOTTEN):
            self.order("FLUSHALL")
