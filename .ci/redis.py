"""Gateways that share a replay store on a real redis-server: races, outages, failover, TLS, cluster.

usage: redis.py COUNTERSIGN [--planted]

Of copies that arrive at several gateways at once exactly one passes, and together they let through as much as one. Nothing passes while the store is
away, unless the route says so, and then it is counted. Ends within five minutes. `--planted`: gateways that do not share have to be found out.
"""

import asyncio
import collections
import itertools
import random
import sys
import tempfile
import time
from pathlib import Path

from redis_rates import alone_while_away, rates
from redis_server import SECRET, Gateway, Redis, shared, until
from tools import Processes, Tally, certificate, free_port, signed

RACES = 10_000
LANES = 16
NAMES = itertools.count()


class Upstream:
    """Counts how often each body arrives."""

    def __init__(self):
        self.seen = collections.Counter()

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0] or 0)
                self.seen[await reader.readexactly(length)] += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.close()


class Client:
    """A connection that is kept, and made again when it was lost."""

    def __init__(self, port):
        self.port, self.writer = port, None

    async def send(self, sent):
        """Status and code of the answer."""
        try:
            if self.writer is None:
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.writer.write(sent)
            head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
            length = int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0] or 0)
            body = await self.reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            self.close()
            return 0, ""
        if b"\r\nconnection: close" in head.lower():
            self.close()
        return int(head[9:12]), body.decode().partition('"code":"')[2].partition('"')[0]

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.writer = None


def fresh(path="/closed"):
    """The bytes of a request that was never sent before, and its body."""
    body = b"%d-%d" % (next(NAMES), random.getrandbits(32))
    lines = "".join(f"{name}: {value}\r\n" for name, value in signed(SECRET, body).items())
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
    return head.encode() + body, body


async def once(gateway, sent):
    client = Client(gateway.port)
    try:
        return await client.send(sent)
    finally:
        client.close()


async def limited(gateway):
    """What a fresh request is told where its key's rate is shared."""
    return await once(gateway, fresh("/limited")[0])


async def race(gateways, count, path="/closed"):
    """Every request at every gateway at the same time: how often each number of copies passed, and what the others were told."""
    passed, told = collections.Counter(), collections.Counter()
    left = iter(range(count))

    async def lane():
        clients = [Client(gateway.port) for gateway in gateways]
        for _ in left:
            sent, _body = fresh(path)
            random.shuffle(clients)
            answers = await asyncio.gather(*(client.send(sent) for client in clients))
            passed[sum(status == 200 for status, _ in answers)] += 1
            told.update(answer for answer in answers if answer[0] != 200)
        for client in clients:
            client.close()

    await asyncio.gather(*(lane() for _ in range(LANES)))
    return dict(passed), dict(told)


async def races(tally, house):
    redis = Redis(house.running, "races")
    gateways = [house.gateway(f"race-{number}", shared(redis.url)) for number in range(8)]
    await settled(gateways)
    begun = time.monotonic()
    passed, told = await race(gateways, RACES)
    seconds = time.monotonic() - begun
    tally.check(f"of {RACES} races of 8 gateways each has one winner ({seconds:.0f} s)", passed == {1: RACES}, passed)
    most = max(house.upstream.seen.values())
    tally.check("the upstream has seen each request once", (len(house.upstream.seen), most) == (RACES, 1), most)
    expected = {(409, "replayed"), (503, "replay_pending"), (409, "replay_unsettled")}
    tally.check("the others are told that it was received", set(told) <= expected, told)

    sent, body = fresh()
    first = await once(gateways[0], sent)
    later = [await once(gateway, sent) for gateway in gateways]
    tally.check("a copy that comes later is a replay everywhere", (first[0], set(later)) == (200, {(409, "replayed")}), later)
    sent, body = fresh("/webhook")
    answers = [(await once(gateway, sent))[0] for gateway in gateways]
    answered = (set(answers), house.upstream.seen[body])
    tally.check("a completed webhook's copy is answered by another gateway as the route says", answered == ({200}, 1), answered)
    stored = redis.cli("SCAN", "0", "COUNT", "20").split("\n")[1:]
    plain = all(len(name) == len("{countersign}:") + 43 or name.startswith("{countersign}:since:") for name in stored)
    tally.check("names on the store are digests", stored and plain, stored[:2])
    lives = [int(redis.cli("PTTL", name)) for name in stored]
    tally.check("every name ends by itself", all(life > 0 for life in lives), max(lives))
    return redis, gateways


