"""A caller in a process of its own: what it is asked to call, and what it says of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.stage import Child


@dataclass(frozen=True, slots=True)
class Level:
    """Calls with so many in flight. begun_us: on the clock of `now_us`. client_us: CPU of the caller, a call. answer_bytes: of
    the first answer. known: how many answers were of runs that had succeeded before."""

    begun_us: float
    per_s: float
    p50_us: float
    client_us: float
    answer_bytes: int
    known: int


async def called(address: str, bundle: str, *, first: int, levels: Mapping[int, int], batch: int = 0) -> list[Level]:
    """Make these calls, a level (calls in flight: calls) after the other. batch: bundles to a call; 0 for CreateBundleRun.

    Raises RuntimeError when a call was refused.
    """
    plan = [f"{in_flight}:{count}" for in_flight, count in levels.items()]
    async with Child("call", address, bundle, batch, first, *plan) as child:
        child.go()
        return [_level(await child.line("called"), count) for count in levels.values()]


def _level(words: list[str], count: int) -> Level:
    begun_us, per_s, p50_us, client_us = map(float, words[:4])
    answers, answer_bytes, known = map(int, words[4:])
    if answers != count:
        raise RuntimeError(
            f"{count - answers} of {count} calls were refused; a scheduler with the same settings says why"
        )
    return Level(begun_us, per_s, p50_us, client_us, answer_bytes, known)
