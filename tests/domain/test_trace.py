"""Trace contexts as the W3C writes them."""

from __future__ import annotations

import pytest
from docugen_core.domain.trace import NO_TRACE, TraceContext, attempt_span_id

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


def test_a_well_formed_context_is_read_and_written_as_it_was() -> None:
    context = TraceContext.parse(PARENT, "vendor=a,other=b")
    assert context == TraceContext(TRACE_ID, SPAN_ID, 1, "vendor=a,other=b")
    assert context.traceparent == PARENT
    assert bool(context)


def test_a_later_version_is_read_as_far_as_this_one_knows_it() -> None:
    assert TraceContext.parse(f"cc-{TRACE_ID}-{SPAN_ID}-03-what-comes").traceparent == f"00-{TRACE_ID}-{SPAN_ID}-03"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "no context",
        PARENT.upper(),
        PARENT + "-more",
        PARENT + "\n",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID[1:]}-{SPAN_ID}-01",
    ],
)
def test_what_is_not_well_formed_is_no_context_and_no_error(wrong: str) -> None:
    assert TraceContext.parse(wrong, "vendor=a") == NO_TRACE
    assert (bool(NO_TRACE), NO_TRACE.traceparent) == (False, "")


@pytest.mark.parametrize("state", ["a=" + "b" * 511, "a=b\nc=d", "a=\u00e9"])
def test_a_state_that_is_too_long_or_no_header_is_dropped_and_the_context_stays(state: str) -> None:
    assert TraceContext.parse(PARENT, state) == TraceContext.parse(PARENT)


def test_attempts_have_span_ids_that_anybody_can_derive_and_no_two_share() -> None:
    ids = {attempt_span_id(run, worker, at) for run in ("r1", "r2") for worker in ("a", "b") for at in (1, 2)}
    assert len(ids) == 8
    assert all(len(one) == 16 and int(one, 16) for one in ids)
    assert attempt_span_id("r1", "a", 1) in ids
