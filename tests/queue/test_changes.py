"""The feed of changes, on every kind of server: each is told once and in order, and a reader learns what it has missed."""

from __future__ import annotations

import asyncio

from docugen_core.domain.lease import Done, Settlement
from queue_world import LEASE_MS, QueueWorld


async def test_every_change_of_a_run_is_told_in_order_with_a_growing_revision(everywhere: QueueWorld) -> None:
    start = await everywhere.queue.newest_change()
    await everywhere.submit("r1")
    await everywhere.take_one("ada")
    await everywhere.pass_time(LEASE_MS)
    lease = (await everywhere.take_one("bob")).lease
    await everywhere.worker("bob").settle([Settlement(lease, Done("m"))])
    page = await everywhere.queue.changes(after=start)
    assert [(c.run_id, c.revision, c.state.value) for c in page.changes] == [
        ("r1", 1, "queued"),
        ("r1", 2, "running"),
        ("r1", 3, "retrying"),
        ("r1", 4, "running"),
        ("r1", 5, "succeeded"),
    ]
    assert not page.gap
    assert (await everywhere.queue.changes(after=page.cursor)).changes == ()


async def test_a_waiting_reader_of_changes_is_woken_by_one(everywhere: QueueWorld) -> None:
    await everywhere.submit("r0")
    start = await everywhere.queue.newest_change()
    reader = asyncio.create_task(everywhere.queue.changes(after=start, wait_ms=2_000))
    await everywhere.submit("r1")
    changes = (await reader).changes or (await everywhere.queue.changes(after=start)).changes  # the submit may be late
    assert [c.run_id for c in changes] == ["r1"]


async def test_a_reader_who_fell_too_far_behind_is_told_so(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    cursor = await everywhere.queue.newest_change()
    await everywhere.submit("r2")
    await everywhere.submit("r3")
    assert not (await everywhere.queue.changes(after=cursor)).gap
    await everywhere.redis.execute("XTRIM", everywhere.keys.key("events"), "MAXLEN", 1)
    assert (await everywhere.queue.changes(after=cursor)).gap
