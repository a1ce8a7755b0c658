"""The faults of a storm. Each begins, lasts, and is healed before it returns; which one comes next is drawn from the seed.

Two may overlap (a worker frozen while Redis restarts), three may not: then nothing would work for long, which proves little.
A worker that a fault has in hand is `busy`, and left alone by the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from chaos.chronicle import Chronicle
from chaos.processes import Service
from chaos.stage import LEASE_MS, Stage
from docugen_core.domain.seed import SeedStream
from docugen_core.errors import Unavailable
from redis_proxy import Proxy

STEPS = ("taken", "decoded", "rendering", "document", "published", "settling")
LEASE_S = LEASE_MS / 1_000
OVERLAP = 2


class Faults:
    """See the module. counts: how often each came."""

    def __init__(self, stage: Stage, chronicle: Chronicle, seed: SeedStream) -> None:
        self._stage = stage
        self._chronicle = chronicle
        self._seed = seed
        self._redis = asyncio.Lock()
        self._paused = asyncio.Lock()
        self._scheduler = asyncio.Lock()
        self._broken = 0
        self.counts: dict[str, int] = {}
        self._kinds: tuple[tuple[Callable[[SeedStream], Coroutine[Any, Any, None]], int], ...] = (
            (self.kill_worker, 5),
            (self.kill_worker_at_step, 8),
            (self.freeze_worker, 4),
            (self.roll_worker, 4),
            (self.kill_scheduler, 2),
            (self.kill_scheduler_before_reply, 2),
            (self.kill_redis, 2),
            (self.restart_redis, 2),
            (self.cut_links, 3),
            (self.swallow_bytes, 2),
            (self.lose_replies, 4),
            (self.pause_queue, 1),
        )

    async def blow(self, until_s: float) -> None:
        """Faults until the loop's clock says `until_s`; returns when all are healed."""
        loop, room, number = asyncio.get_running_loop(), asyncio.Semaphore(OVERLAP), 0
        async with asyncio.TaskGroup() as group:
            while loop.time() < until_s:
                number += 1
                draw = self._seed / number
                await asyncio.sleep((draw / "pause").between(100, 1_000) / 1_000)
                await room.acquire()
                fault = (draw / "kind").weighted(self._kinds)
                name = fault.__name__
                self.counts[name] = self.counts.get(name, 0) + 1
                group.create_task(fault(draw), name=name).add_done_callback(lambda _: room.release())

    # --- workers ----------------------------------------------------------------------------------------------------

    async def kill_worker(self, draw: SeedStream) -> None:
        worker = self._idle(draw)
        if worker is not None:
            async with self._held(worker):
                self._say(f"SIGKILL {worker.name} ({worker.process_id})")
                await self._kill(worker)

    async def kill_worker_at_step(self, draw: SeedStream) -> None:
        step = (draw / "step").choice(STEPS)

        def strike(worker: Service) -> None:
            worker.busy = True
            self._say(f"SIGKILL {worker.name} ({worker.process_id}) at step {step}")
            worker.kill()

        worker = await self._chronicle.reached(step, strike, timeout_s=5)
        if worker is not None:
            await self._kill(worker)
            worker.busy = False

    async def freeze_worker(self, draw: SeedStream) -> None:
        worker, lasts_s = self._idle(draw), LEASE_S * (draw / "lasts").between(120, 250) / 100
        if worker is not None:
            async with self._held(worker):
                self._say(f"SIGSTOP {worker.name} ({worker.process_id}) for {lasts_s:.1f} s")
                worker.freeze()
                await asyncio.sleep(lasts_s)
                worker.thaw()

    async def roll_worker(self, draw: SeedStream) -> None:
        worker = self._idle(draw)
        if worker is not None:
            async with self._held(worker):
                self._say(f"SIGTERM {worker.name} ({worker.process_id}), then a new one")
                code = await worker.end()
                if code:
                    self._chronicle.alarms.append(f"{worker.name} ended with {code} after SIGTERM")
                await worker.start()

    # --- the scheduler ----------------------------------------------------------------------------------------------

    async def kill_scheduler(self, _: SeedStream) -> None:
        async with self._scheduler:
            self._say(f"SIGKILL scheduler ({self._stage.scheduler.process_id})")
            await self._new_scheduler()

    async def kill_scheduler_before_reply(self, _: SeedStream) -> None:
        """Redis has carried out what the scheduler sent; the scheduler dies without knowing, and its caller with it."""
        async with self._scheduler:
            self._stage.front.lose_replies = 1
            for _n in range(200):
                if not self._stage.front.lose_replies:
                    break
                await asyncio.sleep(0.01)
            self._stage.front.lose_replies = 0
            self._say(f"SIGKILL scheduler ({self._stage.scheduler.process_id}) between submit and reply")
            await self._new_scheduler()

    # --- Redis and the way to it ------------------------------------------------------------------------------------

    async def kill_redis(self, _: SeedStream) -> None:
        async with self._redis, self._disturbance():
            self._say(f"SIGKILL redis ({self._stage.server.process_id})")
            await self._stage.restart_redis(kill=True)

    async def restart_redis(self, _: SeedStream) -> None:
        async with self._redis, self._disturbance():
            self._say(f"SIGTERM redis ({self._stage.server.process_id})")
            await self._stage.restart_redis(kill=False)

    async def cut_links(self, draw: SeedStream) -> None:
        async with self._disturbance():
            self._say(f"RST on every link through the {self._side(draw)[0]} proxy")
            await self._side(draw)[1].cut()

    async def swallow_bytes(self, draw: SeedStream) -> None:
        (name, proxy), lasts_s = self._side(draw), (draw / "lasts").between(500, 5_000) / 1_000
        async with self._disturbance():
            self._say(f"the {name} proxy swallows every byte for {lasts_s:.1f} s")
            proxy.silent = True
            await asyncio.sleep(lasts_s)
            proxy.silent = False
            await proxy.cut()

    async def lose_replies(self, draw: SeedStream) -> None:
        (name, proxy), count = self._side(draw), (draw / "count").between(1, 8)
        async with self._disturbance():
            self._say(f"the {name} proxy loses the next {count} replies")
            proxy.lose_replies = count
            await asyncio.sleep(1)
            proxy.lose_replies = 0

    async def pause_queue(self, draw: SeedStream) -> None:
        lasts_s = (draw / "lasts").between(300, 2_000) / 1_000
        async with self._paused, self._disturbance():
            self._say(f"pause the queue for {lasts_s:.1f} s")
            await self._patiently(lambda: self._stage.queue.pause("drill"))
            await asyncio.sleep(lasts_s)
            await self._patiently(self._stage.queue.resume)

    # --- how --------------------------------------------------------------------------------------------------------

    async def _kill(self, worker: Service) -> None:
        worker.kill()
        await worker.gone()
        self._chronicle.killed(worker, calm=not self._broken)
        await worker.start()

    async def _new_scheduler(self) -> None:
        self._stage.scheduler.kill()
        await self._stage.scheduler.gone()
        await self._stage.scheduler.start()

    def _idle(self, draw: SeedStream) -> Service | None:
        workers = [w for w in self._stage.workers if not w.busy]
        return (draw / "worker").choice(workers) if workers else None

    def _side(self, draw: SeedStream) -> tuple[str, Proxy]:
        return (draw / "side").choice((("front", self._stage.front), ("back", self._stage.back)))

    @asynccontextmanager
    async def _held(self, worker: Service) -> AsyncIterator[None]:
        worker.busy = True
        try:
            yield
        finally:
            worker.busy = False

    @asynccontextmanager
    async def _disturbance(self) -> AsyncIterator[None]:
        self._broken += 1
        self._chronicle.disturb()
        try:
            yield
        finally:
            self._chronicle.disturb()
            self._broken -= 1

    async def _patiently(self, call: Callable[[], Awaitable[object]]) -> None:
        for _ in range(100):
            try:
                await call()
            except Unavailable:
                await asyncio.sleep(0.1)
            else:
                return

    def _say(self, text: str) -> None:
        self._chronicle.say(f"#{sum(self.counts.values())} {text}")
