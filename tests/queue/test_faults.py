"""Faults around the queue: lost replies, a full memory, a full disk, a wrong server, restarts, clocks, deletions.

Fault matrix rows 4, 10, 11, 12, 13, 15, 25 and 28; row 19 is in test_submit.py, and so is 20 as far as the queue goes. Row 2,
zombies, is here, in test_take.py and in the model.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from docugen_core.adapters.embedded_redis import EmbeddedRedis
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.domain.job import Verdict
from docugen_core.domain.lease import Bury, Cancelled, Delivery, Done, Lease, Outcome, Retry, Settled, Settlement
from docugen_core.domain.worker import WorkerAdvert
from docugen_core.errors import ConfigurationError, Overloaded, Unavailable
from queue_world import BROKEN, LEASE_MS, START_MS, TORN, QueueWorld, a_job, scripts
from redis import Redis
from redis_proxy import Proxy
from redis_servers import own_cluster, own_server, wait_until
from worker_world import until

ADVERT = WorkerAdvert("render-7", 41, START_MS, 4, "engine-1", "1.2.3")

Act = Callable[[RedisQueue, RedisJobSource, Lease, str], Awaitable[object]]


def _settle(outcome: Outcome) -> Act:
    return lambda _queue, worker, lease, _letter: worker.settle([Settlement(lease, outcome)])


async def _take_and_recover(_queue: RedisQueue, worker: RedisJobSource, lease: Lease, _letter: str) -> object:
    taken: tuple[Delivery, ...] = ()
    with suppress(Unavailable):  # when its reply is lost, it says so instead of taking again
        taken = (await worker.take(1)).deliveries
    await worker.recover([lease, *(d.lease for d in taken)])
    return await worker.release([d.lease for d in taken])


async def _cancel_and_confirm(queue: RedisQueue, worker: RedisJobSource, lease: Lease, _letter: str) -> object:
    await queue.cancel("held", "")
    return await worker.settle([Settlement(lease, Cancelled())])


ACTS: dict[str, Act] = {
    "submit": lambda queue, _w, _l, _d: queue.submit([a_job("fresh"), a_job("start", not_before_ms=START_MS + 9)]),
    "take, then recover": _take_and_recover,
    "beat": lambda _q, worker, lease, _d: worker.beat([lease]),
    "settle done": _settle(Done("m")),
    "settle retry": _settle(Retry(TORN, 5_000)),
    "settle bury": _settle(Bury(BROKEN)),
    "settle cancelled": _cancel_and_confirm,
    "release": lambda _q, worker, lease, _d: worker.release([lease], 70),
    "recover": lambda _q, worker, _l, _d: worker.recover([]),
    "cancel waiting": lambda queue, _w, _l, _d: queue.cancel("waiting", "why"),
    "cancel running": lambda queue, _w, _l, _d: queue.cancel("held", "why"),
    "retry": lambda queue, _w, _l, _d: queue.retry("dead"),
    "redrive": lambda queue, _w, _l, letter: queue.redrive([(letter, "dead")]),
    "drop": lambda queue, _w, _l, letter: queue.drop([letter]),
    "erase": lambda queue, _w, _l, _d: queue.erase("dead"),
    "pause": lambda queue, _w, _l, _d: queue.pause("why"),
    "resume": lambda queue, _w, _l, _d: queue.resume(),
    "drain": lambda queue, _w, _l, _d: queue.drain_worker("ada"),
    "announce": lambda _q, worker, _l, _d: worker.announce(ADVERT),
    "leave": lambda _q, worker, _l, _d: worker.leave(),
    "sweep": lambda queue, _w, _l, _d: queue.sweep(),
}


async def _prepare(world: QueueWorld) -> tuple[Lease, str]:
    """A queue with a dead, a held and a waiting run. The lease of the held one and the letter of the dead one."""
    ada = world.worker("ada")
    await ada.announce(ADVERT)
    await world.submit("dead", "held", "waiting")
    dead, held = (d.lease for d in (await ada.take(2)).deliveries)
    await ada.settle([Settlement(dead, Bury(BROKEN))])
    await world.queue.pause("before")
    await world.queue.resume()
    return held, (await world.queue.letters()).letters[0].letter_id


async def _picture(world: QueueWorld) -> object:
    """The whole state, without what differs between two queues by nature: stream ids."""
    entries, due, records = await world.entries(), await world.due(), (await world.queue.runs()).records
    control = await world.redis.execute("HGETALL", world.keys.key("control"))
    control.pop(b"turn", None)  # a lost take moves it on; that is fair enough
    return (
        [(r.run_id, r.state, r.attempt, r.attempts, r.worker, r.redrive_count, r.cancel_reason) for r in records],
        [(r.run_id, entries.get(r.entry), due.get(r.entry)) for r in records],
        (len(entries), len(due), [letter.run_id for letter in (await world.queue.letters()).letters]),
        control,
        await world.queue.workers(),
    )


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
async def test_a_step_whose_reply_is_lost_and_that_is_sent_again_is_as_if_done_once(
    act: Act, redis_url: str, world: QueueWorld
) -> None:
    twin = await QueueWorld(world.redis, f"{world.name}.twin").begin()
    lease, letter = await _prepare(twin)
    await act(twin.queue, twin.worker("ada"), lease, letter)
    lease, letter = await _prepare(world)
    async with Proxy(redis_url) as proxy, RedisConnection(proxy.url) as shaky:
        queue = RedisQueue(shaky, world.name, world.rules, scripts())
        await shaky.execute("PING")
        proxy.lose_replies = 1
        await act(queue, world.worker("ada", shaky), lease, letter)
        assert proxy.lose_replies == 0
    assert await _picture(world) == await _picture(twin)


async def test_a_submit_whose_reply_is_lost_is_found_again_by_its_key(redis_url: str, world: QueueWorld) -> None:
    async with Proxy(redis_url) as proxy, RedisConnection(proxy.url) as shaky:
        queue = RedisQueue(shaky, world.name, world.rules, scripts())
        await queue.submit(
            [a_job("r0")]
        )  # Redis knows the script from now on: the reply that is lost is that of its work
        proxy.lose_replies = 1
        (answer,) = await queue.submit([a_job("r1")])
    assert answer.verdict is Verdict.SAME
    assert answer.record == await world.record("r1")
    assert len(await world.entries()) == 2


async def test_a_link_that_swallows_everything_is_an_error_within_seconds_and_works_again(
    redis_url: str, world: QueueWorld
) -> None:
    async with Proxy(redis_url) as proxy, RedisConnection(proxy.url) as shaky:
        queue = RedisQueue(shaky, world.name, world.rules, scripts())
        await queue.submit([a_job("r1")])
        proxy.refuse = True
        await proxy.cut()
        with pytest.raises(Unavailable) as raised:
            await queue.submit([a_job("r2")])
        assert raised.value.reason == "QUEUE_UNAVAILABLE"
        proxy.refuse = False
        assert (await queue.submit([a_job("r2")]))[0].verdict is Verdict.NEW


async def test_a_full_memory_refuses_submits_and_everything_else_drains() -> None:
    with own_server() as server:
        async with RedisConnection(server.url) as redis:
            world = await QueueWorld(redis, "full").begin()
            await world.submit(*(f"r{n}" for n in range(40)))
            await redis.execute("CONFIG", "SET", "maxmemory", "1mb")
            with pytest.raises(Overloaded) as raised:
                await world.submit("one-more")
            assert raised.value.reason == "QUEUE_MEMORY_FULL"
            assert raised.value.retry_after_ms > 0
            ada = world.worker("ada")
            leases = [d.lease for d in (await ada.take(30)).deliveries]
            assert (await ada.beat(leases)).lost == ()
            await ada.release(leases[20:])
            await ada.settle([Settlement(lease, Retry(TORN, 0)) for lease in leases[:10]])
            await ada.settle([Settlement(lease, Bury(BROKEN)) for lease in leases[10:20]])
            while deliveries := (await ada.take(50)).deliveries:
                settlements = [Settlement(d.lease, Done("m")) for d in deliveries]
                assert set(await ada.settle(settlements)) == {Settled.DONE}
            stats = await world.queue.stats()
            assert (stats.depth, stats.in_flight, stats.dead_letters) == (0, 0, 10)
            await redis.execute("CONFIG", "SET", "maxmemory", "0")
            await world.submit("one-more")
            assert (await world.take_one()).lease.run_id == "one-more"


async def test_a_server_that_could_lose_jobs_is_refused_with_the_commands_that_mend_it() -> None:
    with own_server() as server:
        async with RedisConnection(server.url) as redis:
            await redis.check_server()
            await redis.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            await redis.execute("CONFIG", "SET", "appendonly", "no")
            with pytest.raises(ConfigurationError) as raised:
                await redis.check_server()
            commands = [line.split(": ")[-1] for line in raised.value.message.splitlines()[1:]]
            assert commands == [
                "CONFIG SET maxmemory-policy noeviction",
                "CONFIG SET appendonly yes (and appendfsync always)",
            ]
            await redis.check_server(allow_volatile=True)
            for command in commands:
                await redis.execute(*command.partition(" (")[0].split())
            await redis.check_server()
            # A server does not stop while it writes its first file.
            with Redis(unix_socket_path=server.url.removeprefix("unix://")) as client:
                wait_until("the file is written", lambda: not client.info("persistence")["aof_rewrite_in_progress"])


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 3 MiB. Mounting takes a right that not every machine gives."""
    with TemporaryDirectory(prefix="dgd-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("this machine does not let us mount a tmpfs")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.slow
async def test_a_full_disk_is_said_so_loses_nothing_and_heals_by_itself(small_disk: Path) -> None:
    lines = {"appendfsync": "everysec", "auto-aof-rewrite-percentage": "0"}
    with EmbeddedRedis(small_disk, settings=lines) as server:
        async with RedisConnection(server.url) as redis:
            world = await QueueWorld(redis, "disk").begin()
            accepted: list[str] = []
            with pytest.raises(Unavailable) as raised:
                await _fill(world, accepted)
            assert raised.value.reason == "QUEUE_DISK_FULL"
            await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
            await _until_accepted(world)
            assert None not in await world.queue.get(accepted)
            assert (await world.queue.stats()).depth >= len(accepted)


async def _fill(world: QueueWorld, accepted: list[str]) -> None:
    for n in range(400):
        await world.queue.submit([a_job(f"r{n}", payload=bytes(60_000))])
        accepted.append(f"r{n}")


async def _until_accepted(world: QueueWorld, run_id: str = "after") -> None:
    async def accepted() -> bool:
        with suppress(Unavailable):
            await world.submit(run_id)
            return True
        return False

    await until("the queue accepts submits", accepted)


async def test_a_clock_that_jumps_ahead_costs_an_attempt_and_loses_nothing(world: QueueWorld) -> None:
    await world.submit("r1")
    first = (await world.take_one("ada")).lease
    await world.pass_time(3_600_000)
    second = (await world.take_one("bob")).lease
    answers = [await world.worker(x.consumer).settle([Settlement(x, Done("m"))]) for x in (first, second)]
    assert answers == [(Settled.STALE,), (Settled.DONE,)]


async def test_a_clock_that_jumps_back_delays_a_retry_by_a_lease_at_most_once_swept(world: QueueWorld) -> None:
    await world.submit("r1")
    await world.submit("asked", not_before_ms=START_MS + 9_000_000)
    await world.worker().settle([Settlement((await world.take_one()).lease, Retry(TORN, 5_000))])
    await world.pass_time(-3_600_000)
    assert (await world.queue.sweep()).clamped == 1
    assert sorted((await world.due()).values()) == [world.now_ms + LEASE_MS, START_MS + 9_000_000]
    await world.pass_time(LEASE_MS)
    assert (await world.take_one()).lease.attempt == 2


async def test_after_everything_was_deleted_a_waiting_worker_gets_the_next_job() -> None:
    with own_server() as server:
        async with RedisConnection(server.url) as redis:
            world = await QueueWorld(redis, "flushed").begin()
            worker = world.worker()
            await world.submit("gone")
            await worker.take(1)
            assert (await worker.take(1)).deliveries == ()
            waiting = asyncio.create_task(world.woken(worker))
            await asyncio.sleep(0)
            await redis.execute("FLUSHALL")
            await redis.execute("SCRIPT", "FLUSH")
            await world.begin()
            await world.submit("r1")
            assert [d.lease.run_id for d in await waiting] == ["r1"]


async def test_what_was_accepted_survives_a_killed_server() -> None:
    with own_server(appendfsync="always") as server:
        async with RedisConnection(server.url) as redis:
            world = await QueueWorld(redis, "killed").begin()
            for n in range(50):
                await world.submit(f"r{n}")
            held = (await world.take_one("ada")).lease
            server.stop(kill=True)
            server.start()
            server.wait_ready()
            assert (await world.worker("ada").beat([held])).lost == ()
            assert (await world.queue.stats()).depth == 49


@pytest.mark.slow
async def test_a_cluster_whose_nodes_were_killed_one_by_one_has_lost_nothing() -> None:
    with own_cluster() as (url, nodes):
        async with RedisConnection(url) as redis:
            world = await QueueWorld(redis, "cluster").begin()
            await world.submit("r1")
            for number, node in enumerate(nodes):
                node.stop(kill=True)
                node.start()
                node.wait_ready()
                await _until_accepted(world, f"after-{number}")
            assert (await world.queue.stats()).depth == 4


async def test_a_node_that_was_demoted_is_unavailable_until_it_may_write_again() -> None:
    with own_server() as server:
        async with RedisConnection(server.url) as redis:
            world = await QueueWorld(redis, "demoted").begin()
            await world.submit("r1")
            await redis.execute("REPLICAOF", "127.0.0.1", "1")
            with pytest.raises(Unavailable):
                await world.submit("r2")
            await redis.execute("REPLICAOF", "NO", "ONE")
            await world.submit("r2")
            assert (await world.queue.stats()).depth == 2


async def test_a_wrong_password_or_role_is_a_configuration_error_and_shows_no_secret() -> None:
    with own_server(requirepass="s3cret") as server:
        async with RedisConnection(server.url.replace("unix://", "unix://:s3cret@")) as redis:
            await redis.execute("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+ping", "+hello", "+client")
        for user in ("", ":wr0ng@", "reader:pw@"):
            async with RedisConnection(server.url.replace("unix://", f"unix://{user}")) as redis:
                with pytest.raises(ConfigurationError) as raised:
                    await RedisQueue(redis, "locked").submit([a_job("r1")])
                assert not {"s3cret", "wr0ng"} & set(str(raised.value).split())


@pytest.mark.slow
async def test_a_herd_of_retries_due_at_once_is_served_in_pages_each_once(world: QueueWorld) -> None:
    world.queue.rules = world.rules.__class__()
    total, worker = 10_000, world.worker()
    for start in range(0, total, 1_000):
        await world.submit(*(f"r{n}" for n in range(start, start + 1_000)), not_before_ms=START_MS + 1)
    assert (await worker.take(256)).deliveries == ()
    await world.pass_time(1)
    seen: set[str] = set()
    while deliveries := (await worker.take(256)).deliveries:
        assert not seen & {d.lease.run_id for d in deliveries}
        seen |= {d.lease.run_id for d in deliveries}
        await worker.settle([Settlement(d.lease, Done("m")) for d in deliveries])
    assert len(seen) == total
