"""A data folder and executors that live in it one after the other: the stage of tests/contracts, inline and with a queue.

Everything is real but the renderer, which a test scripts. With a queue, executor and worker are two parts that know each other
through Redis and the store alone, as in production; they share a process only so that a test can direct the renders.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docugen_core.adapters.inline_executor import InlineExecutor
from docugen_core.adapters.local_store import LocalStore
from docugen_core.adapters.queue_executor import QueueExecutor
from docugen_core.adapters.queue_health import QueueHealth
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.adapters.sqlite_ledger import SqliteLedger
from docugen_core.adapters.system_clock import SystemClock
from docugen_core.config import Settings
from docugen_core.domain.json import JsonObject
from docugen_core.domain.retry import RetryPolicy
from docugen_core.domain.run import BundleRun
from docugen_core.domain.run_query import RunQuery
from docugen_core.errors import RenderFailed
from docugen_core.generation import BundleRenderer
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.ports import GenerationExecutor, GenerationJob
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.task import Rendering, RenderLimits, RenderTask
from docugen_core.submission import Intake, SubmitRequest, prepare_generation_job, wait_for_run
from docugen_core.tracing import UNTRACED, Tracer
from docugen_core.validation import BundleLimits
from docugen_worker import app
from docugen_worker.app import running_worker
from fakes import ScriptedRenderer, SteppedClock, plain
from worker_world import LEASE_MS

PACK = """
schema = "docugen.pack/v1"
[pack]
name = "note"
version = "1.0.0"
description = "A line of text."
default_language = "en"
[[templates]]
name = "note"
title = "Note"
description = "A line of text."
schema = "note.schema.json"
sample = "note.sample.json"
[templates.formats]
txt = "note.txt"
"""


class Gate:
    """A render that begins, says so, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, task: RenderTask, n: int) -> Rendering:
        self.begun.set()
        await self.open.wait()
        return await plain(task, n)


async def fails(task: RenderTask, n: int) -> Rendering:
    """A template that does not go with its data."""
    raise RenderFailed("no such field", document=task.document)


class House(ABC):
    """One data folder with the pack `note`, and a renderer that the test scripts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.renderer = ScriptedRenderer()
        self.tracer: Tracer = UNTRACED
        pack = self.root / "packs" / "note"
        (pack / "labels").mkdir(parents=True)
        (pack / "pack.toml").write_text(PACK)
        (pack / "note.txt").write_text("{{ data.text }}\n")
        (pack / "note.schema.json").write_text('{"type": "object"}')
        (pack / "note.sample.json").write_text('{"text": "hello"}')
        (pack / "labels" / "en.toml").write_text('greeting = "hello"\n')
        self.intake = Intake(TemplateCatalogue.load([self.root / "packs"]), GeneratorRegistry.load(), BundleLimits())
        self.store = LocalStore(self.root / "store")

    def job(self, text: str = "hello", run_id: str = "", documents: int = 1, **extra: object) -> GenerationJob:
        bundle: JsonObject = {
            "data": {"text": text},
            "documents": [
                {"name": f"note{n}.txt", "format": "txt", "template": "note/note", **extra}  # type: ignore[dict-item]
                for n in range(documents)
            ],
        }
        return prepare_generation_job(SubmitRequest(bundle, run_id), self.intake)

    def bundles(self) -> BundleRenderer:
        catalogue, generators = self.intake.catalogue, self.intake.generators
        return BundleRenderer(catalogue, generators, self.renderer, RenderLimits(), tracer=self.tracer)

    @abstractmethod
    def executor(
        self, *, slots: int = 2, max_attempts: int = 3, attempt_timeout_ms: int = 20_000
    ) -> AbstractAsyncContextManager[GenerationExecutor]:
        """An executor, and what renders for it; leaving ends both gracefully and soon."""

    @abstractmethod
    def soon_ms(self) -> int:
        """A start time that has not come yet, and will within the test."""

    @abstractmethod
    async def lose_records(self) -> None:
        """Forget every run that is not published."""

    @abstractmethod
    async def hold_retries(self) -> None:
        """No attempt begins until `let_retries_go`, however long a watcher takes to see that there will be one."""

    @abstractmethod
    async def let_retries_go(self) -> None:
        """What was held may begin."""


class InlineHouse(House):
    """The in-process executor with its ledger, and a clock that stands still but for sleeps."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.clock = SteppedClock()

    @asynccontextmanager
    async def executor(
        self, *, slots: int = 2, max_attempts: int = 3, attempt_timeout_ms: int = 20_000, waiting_max: int = 200
    ) -> AsyncIterator[InlineExecutor]:
        async with (
            SqliteLedger(self.root / "ledger.sqlite3") as ledger,
            InlineExecutor(
                bundles=self.bundles(),
                store=self.store,
                ledger=ledger,
                clock=self.clock,
                policy=RetryPolicy(max_attempts=max_attempts),
                attempt_timeout_ms=attempt_timeout_ms,
                slots=slots,
                waiting_max=waiting_max,
            ) as executor,
        ):
            yield executor

    def soon_ms(self) -> int:
        return self.clock.now_ms() + 90_000

    async def hold_retries(self) -> None:
        """A watcher sees each state before the next one: both are of one event loop."""

    async def let_retries_go(self) -> None:
        """Nothing was held."""

    async def lose_records(self) -> None:
        for file in self.root.glob("ledger.sqlite3*"):
            file.unlink()


