"""All take part in every round, in the same order; one that fails drops out, with a line that says why."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.peers.subject import PeerFailed, Subject


@dataclass(frozen=True, slots=True)
class Turns:
    """values: of each that stayed to the end, for each round that counts, its numbers by name."""

    values: dict[Subject, list[dict[str, float]]]
    failures: list[str] = field(default_factory=list)

    def of(self, subject: Subject, name: str) -> tuple[float, ...]:
        return tuple(numbers[name] for numbers in self.values[subject])


async def in_turns(
    rounds: int, subjects: Sequence[Subject], take: Callable[[Subject], Awaitable[dict[str, float]]]
) -> Turns:
    """Take `rounds` rounds after one that is dropped."""
    turns = Turns({subject: [] for subject in subjects})
    for number in range(rounds + 1):
        for subject in list(turns.values):
            try:
                numbers = await take(subject)
            except PeerFailed as error:
                del turns.values[subject]
                turns.failures.append(f"{subject.label}: dropped out, {error}")
                print(turns.failures[-1], file=sys.stderr, flush=True)
            else:
                turns.values[subject] += [numbers] if number else []
    return turns
