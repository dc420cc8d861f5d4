"""Rates that several gateways share on a real redis-server: together they let through what one would."""

import asyncio
import collections
import re
import time

from redis_server import until

BURST = 40      # of a bucket that regains one token a second


async def burst(gateways, ask, each):
    """So many requests at every gateway at once: answers, and the seconds that they took."""
    begun = time.monotonic()
    answers = await asyncio.gather(*(ask(gateway) for gateway in gateways for _ in range(each)))
    return collections.Counter(answers), time.monotonic() - begun


def passed(answers):
    return sum(count for (status, _), count in answers.items() if status == 200)


def asked(redis):
    """How many tokens the server was asked for."""
    found = re.search(r"cmdstat_eval:calls=(\d+)", redis.cli("INFO", "commandstats"))
    return int(found.group(1)) if found else 0


async def rates(tally, redis, gateways, ask):
    """`ask` sends a fresh request to a gateway, on a route whose key has a shared bucket."""
    begun = time.monotonic()
    answers, _ = await burst(gateways, ask, 2 * BURST // len(gateways))
    most = BURST + time.monotonic() - begun
    only = set(answers) <= {(200, ""), (429, "key_rate_exceeded")}
    tally.check(f"{len(gateways)} gateways together let a burst through", BURST <= passed(answers) <= most and only, dict(answers))

    await burst(gateways[:1], ask, 400)     # as many as it thought were left ask, and learn that none is
    before = asked(redis)
    answers, seconds = await burst(gateways[:1], ask, 400)
    needed = asked(redis) - before
    tally.check("a flood over an empty bucket hardly asks the store", needed <= seconds + 2, (needed, round(seconds, 1)))

    begun, through = time.monotonic(), 0
    while time.monotonic() - begun < 4:
        through += passed((await burst(gateways, ask, 1))[0])
        await asyncio.sleep(0.05)
    seconds = time.monotonic() - begun
    tally.check("and then a token a second passes", seconds - 2 <= through <= seconds + 1, (through, round(seconds, 1)))

    size, names = memory(redis)
    tally.check("a bucket ends by itself, and its name tells nobody", 0 < int(redis.cli("PTTL", names[0])) <= 1000 * BURST, (names, size))
    counted = alone(gateways)
    tally.check("all of it was counted together", counted == 0, counted)


async def alone_while_away(tally, redis, gateways, ask):
    """Away: each gateway counts for itself, and says so."""
    redis.kill()
    answers, _ = await burst(gateways, ask, 2 * BURST)
    most = BURST * len(gateways) + 40
    only = set(answers) <= {(200, ""), (429, "key_rate_exceeded")}
    tally.check("while the store is away each gateway limits alone", BURST < passed(answers) <= most and only, dict(answers))
    tally.check("and counts what nobody else knows of", alone(gateways) == passed(answers), (alone(gateways), passed(answers)))
    redis.start()
    tally.check("until it is back", until(lambda: all(gateway.is_up() for gateway in gateways), 5) is not None)


def memory(redis):
    names = [name for name in redis.cli("KEYS", "*:rate:*").split("\n") if name]
    return [int(redis.cli("MEMORY", "USAGE", name) or 0) for name in names], names


def alone(gateways):
    return sum(gateway.metric("countersign_rate_unshared_total") for gateway in gateways)
