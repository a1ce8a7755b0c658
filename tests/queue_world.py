"""A queue under test: real scripts on a real server, with a clock that the test sets.

The clock is a key beside the queue's: the scripts are bound to a now() that reads it, so a lease lapses or a server's clock
jumps when the test says so. Nothing else differs from production. DOCUGEN_TEST_LUA_DIR names another folder of scripts
(tools/mutants.py).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from docugen_core.adapters.keys import LANES
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.adapters.scripts import LUA, Script, load_scripts
from docugen_core.domain.failure import Failure
from docugen_core.domain.job import JobRecord, NewJob
from docugen_core.domain.lease import Delivery
from docugen_core.domain.run import Priority

LUA_FOLDER = Path(os.environ.get("DOCUGEN_TEST_LUA_DIR", LUA))  # noqa: TID251 - set by tools/mutants.py alone
IS_MUTANT = LUA_FOLDER != LUA
SET_CLOCK = """
local function now()
  return tonumber(redis.call('GET', string.match(KEYS[1], '^{.-}') .. ':clock'))
end
"""
LEASE_MS = 10_000
RULES = QueueRules(
    lease_ms=LEASE_MS, max_depth=1_000, horizon_ms=600_000, silent_ms=60_000, redrives_max=2, sweep_every_ms=0
)
START_MS = 1_900_000_000_000
TORN = Failure("STORE_UNAVAILABLE", "the store was away", retryable=True)
BROKEN = Failure("TEMPLATE_FAILED", "the template says no", hint="Mend line 3.")

_SCRIPTS: dict[str, dict[str, Script]] = {}


def scripts(clock: str = SET_CLOCK) -> dict[str, Script]:
    """The scripts under test, read once."""
    if clock not in _SCRIPTS:
        _SCRIPTS[clock] = dict(load_scripts(LUA_FOLDER, clock))
    return _SCRIPTS[clock]


class QueueWorld:
    """One queue, its clock, and as many workers as asked for."""

    def __init__(self, redis: RedisConnection, name: str, rules: QueueRules = RULES) -> None:
        self.redis = redis
        self.name = name
        self.rules = rules
        self.queue = RedisQueue(redis, name, rules, scripts())
        self.keys = self.queue.keys
        self.now_ms = START_MS

    async def begin(self) -> QueueWorld:
        await self.set_clock(START_MS)
        return self

    def worker(self, consumer: str = "ada", redis: RedisConnection | None = None) -> RedisJobSource:
        return RedisJobSource(
            redis or self.redis, self.name, consumer=consumer, engine="engine-1", rules=self.rules, scripts=scripts()
        )

    async def set_clock(self, now_ms: int) -> None:
        self.now_ms = now_ms
        await self.redis.execute("SET", self.keys.key("clock"), now_ms)

    async def pass_time(self, duration_ms: int) -> None:
        await self.set_clock(self.now_ms + duration_ms)

    async def submit(self, *run_ids: str, priority: Priority = Priority.NORMAL, not_before_ms: int = 0) -> None:
        await self.queue.submit([a_job(r, priority=priority, not_before_ms=not_before_ms) for r in run_ids])

    async def take_one(self, consumer: str = "ada") -> Delivery:
        (delivery,) = (await self.worker(consumer).take(1)).deliveries
        return delivery

    async def woken(self, worker: RedisJobSource) -> tuple[Delivery, ...]:
        """What a wait of `worker` brings: it waits again where it waited in full, which it does when everything else stops."""
        deliveries: tuple[Delivery, ...] = ()
        while not deliveries:
            deliveries = (await worker.wait()).deliveries
        return deliveries

    async def record(self, run_id: str) -> JobRecord:
        record = (await self.queue.get([run_id]))[0]
        assert record is not None, f"no record of {run_id}"
        return record

    async def entries(self) -> dict[str, tuple[str, int] | None]:
        """Every entry of every lane, with owner and delivery count, or None when it is not delivered."""
        found: dict[str, tuple[str, int] | None] = {}
        for lane in LANES:
            for entry_id, _ in await self.redis.execute("XRANGE", self.keys.lane(lane), "-", "+"):
                found[f"{lane}:{entry_id.decode()}"] = None
            for p in await self._pending(lane):
                entry = f"{lane}:{p['message_id'].decode()}"
                assert entry in found, f"{entry} is pending, but not in its stream"
                found[entry] = (p["consumer"].decode(), p["times_delivered"])
        return found

    async def due(self) -> dict[str, int]:
        """The index: entry -> ms."""
        pairs: Any = await self.redis.commands.zrange(self.keys.key("due"), 0, -1, withscores=True)
        return {entry.decode(): int(score) for entry, score in pairs}

    async def _pending(self, lane: str) -> list[dict[str, Any]]:
        commands: Any = self.redis.commands
        groups = (
            await commands.xinfo_groups(self.keys.lane(lane)) if await commands.exists(self.keys.lane(lane)) else []
        )
        if not groups:
            return []
        return list(await commands.xpending_range(self.keys.lane(lane), "workers", "-", "+", 10_000))


def a_job(
    run_id: str,
    *,
    digest: str = "d1",
    priority: Priority = Priority.NORMAL,
    not_before_ms: int = 0,
    payload: bytes = b"",
) -> NewJob:
    """A job whose payload is its own name unless given."""
    return NewJob(
        run_id,
        digest,
        payload or b"payload of " + run_id.encode(),
        payload_version=7,
        priority=priority,
        not_before_ms=not_before_ms,
        about=b'{"labels":{"team":"billing"}}',
    )
