"""`python -m determinism [--seed TEXT] [--bundles N] [--at-once N] [--json FILE]`: the whole matrix, some minutes.

Prints a line for each row as it is finished (standard error), then the table. Exit code 1 where a digest differs, where a
condition did not reach its process, or where a shipped template, format or generator is not among the bundles.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from determinism.conditions import made_locales, the_whole_matrix
from determinism.drawn import FAMILIES
from determinism.matrix import Matrix, Row
from determinism.report import as_json, as_text, coverage

BUNDLES = 506


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="determinism", description="Render drawn bundles under many conditions and compare every digest."
    )
    parser.add_argument("--seed", default="first", help="any text; another one draws other bundles")
    parser.add_argument("--bundles", type=int, default=BUNDLES, help=f"rounded up to whole rounds of {len(FAMILIES)}")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="rendering processes side by side")
    parser.add_argument("--json", type=Path, default=Path("var/determinism/determinism.json"))
    chosen = parser.parse_args()
    rounds = max(1, -(-chosen.bundles // len(FAMILIES)))
    numbers = range(rounds * len(FAMILIES))
    rows = asyncio.run(_rendered(chosen.seed, rounds, chosen.at_once))
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(as_json(chosen.seed, numbers, rows), encoding="utf-8")
    sys.stdout.write(as_text(chosen.seed, numbers, rows))
    return 0 if all(row.holds for row in rows) and not coverage(chosen.seed, numbers)["missing"] else 1


async def _rendered(seed: str, rounds: int, at_once: int) -> list[Row]:
    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    with TemporaryDirectory(prefix="determinism-") as name:
        folder = Path(name)
        conditions = the_whole_matrix(made_locales(folder / "locales"))
        return await Matrix(seed, rounds, folder, at_once, say).rows(conditions)


if __name__ == "__main__":
    sys.exit(main())
