"""Results of the harness, read: medians, paired ratios, and what the gates say about them."""

import json
import statistics
import tomllib
from pathlib import Path

GATES = tomllib.loads((Path(__file__).parent / "gates.toml").read_text())
OURS = "countersign"

# In the order in which they are told: what a reader knows them by.
WORKLOADS = {
    "W1": "256 B, keep-alive",
    "W2": "16 KiB",
    "W3": "1 MiB",
    "W4": "256 B over TLS 1.3",
    "W5": "a TLS handshake for each request",
    "W6": "256 B over HTTP/2",
    "W8": "256 B, bad signature: refused",
    "W7": "an idle connection",
    "W7t": "an idle TLS connection",
}

PEERS = {
    OURS: "countersign",
    "nginx_plain": "nginx, no check",
    "nginx_lua": "nginx + Lua",
    "haproxy": "HAProxy, no NUL bytes",
    "haproxy_lua": "HAProxy + Lua",
    "haproxy_plain": "HAProxy, no check",
    "pingora": "Pingora",
    "envoy_plain": "Envoy, no check",
    "envoy_lua": "Envoy + Lua",
    "relay_copy": "bare relay, no HTTP",
    "relay_splice": "bare relay, splice",
    "raw_epoll": "hand-written epoll",
    "wsgi": "Python WSGI",
    "django": "Django REST Framework",
}

UNCHECKED = {"nginx_plain", "haproxy_plain", "envoy_plain", "relay_copy", "relay_splice"}


def read(paths):
    """{workload: {peer: {round: figure}}} of one file or several; figures are µs of CPU per request, or KiB per idle connection."""
    merged = {}
    for place, path in enumerate(paths):
        for workload, peers in json.loads(Path(path).read_text())["results"].items():
            for peer, rounds in peers.items():
                figures = {(place, each["round"]): each[unit(workload)] for each in rounds if each.get("requests") and unit(workload) in each}
                merged.setdefault(workload, {}).setdefault(peer, {}).update(figures)
    return {workload: merged[workload] for workload in WORKLOADS if workload in merged}


def is_memory(workload):
    return workload.startswith("W7")


def unit(workload):
    return "kb_per_conn" if is_memory(workload) else "cpu_us_per_req"


def median(rounds):
    """The median over rounds; `None` where nothing was measured."""
    return statistics.median(rounds.values()) if rounds else None


def medians(peers):
    """[(peer, median)], the cheapest first."""
    known = [(peer, median(rounds)) for peer, rounds in peers.items() if rounds]
    return sorted(known, key=lambda row: row[1])


def paired(peers, peer):
    """ours / theirs: the median of the ratios within a round, since a shared machine is as fast as it likes from one round to the next."""
    ours, theirs = peers.get(OURS, {}), peers.get(peer, {})
    ratios = [ours[key] / theirs[key] for key in ours.keys() & theirs.keys() if theirs[key]]
    return statistics.median(ratios) if ratios else None


def verdicts(results):
    """(workload, peer, measured, allowed) for every gate; `None` where it was not measured."""
    for workload, gates in GATES.items():
        peers = results.get(workload, {})
        for peer, allowed in gates.items():
            measured = median(peers.get(OURS, {})) if peer == "kib" else paired(peers, peer)
            yield workload, peer, measured, allowed
