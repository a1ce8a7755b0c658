"""Whether and when to try again. Both executors ask here and nowhere else.

    delay(n) = min(base * 2**(n - 1), cap) * jitter,   jitter in [0.8, 1.2] drawn from the run's seed stream
    base 5 s, cap 300 s:   attempt 1 failed -> about 5 s, 2 -> 10 s, 3 -> 20 s, 4 -> 40 s ...

A lost lease or a killed render counts as an attempt; a graceful stop does not. The jitter is a function of run id and
attempt, so a test can state it and ten thousand runs that failed together do not come back together.
"""

from __future__ import annotations

from dataclasses import dataclass

from docugen_core.domain.failure import Failure
from docugen_core.domain.seed import SeedStream


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """max_attempts: >= 1, the first one included. Delays in milliseconds, 1 <= backoff_ms <= backoff_ms_max."""

    max_attempts: int = 5
    backoff_ms: int = 5_000
    backoff_ms_max: int = 300_000

    def delay_ms(self, run_id: str, attempt: int) -> int:
        """How long to wait after attempt number `attempt` (from 1) failed."""
        plain = min(self.backoff_ms << min(attempt - 1, 40), self.backoff_ms_max)
        jitter = (SeedStream.of(run_id, "retry") / attempt).between(800, 1_200)
        return plain * jitter // 1_000


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again in `delay_ms`."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Stop: the failure repeats by nature, or the attempts are spent."""


def decide(failure: Failure, *, run_id: str, attempt: int, policy: RetryPolicy) -> RetryAfter | GiveUp:
    """What follows the failure of attempt number `attempt` (from 1)."""
    if not failure.retryable or attempt >= policy.max_attempts:
        return GiveUp()
    return RetryAfter(policy.delay_ms(run_id, attempt))
