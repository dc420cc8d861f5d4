"""What runs short: file descriptors, and memory for bodies that nobody has judged."""

import os
import socket
import time

from ground import USUAL, attack_scripts, gateway
from tools import memory, wait_until

DESCRIPTORS = 256
CROWD = 600
BUDGET = 64 << 20
# What a connection costs beside held bytes: a buffer of 64 KiB to read into, and as much of what was read and is not yet judged.
EACH = 128 << 10
BASE = 24 << 20
BODY = (1 << 20) - 1


def descriptors(tally, attack, running, binary, upstream, hook):
    """With 256 descriptors: whoever is connected is served, health is told, others wait, nobody spins, and all is well again afterwards."""
    gate = gateway(running, binary, "poor", upstream, USUAL, prefix=["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"])
    sign = attack_scripts(attack)("harness").load_hook(hook).sign
    polite = Client(gate.plain, sign)
    tally.check("descriptors: served before", polite.ask() == 200)
    before = cpu(gate.pid)
    crowd = [socket.create_connection(("127.0.0.1", gate.plain), timeout=5) for _ in range(CROWD)]
    # Longer than an idle connection to the upstream is kept: the next request needs a descriptor.
    time.sleep(2)
    told = [polite.ask() for _ in range(20)]
    tally.check("descriptors: a connected client is served, whatever the crowd", told == [200] * 20, told)
    spent = cpu(gate.pid) - before
    tally.check("descriptors: no spinning", spent < 1, f"{spent:.2f} s of CPU for {CROWD} connections and two seconds of want")
    began = time.monotonic()
    want = gate.metric("countersign_accept_failures_total")
    seconds = time.monotonic() - began
    told = f"{want:.0f} times, in {seconds:.3f} s"
    tally.check("descriptors: health is told all the time, and that some wait", want > 0 and seconds < 2, told)
    for one in crowd:
        one.close()
    ready = lambda: Client(gate.plain, sign).ask() == 200
    tally.check("descriptors: newcomers are served again", wait_until("newcomers", ready))


class Client:
    """A connection of a client that signs."""

    def __init__(self, port, sign, source="127.0.0.1"):
        self.sign = sign
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))

    def head(self, body, length):
        fields = b"".join(name + b": " + value + b"\r\n" for name, value in self.sign(b"POST", b"/x", [], body))
        return b"POST /x HTTP/1.1\r\nHost: localhost\r\n" + fields + b"Content-Length: %d\r\n\r\n" % length

    def ask(self):
        """The status of a small request; 0 where the connection has ended."""
        try:
            self.socket.sendall(self.head(b"x", 1) + b"x")
            answer = self.socket.recv(65536)
            return int(answer[9:12]) if answer else 0
        except OSError:
            return 0


def hoard(tally, attack, running, binary, upstream, hook, hoarders=1000):
    """A thousand clients on many addresses, each one byte short of 1 MiB, in memory: no more than the budget, and a constant for each."""
    grown, held = hoarded(attack, running, binary, upstream, hook, "hoarded", hoarders, BUDGET)
    bound = BUDGET + BASE + hoarders * EACH
    told = f"{grown / 2**20:.0f} MiB more for {hoarders} bodies of 1 MiB, bound {bound / 2**20:.0f} MiB; {held} held, the others refused"
    tally.check("hoard: memory stays within its budget", grown <= bound, told)
    tally.check("hoard: the budget is used", held >= BUDGET // 2**20 // 2, held)
    grown, held = hoarded(attack, running, binary, upstream, hook, "generous", hoarders // 2, 4 << 30)
    planted = grown > BUDGET + BASE + hoarders // 2 * EACH
    tally.check("planted: a gateway without a budget is found out", planted, f"{grown / 2**20:.0f} MiB for {hoarders // 2} bodies")


def hoarded(attack, running, binary, upstream, hook, name, hoarders, budget):
    """How many bytes memory grew at its peak, and how many bodies were held."""
    gate = gateway(running, binary, name, upstream, USUAL, memory=f"{budget >> 20}MiB")
    sign = attack_scripts(attack)("harness").load_hook(hook).sign
    before = memory(gate.pid, "VmRSS")
    clients = []
    for number in range(hoarders):
        client = Client(gate.plain, sign, f"127.0.1.{1 + number % 40}")
        client.socket.settimeout(2)
        clients.append(client)
        try:
            client.socket.sendall(client.head(bytes(8), BODY + 1) + bytes(BODY))
        except OSError:
            pass
    grown = memory(gate.pid, "VmHWM") - before
    held = sum(silent(client.socket) for client in clients)
    for client in clients:
        client.socket.close()
    return grown, held


def silent(connection):
    """Whether nothing was said to a client that waits."""
    connection.setblocking(False)
    try:
        connection.recv(1)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def cpu(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
