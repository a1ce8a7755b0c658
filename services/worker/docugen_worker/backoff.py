"""How long to wait before asking a Redis again that did not answer: 0.05, 0.1, 0.2 ... 2 s, each times 0.8 to 1.2.

The jitter is drawn from the consumer's name, so a hundred workers do not come back in step.
"""

from __future__ import annotations

from docugen_core.domain.seed import SeedStream

FIRST_MS = 50
LONGEST_MS = 2_000


class Backoff:
    """One streak of failures at a time. purpose: keeps two loops of one worker out of step."""

    def __init__(self, consumer: str, purpose: str) -> None:
        self._jitter = SeedStream.of(consumer, "backoff", purpose)
        self._failures = 0

    @property
    def failures(self) -> int:
        """In a row, so far."""
        return self._failures

    def next_s(self) -> float:
        """Count one more failure; seconds to wait after it."""
        plain = min(FIRST_MS << min(self._failures, 16), LONGEST_MS)
        self._failures += 1
        return plain * (self._jitter / self._failures).between(800, 1_200) / 1_000_000

    def reset(self) -> None:
        self._failures = 0