class QueueHouse(House):
    """The executor with a queue of its own on a real Redis, and one real worker."""

    def __init__(self, root: Path, redis_url: str, queue: str) -> None:
        super().__init__(root)
        self.settings = Settings(
            queue_enabled=True,
            queue_allow_volatile=True,
            redis_url=redis_url,
            queue_name=queue,
            queue_backoff_ms=600,
            queue_lease_ms=LEASE_MS,
            worker_grpc_address="127.0.0.1:0",
            worker_metrics_address="",
            grace_ms=24_000,
        )
        self._workers = 0

    @staticmethod
    def have_time_to_hand_back(monkeypatch: pytest.MonkeyPatch) -> None:
        """A worker that is left amid a render stops it after six seconds, and has 18 to hand it back."""
        monkeypatch.setattr(app, "HAND_BACK_S_MAX", 60.0)
        monkeypatch.setattr(app, "HAND_BACK_SHARE", 0.75)

    @asynccontextmanager
    async def executor(
        self, *, slots: int = 2, max_attempts: int = 3, attempt_timeout_ms: int = 20_000, working: bool = True
    ) -> AsyncIterator[QueueExecutor]:
        """working: with a worker beside it."""
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(RedisConnection(self.settings.redis_url))
            executor = await stack.enter_async_context(self.bare_executor(connection, max_attempts=max_attempts))
            if working:
                await stack.enter_async_context(self.worker(slots, attempt_timeout_ms))
            yield executor

    @asynccontextmanager
    async def bare_executor(
        self, connection: RedisConnection, *, max_attempts: int = 3, rules: QueueRules | None = None, **changes: Any
    ) -> AsyncIterator[QueueExecutor]:
        """One without a worker."""
        clock = SystemClock()
        async with (
            QueueHealth(connection, clock, allow_volatile=True) as health,
            QueueExecutor(
                queue=RedisQueue(connection, self.settings.queue_name, rules or QueueRules.of(self.settings)),
                store=self.store,
                clock=clock,
                health=health,
                max_attempts=max_attempts,
                tracer=self.tracer,
                **({"inline_bytes": self.settings.queue_inline_bytes} | changes),
            ) as executor,
        ):
            yield executor

    @asynccontextmanager
    async def worker(self, slots: int = 2, attempt_timeout_ms: int = 20_000) -> AsyncIterator[None]:
        """A worker with the scripted renderer."""
        self._workers += 1
        settings = replace(self.settings, queue_concurrency=slots, attempt_timeout_ms=attempt_timeout_ms)
        rendering = (self.intake, self.bundles(), self.store)
        async with running_worker(settings, consumer=f"worker-{self._workers}", rendering=rendering):
            yield

    def soon_ms(self) -> int:
        return SystemClock().now_ms() + 400

    async def hold_retries(self) -> None:
        async with RedisConnection(self.settings.redis_url) as connection:
            await RedisQueue(connection, self.settings.queue_name).pause("until the retry was seen")

    async def let_retries_go(self) -> None:
        async with RedisConnection(self.settings.redis_url) as connection:
            await RedisQueue(connection, self.settings.queue_name).resume()

    async def lose_records(self) -> None:
        async with RedisConnection(self.settings.redis_url) as connection:
            async for key in connection.commands.scan_iter(f"{{{self.settings.queue_name}}}*", count=1_000):
                await connection.commands.delete(key)


@asynccontextmanager
async def connected(
    house: QueueHouse, url: str = "", **changes: Any
) -> AsyncIterator[tuple[QueueExecutor, RedisQueue]]:
    """An executor without a worker, and the queue behind it."""
    async with (
        RedisConnection(url or house.settings.redis_url) as connection,
        house.bare_executor(connection, **changes) as executor,
    ):
        yield executor, RedisQueue(connection, house.settings.queue_name)


async def finished(executor: GenerationExecutor, run_id: str) -> BundleRun:
    run = await wait_for_run(executor, run_id, 60_000)
    assert run.state.is_terminal, f"still {run.state} after a minute"
    return run


async def pages(executor: GenerationExecutor, filter_text: str, page_size: int) -> list[list[str]]:
    """The ids of the runs that a filter lists, by pages."""
    found, token = [], ""
    while True:
        page = await executor.list(RunQuery.parse(filter_text, page_size, token))
        found.append([run.run_id for run in page.runs])
        token = page.next_page_token
        if not token:
            return found
