"""The rows of the matrix: what differs from the reference, how many bundles are rendered under it, and what proves it.

A round is one bundle of each family. The reference renders every round; each condition a share of them, other ones each time,
so the cost stays that of a few full passes. proves: what the process itself must see differ from the reference; needs: what
must have come about at least once. Without these a row would be equal because nothing happened.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from docugen_core.domain.seed import SeedStream
from other_pythons import SUPPORTED, other_pythons, with_docugen

FAKETIME = Path(sysconfig.get_path("purelib")) / "libfaketime/vendor/libfaketime/src/libfaketime.so.1"
LANGUAGES = ("tr_TR", "de_DE")

Sequencing = Literal["as drawn", "reversed", "shuffled"]


@dataclass(frozen=True, slots=True)
class Condition:
    """python: an interpreter with DocuGen; None is the running one. env: over that of the reference. absent: why this row
    cannot be had here."""

    name: str
    rounds: int
    way: str = "direct"
    env: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    python: Path | None = None
    order: Sequencing = "as drawn"
    one_cpu: bool = False
    umask: int = 0o022
    elsewhere: bool = False
    proves: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    absent: str = ""

    def numbers(self, seed: str, rounds_in_all: int, families: int) -> list[int]:
        """The bundles that this condition renders, in its order: `rounds` whole rounds drawn from all of them."""
        place = SeedStream.of(seed, "condition", self.name)
        chosen = sorted((place / "rounds").sample(range(rounds_in_all), min(self.rounds, rounds_in_all)))
        numbers = [round_ * families + family for round_ in chosen for family in range(families)]
        if self.order == "reversed":
            return numbers[::-1]
        return (place / "order").sample(numbers, len(numbers)) if self.order == "shuffled" else numbers


def clock(moment: str) -> dict[str, str]:
    """The environment of a process whose clock begins at `moment`, as in 1999-12-31 23:59:59."""
    return {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"@{moment}"}


def made_locales(folder: Path) -> dict[str, str]:
    """LOCPATH with the languages that rows ask for, compiled; empty where this machine has no sources of locales."""
    folder.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        command = ["localedef", "-i", language, "-f", "UTF-8", str(folder / f"{language}.UTF-8")]
        try:
            subprocess.run(command, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return {}
    return {"LOCPATH": str(folder)}


def pythons(rounds: int) -> list[Condition]:
    """A row for every supported Python and every later one that is here, the running one apart."""
    running = f"3.{sys.version_info.minor}"
    found = {path.name.removeprefix("python"): path for path in other_pythons()}
    versions = [v for v in dict.fromkeys((*SUPPORTED, *found)) if v != running]
    return [
        Condition(f"Python {v}", rounds, python=with_docugen(found[v]), proves=("python",))
        if v in found
        else Condition(f"Python {v}", rounds, absent="not installed on this machine")
        for v in versions
    ]


def everything_else(rounds: int, locales: Mapping[str, str]) -> Condition:
    """Every part of the surroundings another one, all at once."""
    env = {
        "SOURCE_DATE_EPOCH": "1",
        "PYTHONHASHSEED": "777",
        "TZ": "America/St_Johns",
        "LC_ALL": "tr_TR.UTF-8",
        "RAYON_NUM_THREADS": "3",
    }
    return Condition(
        "all of these at once",
        rounds,
        env={**env, **locales, **clock("2036-02-29 03:04:05")},
        order="shuffled",
        umask=0o077,
        elsewhere=True,
        proves=("hash seed", "zone", "language", "threads", "year", "umask", "home", "folder"),
    )


def surroundings(locales: Mapping[str, str]) -> list[Condition]:
    """One thing at a time, in one process."""
    return [
        *(
            Condition(f"hash seed {n}", 6, env={"PYTHONHASHSEED": n}, proves=("hash seed",))
            for n in ("1", "4711", "random")
        ),
        *(Condition(f"TZ {z}", 4, env={"TZ": z}, proves=("zone",)) for z in ("Asia/Kathmandu", "America/St_Johns")),
        *(
            Condition(f"LC_ALL {name}", 4, env={"LC_ALL": name, "LANG": name, **locales}, proves=("language",))
            for name in ("tr_TR.UTF-8", "de_DE.UTF-8", "C")
        ),
        Condition("another HOME and folder", 4, elsewhere=True, proves=("home", "folder")),
        *(
            Condition(f"clock {moment}", 5, env=clock(moment), proves=("year",))
            for moment in ("1999-12-31 23:59:50", "2036-02-29 12:00:00")
        ),
        Condition("umask 077", 4, way="inline", umask=0o077, proves=("umask",)),
        Condition("one CPU", 4, one_cpu=True),
        *(
            Condition(f"{n} engine threads", 4, env={"RAYON_NUM_THREADS": n}, proves=("threads",))
            for n in ("1", "8")
        ),
    ]  # fmt: skip


def ways() -> list[Condition]:
    """Orders, processes, executors, faults."""
    off, kept = {"document_cache_entries": 0}, {"document_cache_entries": 10_000}
    return [
        Condition("order reversed", 6, order="reversed"),
        Condition("order shuffled", 6, order="shuffled"),
        Condition("serial: 1 render process, warm", 6, way="pool", settings={"render_processes": 1}),
        Condition("cold: a process for each document", 5, way="pool", settings={"render_recycle_documents": 1}),
        Condition("parallel: 4 render processes", 6, way="pool", order="shuffled", settings={"render_processes": 4}),
        Condition("inline, document cache off", 6, way="inline", order="shuffled", settings=off),
        Condition("inline, document cache on", 6, way="inline", settings=kept),
        Condition("taken over from the cache", 5, way="taken over", settings=kept, needs=("documents taken over",)),
        Condition("queue, 2 workers", 8, way="queue", order="shuffled", settings=off),
        Condition(
            "queue, workers killed mid bundle",
            6,
            way="queue with kills",
            order="shuffled",
            settings=off,
            needs=("workers killed", "second attempts"),
        ),
        Condition("the same, document cache on", 6, way="queue with kills", settings=kept, needs=("second attempts",)),
    ]


def the_whole_matrix(locales: Mapping[str, str]) -> list[Condition]:
    """Every row of `make determinism`, the reference apart."""
    newest = [one for one in pythons(8) if one.python is not None][-1:]
    mixed = [replace(everything_else(8, locales), python=one.python) for one in newest]
    return [*pythons(12), *surroundings(locales), *(mixed or [everything_else(8, locales)]), *ways()]
