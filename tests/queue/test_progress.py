"""What a worker tells of its jobs between take and settle, on every kind of server."""

from __future__ import annotations

import pytest
from docugen_core.domain.lease import Bury, Delivery, Done, Outcome, ProgressReport, Retry, Settled, Settlement
from docugen_core.domain.run import DocumentProgress, DocumentState, RunState
from docugen_core.domain.run_record import decode_documents, encode_documents
from queue_world import BROKEN, LEASE_MS, TORN, QueueWorld

HALF = encode_documents(
    [DocumentProgress("a.pdf", DocumentState.RENDERED, 3, 4_711), DocumentProgress("b.csv", DocumentState.RENDERING)]
)
WHOLE = encode_documents([DocumentProgress("a.pdf", DocumentState.RENDERED, 3, 4_711)])


def test_documents_travel_without_loss() -> None:
    documents = tuple(DocumentProgress(f"{state.value}.pdf", state, 2, 9) for state in DocumentState)
    assert decode_documents(encode_documents(documents)) == documents
    assert decode_documents(b"") == ()


async def test_progress_is_one_revision_and_one_event_and_the_same_again_none(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one()).lease
    before = await everywhere.record("r1")
    cursor = await everywhere.queue.newest_change()
    for _ in range(2):
        assert await everywhere.worker().progress([ProgressReport(lease, HALF)]) == (True,)
    record = await everywhere.record("r1")
    assert (record.progress, record.revision, record.state) == (HALF, before.revision + 1, RunState.RUNNING)
    changes = (await everywhere.queue.changes(after=cursor)).changes
    assert [(c.run_id, c.revision, c.state) for c in changes] == [("r1", record.revision, RunState.RUNNING)]


async def test_one_report_serves_many_jobs_and_a_zombie_shows_nothing(everywhere: QueueWorld) -> None:
    await everywhere.submit("lost", "held")
    ada = everywhere.worker("ada")
    zombie = (await ada.take(1)).deliveries[0].lease
    await everywhere.pass_time(LEASE_MS)
    await everywhere.take_one("bob")
    held = (await ada.take(1)).deliveries[0].lease
    assert await ada.progress([ProgressReport(zombie, HALF), ProgressReport(held, HALF)]) == (False, True)
    assert (await everywhere.record("lost")).progress == b""
    assert (await everywhere.record("held")).progress == HALF


async def test_progress_of_a_cancelled_run_leaves_it_cancelling(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one()).lease
    await everywhere.queue.cancel("r1", "typo")
    await everywhere.worker().progress([ProgressReport(lease, HALF)])
    assert (await everywhere.record("r1")).state is RunState.CANCELLING


async def test_the_next_attempt_begins_with_nothing_done(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one()).lease
    await everywhere.worker().settle([Settlement(lease, Retry(TORN, 1, HALF))])
    assert (await everywhere.record("r1")).progress == HALF
    await everywhere.pass_time(1)
    await everywhere.take_one()
    assert (await everywhere.record("r1")).progress == b""


@pytest.mark.parametrize("outcome", [Done("m", WHOLE), Bury(BROKEN, WHOLE)], ids=["done", "bury"])
async def test_the_last_word_on_the_documents_travels_with_the_settlement(
    everywhere: QueueWorld, outcome: Outcome
) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one()).lease
    await everywhere.worker().progress([ProgressReport(lease, HALF)])
    await everywhere.worker().settle([Settlement(lease, outcome)])
    assert (await everywhere.record("r1")).progress == WHOLE
    assert await everywhere.worker().progress([ProgressReport(lease, HALF)]) == (False,)
    assert (await everywhere.record("r1")).progress == WHOLE


async def test_a_settlement_without_a_word_leaves_what_was_reported(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one()).lease
    await everywhere.worker().progress([ProgressReport(lease, HALF)])
    assert await everywhere.worker().settle([Settlement(lease, Done("m"))]) == (Settled.DONE,)
    assert (await everywhere.record("r1")).progress == HALF


async def test_a_run_that_is_put_back_shows_no_progress(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one()).lease
    await everywhere.worker().settle([Settlement(lease, Bury(BROKEN, HALF))])
    await everywhere.queue.retry("r1")
    assert (await everywhere.record("r1")).progress == b""


async def test_a_delivery_says_how_long_it_waited(everywhere: QueueWorld) -> None:
    async def waited() -> int:
        delivery: Delivery = await everywhere.take_one()
        await everywhere.worker().settle([Settlement(delivery.lease, Retry(TORN, 5_000))])
        return delivery.waited_ms

    await everywhere.submit("r1")
    await everywhere.pass_time(40)
    assert await waited() == 40
    await everywhere.pass_time(5_007)
    assert await waited() == 7  # since the retry was due
