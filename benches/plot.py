#!/usr/bin/env python3
"""Results of peers.sh as a reader wants them: the plot and the table of docs/performance.md, and the gates.

usage: plot.py RESULTS.json...             writes docs/performance.svg and the tables of docs/performance.md
       plot.py --gates RESULTS.json...     prints the gates; with --strict it ends with 1 where one is missed or was not measured
"""

import sys
from html import escape
from pathlib import Path

from results import OURS, PEERS, UNCHECKED, WORKLOADS, is_memory, median, medians, paired, read, verdicts

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN, END = "<!-- benches/plot.py writes from here -->", "<!-- to here -->"

PICTURE = "![CPU time for each request, countersign beside other proxies: shorter is better](performance.svg)"
LEGEND = "Microseconds of CPU for each request, median; KiB for idle connections. The gates are ratios, ours / theirs:"

WIDTH, COLUMNS, GAP = 960, 2, 32
BAR, STEP, TOP, TITLE = 16, 24, 96, 34
LABEL, FIGURE = 140, 108

STYLE = """
    .card { fill: #ffffff } text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .title { font-size: 22px; font-weight: 600 } .what { font-size: 15px; font-weight: 600 } .soft { fill: #59636e }
    .peer { fill: #c2cad3 } .open { fill: none; stroke: #aab4bf; stroke-dasharray: 4 3 }
    .ours { fill: #0f7b5f } .mine { font-weight: 700; fill: #0f7b5f }
    @media (prefers-color-scheme: dark) {
      .card { fill: #0d1117 } text { fill: #e6edf3 } .soft { fill: #9198a1 }
      .peer { fill: #4a5461 } .open { stroke: #5f6b79 } .ours { fill: #3fd0a4 } .mine { fill: #3fd0a4 }
    }"""


def main(arguments):
    options = {argument for argument in arguments if argument.startswith("--")}
    files = [argument for argument in arguments if argument not in options]
    if not files or options - {"--gates", "--strict"}:
        sys.exit(__doc__)
    results = read(files)
    if "--gates" in options:
        print(gates(results))
        return int("--strict" in options and any(state(*row[2:]) != "ok" for row in verdicts(results)))
    (DOCS / "performance.svg").write_text(plot(results))
    page = DOCS / "performance.md"
    page.write_text(fill(page.read_text(), f"{PICTURE}\n\n{table(results)}\n\n{LEGEND}\n\n{gates(results)}"))
    return 0


def fill(page, text):
    """The page with `text` between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def table(results):
    """Medians, one row for each peer: µs of CPU per request, KiB per idle connection."""
    shown = list(results)
    lines = ["| | " + " | ".join(WORKLOADS[workload] for workload in shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for peer in PEERS:
        cells = [median(results[workload].get(peer, {})) for workload in shown]
        if any(cell is not None for cell in cells):
            name = f"**{PEERS[peer]}**" if peer == OURS else PEERS[peer]
            lines.append(f"| {name} | " + " | ".join(map(figure, cells)) + " |")
    return "\n".join(lines)


def gates(results):
    lines = ["| | beside | measured | at most | |", "|---|---|---|---|---|"]
    for workload, peer, measured, allowed in verdicts(results):
        beside, suffix = ("", " KiB") if peer == "kib" else (PEERS[peer], "")
        told = "-" if measured is None else f"{measured:.3f}{suffix}"
        lines.append(f"| {WORKLOADS[workload]} | {beside} | {told} | {allowed:.2f}{suffix} | {state(measured, allowed)} |")
    return "\n".join(lines)


def state(measured, allowed):
    if measured is None:
        return "not measured"
    return "ok" if measured <= allowed else "MISS"


def figure(value):
    """Three digits: more would promise what a shared machine cannot keep."""
    return "" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def plot(results):
    """Small bar charts, two abreast, each with a scale of its own; ours in colour, dashed what checks no signature."""
    panels = [panel(workload, peers) for workload, peers in results.items() if peers.get(OURS)]
    tops, drawn = [TOP] * COLUMNS, []
    for height, shapes in panels:
        column = tops.index(min(tops))
        x = GAP + column * (WIDTH - GAP) // COLUMNS
        drawn.append(f'<g transform="translate({x} {tops[column]})">{shapes}</g>')
        tops[column] += height
    height = max(tops)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title">',
        '<title id="title">CPU time for each request, countersign beside other proxies. Shorter is better.</title>',
        f"<style>{STYLE}\n</style>",
        f'<rect class="card" width="{WIDTH}" height="{height}" rx="8"/>',
        text(GAP, 40, "CPU time for each request: shorter is better", "title"),
        text(GAP, 66, "Microseconds of one core, and how many times ours. All verify the same HMAC before they forward; dashed: no check at all.", "soft"),
        *drawn, "</svg>", ""])


def panel(workload, peers):
    """(height, shapes) of one workload, the cheapest first."""
    rows = medians(peers)
    room = (WIDTH - GAP) // COLUMNS - GAP - LABEL - FIGURE
    most = max(value for _, value in rows)
    suffix = "KiB" if is_memory(workload) else "µs"
    shapes = [text(0, 14, WORKLOADS[workload] + (": memory" if is_memory(workload) else ""), "what")]
    for place, (peer, value) in enumerate(rows):
        y, mine = TITLE - 8 + place * STEP, " mine" if peer == OURS else ""
        kind = "ours" if peer == OURS else "open" if peer in UNCHECKED and not is_memory(workload) else "peer"
        wide = max(2, round(room * value / most))
        shapes.append(text(LABEL - 8, y + 12.5, PEERS.get(peer, peer), f"name{mine}", "end"))
        shapes.append(f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{wide}" height="{BAR}" rx="2"/>')
        shapes.append(text(LABEL + wide + 6, y + 12.5, f"{figure(value)} {suffix}{beside(workload, peers, peer)}", f"figure{mine}"))
    return TITLE + len(rows) * STEP + GAP, "".join(shapes)


def beside(workload, peers, peer):
    """How many times ours, where that is more than a trifle. Memory is bought with other things than time."""
    ours = None if peer == OURS or is_memory(workload) else paired(peers, peer)
    return f" ({1 / ours:.1f}×)" if ours and not 0.95 < 1 / ours < 1.05 else ""


def text(x, y, words, kind, anchor="start"):
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
