"""Rendering the matrix: the reference first, then every condition in processes of its own, each compared with it.

    bundles (seed, rounds) -> reference: a digest for each bundle -> condition: the same, of its share -> Row

One digest stands for a bundle: that of its manifest, which names each artefact's. Where two differ, the bytes of both are
rendered again, or were kept, and the first byte that differs is told.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from determinism.conditions import Condition
from determinism.drawn import FAMILIES, drawn, install_binder

TESTS = Path(__file__).resolve().parent.parent
PROCESS_S_MAX = 3_600
LAST_WORDS = 12
PINNED = "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); os.execv(sys.argv[1], sys.argv[1:])"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """An artefact that is not the reference's. offset: of the first byte that differs; -1 where one of the two is not there.
    here, there: the sixteen bytes from it on, of the condition and of the reference."""

    number: int
    family: str
    artefact: str
    offset: int = -1
    here: str = ""
    there: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A condition's result. bundles, equal: by family. facts: what came about. problem: why it proves nothing."""

    condition: str
    way: str
    bundles: Mapping[str, int] = field(default_factory=dict)
    equal: Mapping[str, int] = field(default_factory=dict)
    documents: int = 0
    surroundings: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, int] = field(default_factory=dict)
    first: Difference | None = None
    absent: str = ""
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the promise: an absent row does not."""
        return not self.problem and self.first is None and dict(self.bundles) == dict(self.equal)


@dataclass(frozen=True, slots=True)
class _Answers:
    """What one or more rendering processes said. manifests, artefacts: by number of the bundle."""

    surroundings: Mapping[str, str]
    manifests: Mapping[int, str]
    artefacts: Mapping[int, Mapping[str, str]]
    facts: Mapping[str, int]


class ProcessFailed(Exception):
    """A rendering process ended without its answers; the message holds its last words."""


class Matrix:
    """One proof. folder: for everything it writes; at_once: rendering processes side by side."""

    def __init__(self, seed: str, rounds: int, folder: Path, at_once: int, say: Say = lambda _: None) -> None:
        self._seed = seed
        self._rounds = rounds
        self._folder = folder
        self._packs = install_binder(folder / "packs")
        self._room = asyncio.Semaphore(at_once)
        self._at_once = at_once
        self._say = say
        self._homes = 0

    async def rows(self, conditions: Sequence[Condition]) -> list[Row]:
        """The reference, then each condition, in their order. Raises ProcessFailed when not even the reference renders."""
        reference = Condition("reference", self._rounds)
        numbers = reference.numbers(self._seed, self._rounds, len(FAMILIES))
        slices = [numbers[n :: self._at_once] for n in range(self._at_once)]
        parts = await asyncio.gather(*(self._answers(reference, part) for part in slices if part))
        known = _Answers(
            parts[0].surroundings,
            {n: digest for part in parts for n, digest in part.manifests.items()},
            {n: names for part in parts for n, names in part.artefacts.items()},
            {},
        )
        first = self._row(reference, numbers, known, known)
        self._say(sentence(first))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._compared(condition, known)) for condition in conditions]
        return [first, *(task.result() for task in tasks)]

    async def _compared(self, condition: Condition, known: _Answers) -> Row:
        if condition.absent:
            return Row(condition.name, condition.way, absent=condition.absent)
        numbers = condition.numbers(self._seed, self._rounds, len(FAMILIES))
        keep = self._folder / "kept" / condition.name.replace("/", "-")
        try:
            answers = await self._answers(condition, numbers, known, keep)
            row = self._row(condition, numbers, answers, known)
            different = [n for n in numbers if answers.manifests.get(n) != known.manifests[n]]
            if different:
                row = replace(row, first=await self._first_difference(different[0], answers, known, keep))
        except ProcessFailed as error:
            row = Row(condition.name, condition.way, problem=str(error))
        self._say(sentence(row))
        return row

    def _row(self, condition: Condition, numbers: Sequence[int], answers: _Answers, known: _Answers) -> Row:
        families = {n: drawn(self._seed, n).family for n in numbers}
        equal = [families[n] for n in numbers if answers.manifests.get(n) == known.manifests[n]]
        return Row(
            condition.name,
            condition.way,
            dict(Counter(families.values())),
            dict(Counter(equal)),
            sum(len(names) for names in answers.artefacts.values()),
            answers.surroundings,
            answers.facts,
            problem=_without_effect(condition, answers, known),
        )

    async def _first_difference(self, number: int, answers: _Answers, known: _Answers, keep: Path) -> Difference:
        """Render the reference's bundle again for its bytes, and look where the two part."""
        family, here, there = drawn(self._seed, number).family, answers.artefacts[number], known.artefacts[number]
        names = [name for name in sorted({*here, *there}) if here.get(name) != there.get(name)]
        if not names:
            return Difference(number, family, "manifest")
        again = keep.with_name(f"{keep.name}, reference")
        nothing = _Answers({}, {}, {number: {}}, {})
        await self._answers(Condition("reference", 1), [number], nothing, again)
        pair = [folder / str(number) / names[0] for folder in (keep, again)]
        if not all(path.exists() for path in pair):
            return Difference(number, family, names[0])
        mine, theirs = (path.read_bytes() for path in pair)
        offset = first_difference(mine, theirs)
        return Difference(
            number, family, names[0], offset, mine[offset : offset + 16].hex(), theirs[offset : offset + 16].hex()
        )

    async def _answers(
        self, condition: Condition, numbers: Sequence[int], known: _Answers | None = None, keep: Path | None = None
    ) -> _Answers:
        """Render `numbers` under `condition` in a process of its own."""
        async with self._room:
            self._homes += 1
            home = self._folder / f"process-{self._homes}"
            home.mkdir()
            order = {
                "seed": self._seed,
                "numbers": numbers,
                "way": condition.way,
                "packs": str(self._packs),
                "home": str(home),
                "settings": dict(condition.settings),
                "expected": {n: known.artefacts[n] for n in numbers} if known else {},
                "keep": str(keep or home),
            }
            said = await self._run(condition, home, json.dumps(order))
        return _read(said)

    async def _run(self, condition: Condition, home: Path, order: str) -> str:
        shared = self._folder / "home"
        shared.mkdir(exist_ok=True)
        place = home if condition.elsewhere else shared
        env = {
            "PATH": os.defpath,
            "HOME": str(place),
            "PYTHONPATH": str(TESTS),
            "PYTHONHASHSEED": "0",
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
        }
        command = [condition.python or sys.executable, "-m", "determinism.rendering"]
        if condition.one_cpu:
            command = [sys.executable, "-c", PINNED, *command]
        process = await asyncio.create_subprocess_exec(
            *command,
            env=env | dict(condition.env),
            cwd=place,
            umask=condition.umask,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        try:
            async with asyncio.timeout(PROCESS_S_MAX):
                out, words = await process.communicate(order.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            last = "\n".join(words.decode(errors="replace").splitlines()[-LAST_WORDS:])
            raise ProcessFailed(f"ended with {process.returncode}:\n{last}")
        return out.decode()


def _read(said: str) -> _Answers:
    surroundings, *bundles, last = (json.loads(line) for line in said.splitlines())
    facts: dict[str, Any] = last["facts"]
    return _Answers(
        surroundings,
        {line["number"]: line["manifest"] for line in bundles},
        {line["number"]: line["artefacts"] for line in bundles},
        {name: count for name, count in facts.items() if count},
    )


def _without_effect(condition: Condition, answers: _Answers, known: _Answers) -> str:
    """Why the row proves nothing: the condition did not reach the process, or what it is about never came."""
    same = [name for name in condition.proves if answers.surroundings[name] == known.surroundings[name]]
    if condition.one_cpu and answers.surroundings["cpus"] != "1":
        same.append("cpus")
    if same:
        return f"the process did not see it: {', '.join(same)} as in the reference"
    never = [name for name in condition.needs if not answers.facts.get(name)]
    return f"never came about: {', '.join(never)}" if never else ""


def first_difference(mine: bytes, theirs: bytes) -> int:
    """The first offset where two texts differ; the length of the shorter one where it begins the other."""
    common = min(len(mine), len(theirs))
    return next((n for n in range(common) if mine[n] != theirs[n]), common)


def sentence(row: Row) -> str:
    """A row in a line, as it is finished."""
    if row.absent:
        return f"{row.condition}: absent, {row.absent}"
    count = f"{sum(row.equal.values())} of {sum(row.bundles.values())} bundles equal, {row.documents} documents"
    return f"{row.condition}: {row.problem or count}"
