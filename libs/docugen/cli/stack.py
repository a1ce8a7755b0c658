"""A whole DocuGen on this machine: a Redis of its own, one scheduler, some workers, as processes under one roof.

    async with running_stack(plan, on_line) as stack: ...        for `docugen dev` and the demo

Redis starts first and stops last; the scheduler stops before the workers, so that nothing new comes while they finish. A
service that ends by itself is started again after a second, as a supervisor in production would. None outlives this process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docugen_core.adapters.child_process import tied
from docugen_core.adapters.embedded_redis import SOCKET_PATH_MAX, EmbeddedRedis
from docugen_core.adapters.lifetime import unless
from docugen_core.adapters.service_process import EX_CONFIG
from docugen_core.config import PREFIX

from docugen.cli.failures import CommandFailed, Problem

RESTART_S = 1.0
STARTS_MAX = 5
START_S = 60.0
STOP_S = 40.0
LINE_MAX = 1 << 20

OnLine = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """folder: where everything lands; the same folder again goes on with the same queue and store. port: of the scheduler, 0
    for a free one. settings: further environment of the services, by full name."""

    folder: Path
    workers: int = 2
    port: int = 50051
    settings: Mapping[str, str] = field(default_factory=dict)


class Service:
    """One process of the stack, and its successors. name: `scheduler`, `worker-1` ... started: what it said on standard
    output, with address and process_id; empty until it works."""

    def __init__(self, name: str, module: str, environment: Mapping[str, str], on_line: OnLine) -> None:
        self.name = name
        self.started: dict[str, Any] = {}
        self.works = asyncio.Event()
        self._module = module
        self._environment = dict(environment)
        self._on_line = on_line
        self._process: Process | None = None
        self._stopping = asyncio.Event()

    async def keep_running(self) -> None:
        """Run it until `stop`, again and again. Raises CommandFailed when it cannot start."""
        failures = 0
        while not self._stopping.is_set():
            self.works.clear()
            code = await self._run()
            if self._stopping.is_set():
                return
            failures = 0 if self.works.is_set() else failures + 1
            if code == EX_CONFIG or failures >= STARTS_MAX:
                message = f"{self.name} cannot start (exit code {code}); its last lines say why"
                raise CommandFailed(Problem(message, "NOT_STARTED"))
            self._on_line(self.name, f"ended ({_end(code)}); started again in {RESTART_S:.0f} s")
            await unless(self._stopping, asyncio.sleep(RESTART_S))

    def kill(self) -> None:
        """End the present process at once, as a crash would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def stop(self) -> None:
        """End it gracefully; by force when that takes too long."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
            process.send_signal(signal.SIGCONT)  # a stopped process hears nothing else
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            self.kill()
            await process.wait()

    async def _run(self) -> int:
        """One process from start to end; its exit code."""
        self._process = process = await asyncio.create_subprocess_exec(
            *tied([sys.executable, "-m", self._module]),
            env=self._environment,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            limit=LINE_MAX,
            start_new_session=True,  # Ctrl-C is for us: we end services in their order
        )
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            async with asyncio.TaskGroup() as pipes:
                pipes.create_task(self._read(process.stdout))
                pipes.create_task(self._read(process.stderr))
            return await process.wait()
        finally:
            self.kill()

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                line = (await stream.readline()).decode(errors="replace")
            except ValueError:  # a line beyond LINE_MAX is dropped
                continue
            if not line:
                return
            if line.startswith(f'{{"event": "{self._module.removeprefix("docugen_")}_started"'):
                self.started = json.loads(line)
                self.works.set()
                metrics = f", metrics at {at}" if (at := self.started["metrics_address"]) else ""
                line = f"works at {self.started['address']}, process {self.started['process_id']}{metrics}"
            self._on_line(self.name, line.rstrip("\n"))


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that works."""

    redis: EmbeddedRedis
    scheduler: Service
    workers: tuple[Service, ...]

    @property
    def address(self) -> str:
        """Of the scheduler, host:port."""
        return str(self.scheduler.started["address"])

    def kill(self) -> None:
        """End all services at once; leaving the context then takes no time."""
        for service in (self.scheduler, *self.workers):
            service.kill()


@asynccontextmanager
async def running_stack(plan: Plan, on_line: OnLine) -> AsyncIterator[Stack]:
    """A stack that works; leaving the context ends it in order. on_line: gets (service, line) of all that services say.

    Raises ConfigurationError when the extra `embedded` is not installed, Unavailable when Redis does not start, CommandFailed
    when a service does not.
    """
    folder = plan.folder.absolute()
    async with EmbeddedRedis(folder / "redis", port=_redis_port(folder / "redis")) as redis:
        environment = _environment(plan, redis.url)
        scheduler = Service("scheduler", "docugen_scheduler", environment, on_line)
        workers = tuple(
            Service(f"worker-{n}", "docugen_worker", environment, on_line) for n in range(1, plan.workers + 1)
        )
        services = (scheduler, *workers)
        try:
            async with asyncio.TaskGroup() as group:
                for service in services:
                    group.create_task(service.keep_running(), name=service.name)
                try:
                    await _all_work(services)
                    yield Stack(redis, scheduler, workers)
                finally:
                    await scheduler.stop()
                    await asyncio.gather(*(worker.stop() for worker in workers))
        except BaseExceptionGroup as group:
            if len(group.exceptions) > 1:
                raise
            raise group.exceptions[0] from None  # of a service, or of the body: as it was raised


async def _all_work(services: tuple[Service, ...]) -> None:
    try:
        async with asyncio.timeout(START_S):
            for service in services:
                await service.works.wait()
    except TimeoutError:
        late = ", ".join(s.name for s in services if not s.works.is_set())
        message = f"{late} did not start within {START_S:.0f} s; the last lines say why"
        raise CommandFailed(Problem(message, "NOT_STARTED")) from None


def _environment(plan: Plan, redis_url: str) -> dict[str, str]:
    """The caller's settings hold for the services, but for where things are."""
    store = quote(str((plan.folder / "store").absolute()))
    where = {
        "QUEUE_ENABLED": "true",
        "REDIS_URL": redis_url,
        "STORE_URL": f"file://{store}",
        "GRPC_ADDRESS": f"127.0.0.1:{plan.port}",
        "WORKER_GRPC_ADDRESS": "127.0.0.1:0",
        "METRICS_ADDRESS": "127.0.0.1:0",
        "WORKER_METRICS_ADDRESS": "127.0.0.1:0",
    }
    inherited = dict(os.environ)  # noqa: TID251 - for child processes; no setting is read here
    return inherited | {PREFIX + name: value for name, value in where.items()} | dict(plan.settings)


def _redis_port(folder: Path) -> int:
    """0, a socket in `folder`, unless its path is longer than a socket's may be: then a free port."""
    if len(str(folder / "redis.sock")) <= SOCKET_PATH_MAX:
        return 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