async def outage(tally, house, redis, gateways, what, break_it, mend_it):
    """Away: nothing passes where it is closed, everything is counted where it is open; back within two seconds."""
    used, _ = fresh()
    tally.check(f"{what}: before it a request passes", (await once(gateways[0], used))[0] == 200)
    counted = sum(gateway.metric("countersign_replay_unchecked_total") for gateway in gateways)
    break_it()
    passed, opened, told, end = 0, 0, collections.Counter(), time.monotonic() + 4
    while time.monotonic() < end:
        for gateway in gateways:
            answer = await once(gateway, fresh()[0])
            passed += answer[0] == 200
            told[answer] += 1
            opened += (await once(gateway, fresh("/open")[0]))[0] == 200
    tally.check(f"{what}: nothing passes where the route is closed", passed == 0 and told.total() > 20, dict(told))
    counted = sum(gateway.metric("countersign_replay_unchecked_total") for gateway in gateways) - counted
    tally.check(f"{what}: where it is open every admission is counted", opened > 20 and counted == opened, (opened, counted))
    away = all("replay store away: " in gateway.readyz() for gateway in gateways)
    tally.check(f"{what}: /readyz tells", away, gateways[0].readyz().strip())
    mend_it()
    begun, back = time.monotonic(), []
    for gateway in gateways:
        while (answer := await once(gateway, fresh()[0]))[0] != 200 and time.monotonic() - begun < 10:
            await asyncio.sleep(0.02)
        back.append(time.monotonic() - begun)
    tally.check(f"{what}: all are back within 2 s", max(back) < 2, f"{max(back):.2f} s")
    copies = [await once(gateway, used) for gateway in gateways]
    tally.check(f"{what}: what passed before it passes nowhere", all(status != 200 for status, _ in copies), set(copies))


async def outages(tally, house, redis, gateways):
    def restart():
        redis.start()

    await outage(tally, house, redis, gateways, "killed", redis.kill, restart)
    await outage(tally, house, redis, gateways, "paused", redis.pause, redis.resume)
    used, _ = fresh()
    await once(gateways[0], used)
    redis.cli("FLUSHALL")
    await asyncio.sleep(2.5)
    copies = {(await once(gateway, used))[1] for gateway in gateways}
    tally.check("after FLUSHALL what passed before it passes nowhere", copies <= {"replayed", "replay_guard"}, copies)


async def sentinels(tally, house):
    """The primary dies with a claim that no replica has."""
    primary = Redis(house.running, "primary", "--repl-diskless-sync-delay", "0")
    replicas = [Redis(house.running, f"replica-{n}", "--replicaof", "127.0.0.1", str(primary.port)) for n in range(2)]
    ports = []
    for number in range(3):
        file = house.directory / f"sentinel-{number}.conf"
        file.write_text(f"sentinel monitor main 127.0.0.1 {primary.port} 2\nsentinel down-after-milliseconds main 1000\n"
                        "sentinel failover-timeout main 5000\nrequirepass s3cret-of-sentinels\n")
        sentinel = Redis.__new__(Redis)
        sentinel.running, sentinel.name, sentinel.port, sentinel.options = house.running, f"sentinel-{number}", free_port(), ()
        command = ["redis-server", str(file), "--sentinel", "--port", str(sentinel.port), "--bind", "127.0.0.1"]
        sentinel.child = house.running.start(sentinel.name, command)
        until(lambda: "NOAUTH" in sentinel.cli("SENTINEL", "masters"), 5)
        ports.append(sentinel.port)
    told = lambda port: primary.cli("--pass", "s3cret-of-sentinels", "--no-auth-warning", "SENTINEL", "master", "main", port=port)
    known = lambda: all("num-slaves\n2" in told(port) and "num-other-sentinels\n2" in told(port) for port in ports)
    tally.check("three sentinels know each other and two replicas", until(known, 20) is not None)
    password = house.directory / "sentinels"
    password.write_text("s3cret-of-sentinels\n")
    more = f", sentinel: main, sentinel_password_file: {password}"
    store = shared(*(f"redis://127.0.0.1:{port}" for port in ports), more=more)
    gateways = [house.gateway(f"watched-{number}", store) for number in range(2)]
    tally.check("gateways find the primary", until(lambda: all(one.is_up() for one in gateways), 5) is not None)
    await asyncio.sleep(1.1)

    for replica in replicas:
        replica.pause()
    lost = [fresh()[0] for _ in range(50)]
    answers = collections.Counter([await once(gateways[0], sent) for sent in lost])
    tally.check("claims are made that no replica has", set(answers) == {(200, "")}, dict(answers))
    primary.kill()
    for replica in replicas:
        replica.resume()
    begun, twice, told = time.monotonic(), 0, collections.Counter()
    recovered = None
    while time.monotonic() - begun < 40 and recovered is None:
        for sent in lost:
            answer = await once(gateways[1], sent)
            twice += answer[0] == 200
            told[answer] += 1
        if (await once(gateways[1], fresh()[0]))[0] == 200:
            recovered = time.monotonic() - begun
    for sent in lost:
        twice += (await once(gateways[1], sent))[0] == 200
    tally.check("after the failover nothing passes twice", twice == 0 and recovered is not None, dict(told))
    tally.check("and fresh requests pass at the new primary", recovered is not None, f"after {recovered} s")


