"""`python -m benchmarks [--only THEME] [--rounds N] [--json PATH] ...`: measure, print a table, write JSON."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks import (
    calling,
    draining,
    ending,
    filling,
    idling,
    remembering,
    rendering,
    scaling,
    submitting,
    waiting,
    watching,
    working,
)
from benchmarks.measurement import Measurement
from benchmarks.stage import ROOT, Neighbours, Stage, fastest_loop, machine, now_us
from benchmarks.table import facts, table, write_json

THEMES: dict[str, Callable[[Stage], Awaitable[list[Measurement]]]] = {
    "submitting": submitting.measure,
    "draining": draining.measure,
    "filling": filling.measure,
    "working": working.measure,
    "waiting": waiting.measure,
    "scaling": scaling.measure,
    "rendering": rendering.measure,
    "watching": watching.measure,
    "calling": calling.measure,
    "ending": ending.measure,
    "idling": idling.measure,
    "remembering": remembering.measure,
}
ONLY_WHEN_NAMED = ("remembering",)
"""Half an hour and more on its own."""
ROUNDS = 5


async def run(stage: Stage, themes: list[str], json_path: Path) -> None:
    begin = now_us()
    about = await machine(stage)
    neighbours = Neighbours()
    rows: list[Measurement] = []
    for theme in themes:
        print(f"measuring {theme} ({(now_us() - begin) / 1e6:.0f} s so far) ...", file=sys.stderr, flush=True)
        rows += await THEMES[theme](stage)
        write_json(json_path, about, rows)  # whoever interrupts a long run keeps what it has
    about |= {
        "rounds": f"{stage.rounds}, after one that is dropped",
        "cores_used_by_others": neighbours.cores(),
        "load_after": [round(value, 2) for value in os.getloadavg()],
        "took_s": round((now_us() - begin) / 1e6),
    }
    print(table([row for row in rows if not row.facts.get("only_in_curve")]), facts(about), sep="\n\n")
    print("\n".join(f"{row.name}: {row.note}" for row in rows if row.note))
    write_json(json_path, about, rows)
    print(f"written to {json_path}; `make bench-plots` draws its curves", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=sorted(THEMES),
        help=f"a theme; may be given again (default all but {', '.join(ONLY_WHEN_NAMED)})",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds that count; one more is dropped (default 5)")
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "bench" / "bench.json", metavar="PATH")
    parser.add_argument("--server", type=Path, metavar="BINARY", help="a redis-server instead of the embedded Valkey")
    parser.add_argument(
        "--queued",
        type=int,
        default=Stage(1).queued_max,
        metavar="JOBS",
        help="filling: jobs in the fullest queue (default 300000; a million takes some 1.2 GB of memory and of disk)",
    )
    parser.add_argument(
        "--jobs", type=int, default=Stage(1).jobs, help="remembering: how many jobs go through (default 100000)"
    )
    given = parser.parse_args()
    for name, least in (("rounds", 1), ("queued", 1_000), ("jobs", 1_000)):
        if getattr(given, name) < least:
            parser.error(f"--{name}: {least} or more")
    themes = given.only or [theme for theme in THEMES if theme not in ONLY_WHEN_NAMED]
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        runner.run(run(Stage(given.rounds, given.server, given.queued, given.jobs), themes, given.json))


if __name__ == "__main__":
    main()
