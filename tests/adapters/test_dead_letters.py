"""The dead letters of a queue: pages that end, redrives that keep their pace, filters that know what a letter is about."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from docugen_core import dead_letters
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.dead_letters import DeadLetters, RedriveOrder, parse_letter_filter
from docugen_core.domain.failure import Failure
from docugen_core.domain.job import NewJob
from docugen_core.domain.lease import Bury, Settlement
from docugen_core.errors import InvalidRequest
from fakes import SteppedClock
from redis_servers import queue_name

COUNT = 25


@pytest.fixture
async def queue(queue_url: str, request: pytest.FixtureRequest) -> AsyncIterator[RedisQueue]:
    """A queue with COUNT dead letters; every fifth has the reason ODD. Their `about` is that of no release we know."""
    name = queue_name(request.node.nodeid)
    async with RedisConnection(queue_url) as connection:
        queue = RedisQueue(connection, name, QueueRules(redrives_max=1))
        worker = RedisJobSource(connection, name, consumer="ada")
        for n in range(COUNT):
            await queue.submit([NewJob(f"run-{n}", "digest", b"job", about=b'{"from": "another release"}')])
            (delivery,) = (await worker.take(1)).deliveries
            failure = Failure("TEMPLATE_FAILED" if n % 5 else "ODD", "the template says no")
            await worker.settle([Settlement(delivery.lease, Bury(failure))])
        yield queue


async def test_a_page_looks_at_so_many_letters_and_its_token_goes_on(
    queue: RedisQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "SCAN_MAX", 4)
    monkeypatch.setattr(dead_letters, "PAGE_ITEMS", 3)
    letters = DeadLetters(queue, SteppedClock(), redrives_max=1)
    conditions = parse_letter_filter("reason = ODD")
    sizes, found, token = list[int](), list[str](), ""
    while True:
        page = await letters.page(conditions, page_size=2, page_token=token)
        sizes.append(len(page.letters))
        found += [letter.run_id for letter in page.letters]
        token = page.next_page_token
        if not token:
            break
    assert found == ["run-0", "run-5", "run-10", "run-15", "run-20"]
    assert set(sizes) == {0, 1}
    with pytest.raises(InvalidRequest):
        await letters.page((), page_size=2, page_token=(await letters.page(conditions, page_size=1)).next_page_token)


async def test_a_redrive_keeps_its_pace(queue: RedisQueue) -> None:
    clock = SteppedClock()
    done = await DeadLetters(queue, clock, redrives_max=1).redrive(RedriveOrder(rate=10))
    assert done.redriven == COUNT
    assert sum(clock.sleeps_ms) == COUNT * 100
    assert max(clock.sleeps_ms) == 1_000


async def test_a_dry_run_takes_no_time_and_foretells_the_limit(queue: RedisQueue) -> None:
    clock = SteppedClock()
    order = RedriveOrder.parse("reason = ODD", limit=3, rate=1, dry_run=True)
    done = await DeadLetters(queue, clock, redrives_max=1).redrive(order)
    assert (done.redriven, done.refused, done.run_ids) == (3, 0, ("run-0", "run-5", "run-10"))
    assert clock.sleeps_ms == []
    assert (await queue.stats()).dead_letters == COUNT


async def test_letters_that_come_while_others_are_put_back_are_not_met_twice(queue: RedisQueue) -> None:
    worker = RedisJobSource(queue._redis, queue.keys.name, consumer="berta")

    class Failing(SteppedClock):
        """While the redrive pauses, a worker fails what was put back at once."""

        async def sleep_ms(self, duration_ms: int) -> None:
            await super().sleep_ms(duration_ms)
            for delivery in (await worker.take(200)).deliveries:
                await worker.settle([Settlement(delivery.lease, Bury(Failure("AGAIN", "still broken")))])

    done = await DeadLetters(queue, Failing(), redrives_max=1).redrive(RedriveOrder(rate=5, force=True))
    assert done.redriven == COUNT
    again = [letter.failure.code for letter in (await queue.letters(limit=100)).letters]
    assert again == ["AGAIN"] * COUNT


async def test_a_letter_of_another_release_has_a_reason_and_no_labels(queue: RedisQueue) -> None:
    letters = DeadLetters(queue, SteppedClock(), redrives_max=1)
    assert len((await letters.page(parse_letter_filter("labels.team != x"), page_size=100)).letters) == COUNT
    assert (await letters.page(parse_letter_filter("template = note"), page_size=100)).letters == ()
