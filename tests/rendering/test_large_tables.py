"""Large tables in a process confined as a render process is: no file may be written, memory has an end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from docugen_core.domain.bundle import Format

TESTS = Path(__file__).parent.parent

PROGRAM = """
import hashlib, resource, sys
sys.path.insert(0, sys.argv[1])
from docugen_core.domain.bundle import Format
from docugen_core.rendering.registry import render
from pack_examples import a_task

format, count, mib = Format(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
types = ["text", "text", "integer", "decimal", "money", "money", "percent", "date"]
columns = "".join(f"[[columns]]\\nheader = 'c{n}'\\nvalue = 'c{n}'\\ntype = '{kind}'\\n" for n, kind in enumerate(types))
rows = [
    {"c0": f"Article {n}", "c1": f"Invented text {n % 997}", "c2": n, "c3": f"{n % 97}.{n % 10}", "c4": f"{n}.50",
     "c5": f"-{n % 1000}.25", "c6": "20", "c7": "2026-01-31"}
    for n in range(count)
]
task = a_task("title = 'Rows'\\nrows = 'rows'\\n" + columns, format, data={"rows": rows})
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
resource.setrlimit(resource.RLIMIT_AS, (mib << 20, mib << 20))
data = render(task).data
print(hashlib.sha256(data).hexdigest(), len(data))
"""


def made(format: Format, rows: int, mib: int, seed: str, zone: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(TESTS), format.value, str(rows), str(mib)],
        env={"PYTHONHASHSEED": seed, "TZ": zone, "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("format", [Format.XLSX, Format.CSV])
def test_a_hundred_thousand_rows_of_eight_columns_fit_into_256_mib(format: Format) -> None:
    """Data, its canonical copy, the interpreter and the engine take most of it. Whole, cells and sheet took 140 MiB more."""
    assert made(format, 100_000, 256, "1", "UTC")


@pytest.mark.slow
@pytest.mark.parametrize(("format", "mib"), [(Format.XLSX, 160), (Format.CSV, 160)])
def test_twenty_thousand_rows_of_eight_columns_fit_and_are_the_same_bytes(format: Format, mib: int) -> None:
    assert made(format, 20_000, mib, "1", "Asia/Tokyo") == made(format, 20_000, mib, "2", "America/Los_Angeles")
