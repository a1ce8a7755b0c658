"""Dead letters, on every kind of server: what one holds, how often it is redriven, and what its going leaves behind."""

from __future__ import annotations

import pytest
from docugen_core.domain.dead_letter import Redriven
from docugen_core.domain.job import RetryVerdict
from docugen_core.domain.lease import Bury, Settled, Settlement
from docugen_core.domain.run import Priority, RunState
from queue_world import BROKEN, START_MS, QueueWorld


async def test_a_buried_run_is_a_letter_with_all_that_is_needed_to_run_it_again(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1", priority=Priority.HIGH)
    lease = (await everywhere.take_one()).lease
    settle = [Settlement(lease, Bury(BROKEN))]
    assert await everywhere.worker().settle(settle) == await everywhere.worker().settle(settle) == (Settled.BURIED,)
    (letter,) = (await everywhere.queue.letters()).letters
    record = await everywhere.record("r1")
    assert (record.state, record.failure, record.dead_letter) == (RunState.FAILED, BROKEN, letter.letter_id)
    assert (letter.run_id, letter.spec_digest, letter.failure) == ("r1", "d1", BROKEN)
    assert (letter.payload, letter.payload_version, letter.about) == (b"payload of r1", 7, record.about)
    assert (letter.attempt, letter.worker, letter.engine) == (1, "ada", "engine-1")
    assert (letter.priority, letter.attempts, letter.create_time_ms) == (Priority.HIGH, record.attempts, START_MS)
    assert await everywhere.entries() == {}
    assert await everywhere.redis.execute("PTTL", everywhere.keys.record("r1")) == -1


async def test_a_redrive_keeps_the_id_counts_and_ends_at_its_limit_unless_forced(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    answers = []
    for force in (False, False, False, True):
        await everywhere.worker().settle([Settlement((await everywhere.take_one()).lease, Bury(BROKEN))])
        (letter,) = (await everywhere.queue.letters()).letters
        (answer,) = await everywhere.queue.redrive([(letter.letter_id, "r1")], force=force)
        answers.append(answer)
        if answer is Redriven.REFUSED:
            (answer,) = await everywhere.queue.redrive([(letter.letter_id, "r1")], force=True)
        assert await everywhere.queue.redrive([(letter.letter_id, "r1")]) == (Redriven.REDRIVEN,)
    assert answers == [Redriven.REDRIVEN, Redriven.REDRIVEN, Redriven.REFUSED, Redriven.REDRIVEN]
    record = await everywhere.record("r1")
    assert (record.redrive_count, record.state, record.attempt) == (4, RunState.QUEUED, 0)
    assert (record.dead_letter, record.spec_digest, len(record.attempts)) == ("", "d1", 4)
    assert await everywhere.queue.redrive([("1-1", "r1")]) == (Redriven.MISSING,)


async def test_a_letter_brings_back_even_a_run_whose_record_was_lost(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    await everywhere.worker().settle([Settlement((await everywhere.take_one()).lease, Bury(BROKEN))])
    await everywhere.redis.execute("DEL", everywhere.keys.record("r1"))
    (letter,) = (await everywhere.queue.letters()).letters
    assert await everywhere.queue.redrive([(letter.letter_id, "r1")]) == (Redriven.REDRIVEN,)
    record = await everywhere.record("r1")
    assert (record.spec_digest, record.about, record.create_time_ms) == ("d1", letter.about, START_MS)
    assert (await everywhere.take_one()).payload == b"payload of r1"


async def test_a_dropped_letter_is_gone_and_its_record_expires(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    await everywhere.worker().settle([Settlement((await everywhere.take_one()).lease, Bury(BROKEN))])
    (letter,) = (await everywhere.queue.letters()).letters
    assert await everywhere.queue.drop([letter.letter_id, "1-1"]) == 1
    assert await everywhere.queue.drop([letter.letter_id]) == 0
    assert await everywhere.redis.execute("PTTL", everywhere.keys.record("r1")) > 0
    assert await everywhere.queue.retry("r1") is RetryVerdict.PAYLOAD_GONE


@pytest.mark.parametrize("by", ["drop", "age"])
async def test_a_letter_that_goes_leaves_the_record_of_a_later_run_of_its_id(everywhere: QueueWorld, by: str) -> None:
    await everywhere.submit("r1")
    await everywhere.worker().settle([Settlement((await everywhere.take_one()).lease, Bury(BROKEN))])
    (letter,) = (await everywhere.queue.letters()).letters
    await everywhere.redis.execute("DEL", everywhere.keys.record("r1"))  # Redis lost the end of its file
    await everywhere.submit("r1")
    if by == "drop":
        assert await everywhere.queue.drop([letter.letter_id]) == 1
    else:
        await everywhere.pass_time(10 * everywhere.rules.letters_keep_ms)
        assert (await everywhere.queue.sweep()).letters_dropped == 1
    assert await everywhere.redis.execute("PTTL", everywhere.keys.record("r1")) == -1
