"""What is left of a job that failed for good, until it is redriven or dropped. Times: milliseconds by the queue's clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from docugen_core.domain.failure import Failure
from docugen_core.domain.job import Attempt
from docugen_core.domain.run import Priority


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A run that failed for good, with all that is needed to run it again, here or elsewhere."""

    letter_id: str
    run_id: str
    spec_digest: str
    create_time_ms: int
    failure: Failure
    attempt: int
    worker: str
    engine: str
    redrive_count: int
    priority: Priority
    payload: bytes
    payload_version: int
    about: bytes
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Dead letters, oldest first. next_after: pass as `after` for the page after; empty at the end."""

    letters: tuple[DeadLetter, ...]
    next_after: str = ""


class Redriven(Enum):
    """REFUSED: put back as often as allowed, or its run is not failed any more. MISSING: no such letter."""

    REDRIVEN = "redriven"
    REFUSED = "refused"
    MISSING = "missing"