async def secured(tally, house):
    """TLS, and a user who may do no more than is needed."""
    chain, key = certificate(house.directory)
    port, plain = free_port(), free_port()
    rules = "on >s3cret-of-redis resetkeys ~{orders}:* resetchannels -@all +set +del +getex +info +multi +exec +select +time +eval"
    redis = Redis(house.running, "secured", "--tls-port", str(port), "--tls-cert-file", str(chain), "--tls-key-file", str(key),
                  "--tls-auth-clients", "no", "--user", "countersign", *rules.split(), port=plain)
    password = house.directory / "password"
    password.write_text("s3cret-of-redis\n")
    more = f", user: countersign, password_file: {password}, namespace: orders, tls: {{ca: {chain}, server_name: localhost}}"
    store = shared(f"rediss://127.0.0.1:{port}", more=more)
    gateways = [house.gateway(f"secured-{number}", store) for number in range(2)]
    await settled(gateways)
    passed, told = await race(gateways, 200)
    tally.check("over TLS, by a user of few rights, each race has one winner", passed == {1: 200}, (passed, told))
    through = [(await limited(gateway))[0] for gateway in gateways for _ in range(2)]
    counted = sum(gateway.metric("countersign_rate_unshared_total") for gateway in gateways)
    tally.check("and rates are shared by that user, too", (set(through), counted) == ({200}, 0), (through, counted))
    password.write_text("another\n")
    redis.cli("CLIENT", "KILL", "TYPE", "normal")
    away = until(lambda: "WRONGPASS" in gateways[0].readyz(), 5)
    tally.check("a wrong password is told", away is not None, gateways[0].readyz().strip())
    leaked = [name for name in ("secured-0", "secured-1") if "another" in house.running.log(name)]
    tally.check("and not printed", not leaked, leaked)
    password.write_text("s3cret-of-redis\n")
    tally.check("the right one is read without a restart", until(lambda: all(one.is_up() for one in gateways), 5) is not None)


def low_port():
    """A node talks to others on its port plus 10000."""
    return next(port for port in iter(free_port, None) if port < 55_000)


async def settled(gateways):
    """Every gateway has the store, and what was stamped before that is over."""
    until(lambda: all(one.is_up() for one in gateways), 5)
    await asyncio.sleep(1.1)


async def cluster(tally, house):
    nodes = [Redis(house.running, f"node-{number}", "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", port=low_port())
             for number in range(3)]
    places = [f"127.0.0.1:{node.port}" for node in nodes]
    nodes[0].cli("--cluster", "create", *places, "--cluster-yes")
    formed = until(lambda: all("cluster_state:ok" in node.cli("CLUSTER", "INFO") for node in nodes), 20)
    tally.check("three nodes are a cluster", formed is not None)
    gateways = [house.gateway(f"node-gateway-{number}", shared(f"redis://{place}")) for number, place in enumerate(places)]
    await settled(gateways)
    passed, told = await race(gateways, 500)
    tally.check("gateways that begin at different nodes share claims", passed == {1: 500}, (passed, told))


async def forgetful(tally, house):
    redis = Redis(house.running, "forgetful", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    gateway = house.gateway("forgetful-gateway", shared(redis.url))
    answer = await once(gateway, fresh()[0])
    told = gateway.readyz()
    tally.check("a store that may evict claims is not used", answer == (503, "replay_store_away") and "noeviction" in told, told.strip())


async def planted(tally, house):
    gateways = [house.gateway(f"alone-{number}", "{restart_guard: false}") for number in range(2)]
    passed, _ = await race(gateways, 50)
    tally.check("gateways that share nothing are found out", passed.get(2, 0) > 0, passed)
    redis = Redis(house.running, "forgets")
    gateways = [house.gateway(f"forgets-{number}", shared(redis.url)) for number in range(2)]
    await asyncio.sleep(1.1)
    alone = [house.gateway(f"counts-{number}", "{restart_guard: false}") for number in range(2)]
    through = sum([(await limited(gateway))[0] == 200 for gateway in alone for _ in range(60)])
    tally.check("gateways that share no rate are found out", through >= 80, through)
    twice = 0
    for _ in range(20):
        sent, _body = fresh()
        first = await once(gateways[0], sent)
        names = [name for name in redis.cli("KEYS", "*").split("\n") if ":since:" not in name]
        redis.cli("DEL", *names)
        twice += (first[0], (await once(gateways[1], sent))[0]) == (200, 200)
    tally.check("a store that forgets is found out", twice == 20, twice)


class House:
    def __init__(self, running, binary, upstream, directory):
        self.running, self.binary, self.upstream, self.directory = running, binary, upstream, directory

    def gateway(self, name, store, **more):
        return Gateway(self.running, self.binary, name, self.upstream.port, store, **more)


async def main(binary, wants_planted):
    tally = Tally()
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        house = House(running, binary, await Upstream().start(), Path(directory))
        if wants_planted:
            await planted(tally, house)
            return tally.close()
        redis, gateways = await races(tally, house)
        await rates(tally, redis, gateways, limited)
        await outages(tally, house, redis, gateways)
        await alone_while_away(tally, redis, gateways[:4], limited)
        await secured(tally, house)
        await cluster(tally, house)
        await forgetful(tally, house)
        await sentinels(tally, house)
    return tally.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], "--planted" in sys.argv[2:])))
