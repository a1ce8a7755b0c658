"""Retries: when there is another attempt, and how long until it."""

from __future__ import annotations

import hashlib

import pytest
from docugen_core.domain.failure import Failure
from docugen_core.domain.retry import GiveUp, RetryAfter, RetryPolicy, decide
from hypothesis import given
from hypothesis import strategies as st

LATER = Failure("STORE_UNAVAILABLE", "the store does not answer", retryable=True)
NEVER = Failure("TEMPLATE_FAILED", "no such variable: totl")


def by_first_principles(run_id: str, attempt: int, base: int, cap: int) -> int:
    key = hashlib.sha256(b"docugen.seed.v1\x00" + run_id.encode()).digest()
    message = f'["retry",{attempt}]'.encode()
    value = int.from_bytes(hashlib.blake2b(message, digest_size=8, key=key, person=b"docugen/v1").digest(), "big")
    return min(base << (attempt - 1), cap) * (800 + value * 401 // 2**64) // 1_000


@given(attempt=st.integers(1, 60), base=st.integers(1, 10_000), factor=st.integers(1, 1_000))
def test_the_delay_is_the_documented_formula(attempt: int, base: int, factor: int) -> None:
    policy = RetryPolicy(backoff_ms=base, backoff_ms_max=base * factor)
    assert policy.delay_ms("br-example", attempt) == by_first_principles("br-example", attempt, base, base * factor)


def test_delays_double_from_five_seconds_to_five_minutes_give_or_take_a_fifth() -> None:
    policy = RetryPolicy()
    for attempt, plain in enumerate([5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000], start=1):
        assert plain * 0.8 <= policy.delay_ms("br-example", attempt) <= plain * 1.2


def test_an_absurd_attempt_number_costs_nothing_but_the_cap() -> None:
    assert 240_000 <= RetryPolicy().delay_ms("br-example", 10**12) <= 360_000


def test_runs_that_failed_together_do_not_come_back_together() -> None:
    delays = [RetryPolicy().delay_ms(f"br-{i}", 1) for i in range(1_000)]
    assert max(delays.count(delay) for delay in set(delays)) < 20
    assert min(delays) < 4_100
    assert max(delays) > 5_900


def test_the_delay_of_a_run_and_attempt_never_changes() -> None:
    assert [RetryPolicy().delay_ms("br-example", 2) for _ in range(3)] == [RetryPolicy().delay_ms("br-example", 2)] * 3


def test_a_failure_that_repeats_by_nature_gets_no_second_attempt() -> None:
    assert decide(NEVER, run_id="br-example", attempt=1, policy=RetryPolicy()) == GiveUp()


@pytest.mark.parametrize("max_attempts", [1, 3, 5])
def test_attempts_are_counted_from_one_and_the_last_one_is_the_last(max_attempts: int) -> None:
    policy = RetryPolicy(max_attempts=max_attempts)
    outcomes = [decide(LATER, run_id="r", attempt=attempt, policy=policy) for attempt in range(1, max_attempts + 2)]
    assert outcomes == [
        *(RetryAfter(policy.delay_ms("r", attempt)) for attempt in range(1, max_attempts)),
        GiveUp(),
        GiveUp(),
    ]
