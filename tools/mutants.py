"""Change one line of the queue's Lua at a time and see that the tests notice: `python tools/mutants.py [words of a name ...]`.

The mutants are in tests/queue/mutants.toml. Each runs on a copy of the scripts in a temporary folder; the working tree is
not touched. A test that no mutant fails is decoration, and a mutant that no test finds is a hole: the exit code is 1 then,
and its name is printed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LUA = ROOT / "libs" / "docugen_core" / "adapters" / "lua"
MUTANTS = ROOT / "tests" / "queue" / "mutants.toml"
PARTS = (
    *("submit", "take", "wait", "bell", "settle", "cancel_and_retry", "dead_letters", "records", "changes"),
    *("survey_and_demand", "workers", "sweep", "progress", "model"),
)
TESTS = tuple(f"tests/queue/test_{part}.py" for part in PARTS)
TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Mutant:
    """Replace `find`, which occurs once in `script`, by `put`."""

    name: str
    script: str
    find: str
    put: str

    def write(self, folder: Path) -> None:
        """Put the scripts with this change into `folder`. Raises ValueError when the line is not there exactly once."""
        shutil.copytree(LUA, folder, dirs_exist_ok=True)
        text = (folder / self.script).read_text()
        if text.count(self.find) != 1:
            raise ValueError(f"{self.name}: {self.find!r} is {text.count(self.find)} times in {self.script}")
        (folder / self.script).write_text(text.replace(self.find, self.put))


def load() -> list[Mutant]:
    return [Mutant(**raw) for raw in tomllib.loads(MUTANTS.read_text())["mutant"]]


def finder(mutant: Mutant | None) -> str:
    """The test that fails on the mutant; empty when all pass. None: the scripts as they are."""
    with tempfile.TemporaryDirectory(prefix="docugen-mutant-") as folder:
        if mutant is None:
            shutil.copytree(LUA, folder, dirs_exist_ok=True)
        else:
            mutant.write(Path(folder))
        result = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "--no-header", "-p", "no:cacheprovider"),
                *("-p", "no:randomly", "--hypothesis-seed=1", "-k", "not cluster and not redis-server", *TESTS),
            ],
            cwd=ROOT,
            env={**os.environ, "DOCUGEN_TEST_LUA_DIR": folder},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    failed = [line for line in result.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if result.returncode == 0:
        return ""
    if not failed:
        raise RuntimeError(f"pytest could not run:\n{result.stdout}{result.stderr}")
    return failed[0].split(" - ")[0].rpartition("::")[2]


def main(words: list[str]) -> int:
    mutants = [m for m in load() if all(word in m.name for word in words)]
    if finder(None):
        print("the tests fail on the scripts as they are; mend that first")
        return 1
    survivors = 0
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        for mutant, found_by in zip(mutants, pool.map(finder, mutants), strict=True):
            survivors += not found_by
            print(f"{'found   ' if found_by else 'SURVIVED'}  {mutant.name}  [{mutant.script}]  {found_by}", flush=True)
    print(f"{len(mutants) - survivors} of {len(mutants)} mutants found")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
