"""The numbers of a queue, as the settings have them: how long leases, records and letters last, how much there may be."""

from __future__ import annotations

from dataclasses import dataclass

from docugen_core.config import Settings


@dataclass(frozen=True, slots=True)
class QueueRules:
    """The numbers of a queue; the same in every process. Times in milliseconds.

    lease_ms: until a silent worker's job is given to another. keep_ms: records of ended runs. letters_keep_ms: dead letters.
    horizon_ms: no due time but an asked-for start lies further ahead. silent_ms: until a worker that does not announce
    itself is forgotten. redrives_max: redrives of one letter without force. sweep_every_ms: housekeeping, by all together.
    """

    lease_ms: int = 15_000
    max_depth: int = 1_000_000
    keep_ms: int = 7 * 86_400_000
    letters_keep_ms: int = 30 * 86_400_000
    runs_max: int = 1_000_000
    horizon_ms: int = 3_600_000
    silent_ms: int = 120_000
    redrives_max: int = 3
    sweep_every_ms: int = 30_000

    @classmethod
    def of(cls, settings: Settings) -> QueueRules:
        return cls(
            lease_ms=settings.queue_lease_ms,
            max_depth=settings.queue_max_depth,
            keep_ms=settings.queue_keep_ms,
            letters_keep_ms=settings.queue_dlq_keep_ms,
            horizon_ms=max(3_600_000, 2 * settings.queue_backoff_max_ms, 2 * settings.queue_lease_ms),
            redrives_max=settings.queue_redrives_max,
        )
