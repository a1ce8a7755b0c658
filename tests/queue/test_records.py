"""Records of runs, on every kind of server: listed in pages, found by tenant, erased without a trace."""

from __future__ import annotations

from itertools import chain

import pytest
from docugen_core.adapters import redis_queue
from docugen_core.domain.job import EraseVerdict
from docugen_core.domain.lease import Bury, Done, Settlement
from queue_world import BROKEN, QueueWorld


async def test_runs_are_listed_newest_first_in_pages_without_gap_or_repetition(everywhere: QueueWorld) -> None:
    for moment in range(3):
        await everywhere.submit(*(f"{moment}-{n:02}" for n in range(20)))
        await everywhere.pass_time(moment)  # the first two batches are of one millisecond
    seen, before = [], ""
    while True:
        page = await everywhere.queue.runs(before=before, limit=7)
        seen += [(r.create_time_ms, r.run_id) for r in page.records]
        if not (before := page.next_before):
            break
    assert len(seen) == 60
    assert seen == sorted(set(seen), reverse=True)


async def test_a_tenants_runs_are_found_among_others_whose_records_are_not_read(
    everywhere: QueueWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_queue, "TENANT_SCAN_ITEMS", 10)
    await everywhere.submit("acme~1", "1", "acmes", "acme-two~1")
    await everywhere.submit(*(f"birch~{n}" for n in range(25)))
    await everywhere.submit("acme~2", "2")

    async def listed(tenant: str, limit: int) -> list[list[str]]:
        pages, before = [], ""
        while True:
            page = await everywhere.queue.runs(before=before, limit=limit, tenant=tenant)
            pages.append([record.run_id for record in page.records])
            if not (before := page.next_before):
                return pages

    birches = await listed("birch", 4)
    assert max(map(len, birches)) == 4
    assert sorted(chain(*birches)) == sorted(f"birch~{n}" for n in range(25))
    assert len([*chain(*await listed("", 4))]) == 31
    for n in range(25):
        await everywhere.redis.execute("SET", everywhere.keys.record(f"birch~{n}"), "reading this is an error")
    assert [*chain(*await listed("acme", 5))] == ["acme~2", "acme~1"]
    assert [*chain(*await listed("default", 5))] == ["acmes", "2", "1"]
    assert [*chain(*await listed("nobody", 4))] == []


async def test_an_erased_run_leaves_nothing_and_its_id_is_new(everywhere: QueueWorld) -> None:
    for run_id, outcome in (("r1", Done("m")), ("r2", Bury(BROKEN))):
        await everywhere.submit(run_id)
        await everywhere.worker().settle([Settlement((await everywhere.take_one()).lease, outcome)])
        assert await everywhere.queue.erase(run_id) is EraseVerdict.ERASED
        assert await everywhere.queue.erase(run_id) is EraseVerdict.UNKNOWN
        assert (await everywhere.queue.get([run_id])) == (None,)
    assert (await everywhere.queue.letters()).letters == ()
    assert (await everywhere.queue.runs()).records == ()
    assert await everywhere.redis.execute("ZCARD", everywhere.keys.key("runs")) == 0
    await everywhere.submit("r2")
    assert (await everywhere.take_one()).lease.run_id == "r2"


async def test_a_run_that_has_not_ended_is_not_erased(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    assert await everywhere.queue.erase("r1") is EraseVerdict.UNFINISHED
    taken = await everywhere.take_one()
    assert await everywhere.queue.erase("r1") is EraseVerdict.UNFINISHED
    assert taken.lease.run_id == "r1"
    assert (await everywhere.record("r1")).attempt == 1
