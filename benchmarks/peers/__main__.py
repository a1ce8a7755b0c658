"""`python -m benchmarks.peers [--only THEME] [--peer NAME] [--rounds N] [--json PATH]`: install, measure, print tables."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks.measurement import Measurement
from benchmarks.peers import faults, queues, rendering
from benchmarks.peers.catalogue import Absent, Peer, installed, peers
from benchmarks.stage import ROOT, Neighbours, Stage, fastest_loop, machine, now_us
from benchmarks.table import facts, table, write_json

Theme = Callable[[Stage, Sequence[Peer]], Awaitable[queues.Rows]]
THEMES: dict[str, tuple[str, Theme | None]] = {
    "draining": ("queues", queues.carry),
    "starting": ("queues", queues.begin),
    "working": ("queues", queues.burn),
    "faults": ("queues", None),
    "rendering": ("renderers", rendering.measure),
}
"""What kind of peers takes part, and what measures them; faults are told in words, in a table of their own."""
ROUNDS = 5


def fates_table(fates: Sequence[faults.Fate]) -> str:
    """Markdown, in the order of the fates."""
    rows = [("queue", "lease of 3 s by", "worker killed", "worker frozen, woken later")]
    rows += [(fate.label, fate.lease, fate.killed, fate.frozen) for fate in fates]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---|---|---|---|", *lines[1:]])


def had(kind: str, only: Sequence[str]) -> tuple[list[Peer], list[Absent]]:
    """Install what is asked for; what cannot be had is said, not raised."""
    there, absent = [], []
    for peer in peers(kind):
        if only and peer.name not in only:
            continue
        print(f"installing {peer.label} ...", file=sys.stderr, flush=True)
        missing = installed(peer)
        if missing:
            absent.append(missing)
        else:
            there.append(peer)
    return there, absent


async def run(stage: Stage, themes: Sequence[str], only: Sequence[str], json_path: Path) -> None:
    begin, lines = now_us(), list[str]()
    about, neighbours = await machine(stage), Neighbours()
    rows: list[Measurement] = []
    fates: list[faults.Fate] = []
    for kind in ("queues", "renderers"):
        wanted = {theme: measure for theme, (of, measure) in THEMES.items() if of == kind and theme in themes}
        there, absent = had(kind, only) if wanted else ([], [])
        lines += [str(one) for one in absent]
        lines += [f"{peer.label}: {peer.configured}" for peer in there if peer.configured]
        for theme, measure in wanted.items():
            print(f"measuring {theme} ({(now_us() - begin) / 1e6:.0f} s so far) ...", file=sys.stderr, flush=True)
            if measure is None:
                fates = await faults.measure(stage, there)
                continue
            more, failures = await measure(stage, there)
            rows += more
            lines += failures
            write_json(json_path, about, rows)  # whoever interrupts a long run keeps what it has
    about |= {
        "rounds": f"{stage.rounds}, after one that is dropped",
        "cores_used_by_others": neighbours.cores(),
        "load_after": [round(value, 2) for value in os.getloadavg()],
        "took_s": round((now_us() - begin) / 1e6),
    }
    print(table(rows), *([fates_table(fates)] if fates else []), facts(about), sep="\n\n")
    print("\n".join([*lines, *(f"{row.name}: {row.note}" for row in rows if row.note)]))
    write_json(json_path, about, rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(THEMES), help="a theme; may be given again")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME", help="a peer; may be given again")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds that count; one more is dropped (default 5)")
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "bench" / "peers.json", metavar="PATH")
    parser.add_argument("--server", type=Path, metavar="BINARY", help="a redis-server instead of the embedded Valkey")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds: 1 or more")
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        runner.run(run(Stage(given.rounds, given.server), given.only or list(THEMES), given.peer, given.json))


if __name__ == "__main__":
    main()
