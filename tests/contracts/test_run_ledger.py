"""What every run ledger promises. A new adapter joins by one line in LEDGERS."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from docugen_core.adapters.sqlite_ledger import SqliteLedger
from docugen_core.domain.run import BundleRun, ExecutionPolicy, RunState
from docugen_core.domain.run_filter import Comparison, matches
from docugen_core.domain.run_query import RunQuery, position
from docugen_core.errors import InvalidRequest
from docugen_core.ports import RunLedger
from hypothesis import given, settings
from hypothesis import strategies as st
from run_examples import a_run, any_runs, filters, listed_runs

OpenLedger = Callable[[Path], AbstractAsyncContextManager[RunLedger]]
"""Opens the ledger that belongs to a folder; opened again, it is the same ledger."""

LEDGERS: dict[str, OpenLedger] = {
    "sqlite": lambda folder: SqliteLedger(folder / "ledger.sqlite3"),
}


@pytest.fixture(params=list(LEDGERS.values()), ids=list(LEDGERS))
def open_ledger(request: pytest.FixtureRequest) -> OpenLedger:
    opener: OpenLedger = request.param
    return opener


@pytest.fixture
async def ledger(open_ledger: OpenLedger, tmp_path: Path) -> AsyncIterator[RunLedger]:
    async with open_ledger(tmp_path) as ledger:
        yield ledger


async def test_a_new_run_is_recorded_with_its_spec(ledger: RunLedger) -> None:
    run = a_run()

    assert await ledger.insert(run, b"spec") is None

    assert await ledger.get("run-1") == run
    assert await ledger.spec("run-1") == b"spec"


async def test_an_unknown_run_is_none(ledger: RunLedger) -> None:
    assert await ledger.get("run-1") is None
    assert await ledger.spec("run-1") is None


async def test_a_second_insert_changes_nothing_and_returns_the_known_run(ledger: RunLedger) -> None:
    first = a_run(seed="first")
    await ledger.insert(first, b"first")

    assert await ledger.insert(a_run(seed="second", revision=9), b"second") == first

    assert await ledger.get("run-1") == first
    assert await ledger.spec("run-1") == b"first"


async def test_of_many_inserts_at_once_one_wins_and_all_others_see_it(ledger: RunLedger) -> None:
    runs = [a_run(seed=str(n)) for n in range(20)]

    answers = await asyncio.gather(*(ledger.insert(run, run.seed.encode()) for run in runs))

    winner = await ledger.get("run-1")
    assert [run for run, answer in zip(runs, answers, strict=True) if answer is None] == [winner]
    assert {answer for answer in answers if answer is not None} == {winner}


async def test_an_update_replaces_the_record_if_its_revision_is_higher(ledger: RunLedger) -> None:
    run = a_run(revision=3)
    await ledger.insert(run, b"spec")

    await ledger.update(replace(run, worker="late", revision=2))
    await ledger.update(replace(run, worker="same", revision=3))
    assert await ledger.get("run-1") == run

    newer = run.moved(RunState.RUNNING, worker="new")
    await ledger.update(newer)
    assert await ledger.get("run-1") == newer


async def test_updates_in_any_order_end_with_the_highest_revision(ledger: RunLedger) -> None:
    await ledger.insert(a_run(), b"spec")

    await asyncio.gather(*(ledger.update(a_run(revision=n, worker=str(n))) for n in (5, 2, 9, 7, 3)))

    assert await ledger.get("run-1") == a_run(revision=9, worker="9")


async def test_an_update_of_an_unknown_run_leaves_it_unknown(ledger: RunLedger) -> None:
    await ledger.update(a_run())

    assert await ledger.get("run-1") is None


async def test_unfinished_runs_come_with_their_specs_oldest_first(ledger: RunLedger) -> None:
    for n, state in enumerate(RunState):
        await ledger.insert(a_run(f"run-{state.value}", state=state, create_time_ms=100 - n), state.value.encode())

    unfinished = await ledger.unfinished()

    assert [run.state for run, _ in unfinished] == [s for s in reversed(RunState) if not s.is_terminal]
    assert all(spec == run.state.value.encode() for run, spec in unfinished)


async def test_a_run_that_ends_is_no_longer_unfinished(ledger: RunLedger) -> None:
    run = a_run()
    await ledger.insert(run, b"spec")
    await ledger.update(run.moved(RunState.CANCELLED))

    assert await ledger.unfinished() == ()


async def test_records_outlive_the_process_that_wrote_them(open_ledger: OpenLedger, tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        await ledger.insert(a_run(), b"spec")
        await ledger.update(a_run(revision=2))

    async with open_ledger(tmp_path) as ledger:
        assert await ledger.get("run-1") == a_run(revision=2)
        assert await ledger.unfinished() == ((a_run(revision=2), b"spec"),)


async def test_filters_follow_an_update(ledger: RunLedger) -> None:
    old = a_run(policy=ExecutionPolicy(labels=(("team", "old"),)), templates=("old/x",))
    await ledger.insert(old, b"spec")
    await ledger.update(a_run(revision=2, policy=ExecutionPolicy(labels=(("team", "new"),)), templates=("new/x",)))

    for text, count in [("labels.team=old", 0), ("labels.team=new", 1), ("template=old", 0), ("template=new", 1)]:
        assert len((await ledger.list(RunQuery.parse(text))).runs) == count, text


async def test_a_page_token_of_another_filter_is_an_invalid_request(ledger: RunLedger) -> None:
    for n in range(2):
        await ledger.insert(a_run(f"run-{n}"), b"spec")
    page = await ledger.list(RunQuery(page_size=1))

    with pytest.raises(InvalidRequest, match="page_token"):
        await ledger.list(RunQuery((Comparison("state", "=", "queued"),), 1, page.next_page_token))


async def test_runs_that_arrive_between_pages_shift_no_run_in_or_out(ledger: RunLedger) -> None:
    for n in range(4):
        await ledger.insert(a_run(f"run-{n}", create_time_ms=n), b"spec")
    first = await ledger.list(RunQuery(page_size=2))
    await ledger.insert(a_run("newest", create_time_ms=9), b"spec")

    second = await ledger.list(RunQuery(page_size=2, page_token=first.next_page_token))

    assert [r.run_id for r in first.runs + second.runs] == ["run-3", "run-2", "run-1", "run-0"]
    assert second.next_page_token == ""


async def test_a_deleted_run_leaves_nothing_and_one_that_has_not_ended_is_not_deleted(ledger: RunLedger) -> None:
    ended, under_way = a_run("ended", state=RunState.FAILED), a_run("under-way", state=RunState.RUNNING)
    for run in (ended, under_way):
        await ledger.insert(run, b"spec")

    assert (await ledger.delete("ended"), await ledger.delete("never")) == (True, True)
    assert not await ledger.delete("under-way")

    assert (await ledger.get("ended"), await ledger.spec("ended")) == (None, None)
    assert (await ledger.list(RunQuery())).runs == (under_way,)
    assert await ledger.insert(ended, b"another spec") is None
    assert await ledger.spec("ended") == b"another spec"


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(runs=listed_runs, conditions=filters, page_size=st.integers(1, 5))
@pytest.mark.parametrize("opener", list(LEDGERS.values()), ids=list(LEDGERS))
def test_a_list_is_the_matching_runs_newest_first_whatever_the_page_size(
    opener: OpenLedger, runs: list[BundleRun], conditions: tuple[Comparison, ...], page_size: int
) -> None:
    async def listed() -> list[BundleRun]:
        found: list[BundleRun] = []
        with tempfile.TemporaryDirectory() as folder:
            async with opener(Path(folder)) as ledger:
                for run in runs:
                    await ledger.insert(run, b"spec")
                token, first = "", True
                while token or first:
                    page = await ledger.list(RunQuery(conditions, page_size, token))
                    assert 0 < len(page.runs) <= page_size or first
                    found.extend(page.runs)
                    token, first = page.next_page_token, False
        return found

    expected = [run for run in sorted(runs, key=position, reverse=True) if matches(run, conditions)]
    assert asyncio.run(listed()) == expected


@settings(max_examples=30, deadline=None)
@given(run=any_runs, spec=st.binary(max_size=50))
@pytest.mark.parametrize("opener", list(LEDGERS.values()), ids=list(LEDGERS))
def test_any_run_is_given_back_as_it_was(opener: OpenLedger, run: BundleRun, spec: bytes) -> None:
    async def kept() -> tuple[BundleRun | None, bytes | None]:
        with tempfile.TemporaryDirectory() as folder:
            async with opener(Path(folder)) as ledger:
                await ledger.insert(run, spec)
                return await ledger.get(run.run_id), await ledger.spec(run.run_id)

    assert asyncio.run(kept()) == (run, spec)
