"""Each service may do its own work on its own queue, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from docugen_core.adapters.keys import QueueKeys
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.adapters.redis_roles import ROLES, acl_rule
from docugen_core.adapters.scripts import load_scripts
from docugen_core.domain.job import CancelVerdict, RetryVerdict
from docugen_core.domain.lease import Bury, Done, ProgressReport, Retry, Settled, Settlement
from docugen_core.domain.worker import WorkerAdvert
from docugen_core.errors import ConfigurationError
from queue_world import BROKEN, TORN, a_job
from redis_servers import binaries, own_server

NAME = "bundle:generate"


@pytest.fixture(params=list(binaries()))
async def roles(request: pytest.FixtureRequest) -> AsyncIterator[dict[str, RedisConnection]]:
    """A connection of each role."""
    with own_server(binaries()[request.param]) as server:
        async with RedisConnection(server.url) as admin:
            for role in ROLES:
                await admin.execute("ACL", "SETUSER", role, "on", ">pw", *acl_rule(role, QueueKeys(NAME)).split())
        urls = {role: server.url.replace("unix://", f"unix://{role}:pw@") for role in ROLES}
        async with RedisConnection(urls["scheduler"]) as scheduler, RedisConnection(urls["worker"]) as worker:
            yield {"scheduler": scheduler, "worker": worker}


def test_every_script_belongs_to_a_role() -> None:
    assert {name for names in ROLES.values() for name in names} == set(load_scripts())


async def test_the_roles_can_do_all_their_work(roles: dict[str, RedisConnection]) -> None:
    queue = RedisQueue(roles["scheduler"], NAME)
    house = RedisQueue(roles["worker"], NAME)
    worker = RedisJobSource(roles["worker"], NAME, consumer="ada")
    for connection in roles.values():
        await connection.check_server()
    await queue.submit([a_job(f"r{n}") for n in range(6)])
    await queue.submit([a_job("later", not_before_ms=9_999_999_999_999)])
    await worker.announce(WorkerAdvert("h", 1, 2, 3, "e", "v"))
    assert [w.consumer for w in await queue.workers()] == ["ada"]
    done, retry, bury, release = (d.lease for d in (await worker.take(4)).deliveries)
    await worker.progress([ProgressReport(done, b"{}")])
    assert (await worker.beat([done, retry, bury, release])).lost == ()
    settle = [Settlement(done, Done("m")), Settlement(retry, Retry(TORN, 60_000)), Settlement(bury, Bury(BROKEN))]
    assert await worker.settle(settle) == (Settled.DONE, Settled.PARKED, Settled.BURIED)
    assert await worker.release([release], 60_000) == (True,)
    await worker.take(1)
    assert await worker.recover([]) == 1
    (letter,) = (await queue.letters()).letters
    await queue.redrive([(letter.letter_id, letter.run_id)])
    assert await queue.cancel("later", "") is CancelVerdict.CANCELLED
    assert await queue.retry("later") is RetryVerdict.QUEUED
    assert await queue.drop(["1-1"]) == 0
    assert await queue.drain_worker("ada")
    await queue.pause("why")
    assert await queue.resume()
    await house.sweep()
    assert await worker.leave() == 0
    assert (await queue.stats()).depth == (await house.stats()).depth == 6
    assert (await queue.demand(60_000)).jobs > 0
    assert (await queue.survey()).entered > 6
    assert len((await queue.runs()).records) == 7
    assert len((await queue.changes(after="0-0", wait_ms=1)).changes) > 12
    assert await queue.newest_change() != "0-0"
    assert (await queue.get(["r0"]))[0] is not None
    await worker.take(100)
    await worker.wait(1)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "command",
    [
        "FLUSHALL",
        "KEYS *",
        "CONFIG GET *",
        "ACL LIST",
        "SCRIPT FLUSH",
        "GET {bundle:generate}:clock",
        "XRANGE {other:queue}:dlq - +",
        "XTRIM {bundle:generate}:jobs:high MAXLEN 0",
        "DEL {bundle:generate}:jobs:high",
    ],
)
async def test_the_roles_can_do_nothing_else(roles: dict[str, RedisConnection], role: str, command: str) -> None:
    with pytest.raises(ConfigurationError, match="its user may not"):
        await roles[role].execute(*command.split())


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_cannot_reach_another_queue_by_its_scripts(roles: dict[str, RedisConnection], role: str) -> None:
    with pytest.raises(ConfigurationError, match="its user may not"):
        await RedisQueue(roles[role], "other:queue").stats()
