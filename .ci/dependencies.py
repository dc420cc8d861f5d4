"""Licences, bans and sources of every crate, by the rules of deny.toml.

Uses `cargo deny` where it is installed. Where it is not (building it takes longer than all other steps), the same three
rules are read from the same file and checked on `cargo metadata`; advisories need a network database and are not checked.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict

from tools import ROOT, Tally


def main():
    if shutil.which("cargo-deny"):
        return subprocess.run(["cargo", "deny", "--offline", "check", "licenses", "bans", "sources"], cwd=ROOT).returncode
    tally = Tally()
    self_test(tally)
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    metadata = json.loads(subprocess.run(
        ["cargo", "metadata", "--locked", "--format-version", "1"], cwd=ROOT, check=True, capture_output=True).stdout)
    others = [package for package in metadata["packages"] if package["source"]]
    licences(tally, others, rules["licenses"])
    bans(tally, others, rules["bans"])
    sources(tally, others, rules["sources"])
    tally.check("at most 200 crates are linked or run at build time", shipped() <= 200, shipped())
    return tally.close()


def shipped():
    """Crates of this platform, with every feature, without those that only tests need."""
    tree = ["cargo", "tree", "--locked", "--all-features", "--edges", "no-dev", "--prefix", "none", "--format", "{p}"]
    lines = subprocess.run(tree, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return len({line.removesuffix(" (*)") for line in lines if line}) - 1


def licences(tally, packages, rules):
    allowed = set(rules["allow"])
    for package in packages:
        excepted = {licence for row in rules.get("exceptions", []) if row["crate"] == package["name"] for licence in row["allow"]}
        expression = package["license"] or ""
        if not permits(expression, allowed | excepted):
            tally.check(f"licence of {package['name']} {package['version']}", False, expression or "none given")
    tally.check("licences looked at", bool(packages), len(packages))


def permits(expression, allowed):
    """Whether an SPDX expression can be satisfied by allowed licences. `/` is the old spelling of OR."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))
    if not tokens:
        return False

    def either():
        holds = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            holds = both() or holds
        return holds

    def both():
        holds = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            holds = one() and holds
        return holds

    def one():
        token = tokens.pop(0)
        if token == "(":
            holds = either()
            tokens.pop(0)
            return holds
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token += f" WITH {tokens.pop(0)}"
        return token in allowed

    return either()


def bans(tally, packages, rules):
    denied = {row["crate"]: row["reason"] for row in rules["deny"]}
    for package in packages:
        if package["name"] in denied:
            tally.check(f"{package['name']} is banned", False, denied[package["name"]])
    tally.check("bans looked at", bool(denied), len(denied))
    versions = defaultdict(set)
    for package in packages:
        versions[package["name"]].add(package["version"])
    for name, several in versions.items():
        if len(several) > 1:
            print(f"note: {name} is there {len(several)} times: {', '.join(sorted(several))}")


def sources(tally, packages, rules):
    known = {f"registry+{registry}" for registry in rules["allow-registry"]}
    foreign = [package["id"] for package in packages if package["source"] not in known]
    tally.check("every crate comes from a known registry", not foreign, foreign)


def self_test(tally):
    allowed = {"MIT", "Apache-2.0", "ISC"}
    for expression, expected in [
        ("MIT", True), ("GPL-3.0", False), ("MIT OR GPL-3.0", True), ("MIT AND GPL-3.0", False), ("GPL-3.0/MIT", True),
        ("(GPL-3.0 OR MIT) AND ISC", True), ("GPL-3.0 OR ISC AND BSD-3-Clause", False), ("Apache-2.0 WITH LLVM-exception", False), ("", False),
    ]:
        if permits(expression, allowed) != expected:
            tally.check(f"the check itself on {expression!r}", False)


if __name__ == "__main__":
    sys.exit(main())
