"""The life of a run: the table in the module's docstring is the table that is enforced."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from docugen_core.domain import run as run_module
from docugen_core.domain.failure import Failure
from docugen_core.domain.run import MOVES, TERMINAL, BundleRun, DocumentProgress, DocumentState, RunState
from hypothesis import given
from hypothesis import strategies as st

STATES = list(RunState)


def a_run(state: RunState = RunState.QUEUED) -> BundleRun:
    return BundleRun(
        run_id="br-example",
        tenant="default",
        spec_digest="0123456789abcdef" * 4,
        seed="2026-q3",
        state=state,
        revision=7,
        create_time_ms=1_790_000_000_000,
        max_attempts=5,
        documents=(DocumentProgress("a.pdf"), DocumentProgress("b.csv")),
    )


def documented() -> tuple[dict[RunState, frozenset[RunState]], set[RunState]]:
    """The docstring's table: the moves of each state, and the states called terminal."""
    moves, terminal = {}, set()
    for line in (run_module.__doc__ or "").splitlines():
        row = re.fullmatch(r"([A-Z]+)\s+(?:-> (.+)|\(terminal\))", line)
        if row is None:
            continue
        targets = re.sub(r"\([^)]*\)", "", row[2] or "").split(",")
        moves[RunState[row[1]]] = frozenset(RunState[target.strip()] for target in targets if target.strip())
        if row[2] is None:
            terminal.add(RunState[row[1]])
    return moves, terminal


def test_the_documented_moves_are_the_legal_ones() -> None:
    moves, _ = documented()
    assert moves == MOVES
    assert moves.keys() == set(RunState)


def test_a_state_documented_as_terminal_has_no_moves_and_counts_as_terminal() -> None:
    _, terminal = documented()
    assert terminal == {state for state in RunState if not MOVES[state]}
    assert all(state.is_terminal for state in terminal)


def test_only_an_operator_or_caller_wakes_a_terminal_run_and_only_into_the_queue() -> None:
    assert {state for state in RunState if state.is_terminal} == TERMINAL
    assert all(MOVES[state] <= {RunState.QUEUED} for state in TERMINAL)


def test_every_run_can_still_reach_an_end() -> None:
    for start in RunState:
        reached, edge = {start}, {start}
        while edge:
            edge = {target for state in edge for target in MOVES[state]} - reached
            reached |= edge
        assert reached & TERMINAL


@pytest.mark.parametrize("start", STATES, ids=lambda state: state.name)
@pytest.mark.parametrize("to", STATES, ids=lambda state: state.name)
def test_a_run_makes_legal_moves_and_refuses_all_others(start: RunState, to: RunState) -> None:
    run = a_run(start)
    if to in MOVES[start]:
        assert run.moved(to, attempt=2) == replace(run, state=to, revision=8, attempt=2)
    else:
        with pytest.raises(ValueError, match=f"run br-example: {start.name} -> {to.name} is not a legal move"):
            run.moved(to)
    assert run == a_run(start)


@given(choices=st.lists(st.integers(0, 10), max_size=30))
def test_the_revision_grows_by_one_with_every_move(choices: list[int]) -> None:
    run = a_run()
    for step, choice in enumerate(choices, start=1):
        targets = sorted(MOVES[run.state], key=lambda state: state.value)
        if not targets:
            break
        run = run.moved(targets[choice % len(targets)])
        assert run.revision == 7 + step


def test_a_move_carries_the_facts_that_come_with_it() -> None:
    failure = Failure("TEMPLATE_FAILED", "no such variable: totl")
    failed = a_run(RunState.RUNNING).moved(RunState.FAILED, failure=failure, finish_time_ms=5)
    assert (failed.failure, failed.finish_time_ms, failed.run_id) == (failure, 5, "br-example")


def test_progress_of_one_document_leaves_the_others_and_the_order_alone() -> None:
    done = DocumentProgress("b.csv", DocumentState.RENDERED, pages=0, size=120)
    run = a_run().with_document(done)
    assert run.documents == (DocumentProgress("a.pdf"), done)
    assert run.revision == 8


def test_progress_of_an_unknown_document_adds_none() -> None:
    assert a_run().with_document(DocumentProgress("c.txt")).documents == a_run().documents
