"""Where a theme plays: a server of its own, the machine's facts, cores that do not sleep, children that time themselves.

Clocks: `monotonic_ns` is one clock for all processes of a machine, so a child can say when it got what the parent sent.
"""

from __future__ import annotations

import asyncio
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from signal import SIGKILL
from subprocess import DEVNULL, Popen
from threading import Timer
from typing import Any

from docugen_core.adapters.embedded_redis import EmbeddedRedis
from docugen_core.adapters.redis_connection import RedisConnection
from redis.asyncio import Redis

ROOT = Path(__file__).parent.parent
PACKAGES = ("docugen", "redis", "hiredis", "typst", "grpcio")
CHILD_ANSWER_S = 120.0

# Lowest priority there is: it takes only what nobody wants, and keeps a virtual core from being halted.
_SPIN = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """How a run was asked for. server: a redis-server binary, none for the embedded Valkey. queued_max: jobs in the fullest
    queue of `filling`. jobs: of `remembering`."""

    rounds: int
    server: Path | None = None
    queued_max: int = 300_000
    jobs: int = 100_000

    @asynccontextmanager
    async def redis(self) -> AsyncIterator[RedisConnection]:
        """A connection to a new, empty server on a loopback port, as deployments have it; AOF fsynced every second."""
        server = EmbeddedRedis(binary=self.server, port=_free_port(), settings={"appendfsync": "everysec"})
        async with server, RedisConnection(server.url) as connection:
            yield connection


def plain_client(redis: RedisConnection) -> Redis:
    """redis-py as it comes, to the same server, for floors. Use as `async with`. (A stage's servers need no password.)"""
    client: Redis = Redis.from_url(redis.address.public(), protocol=2)
    return client


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Child:
    """`python -m benchmarks.child ...`, which says "ready", waits for "go", and answers with lines. Use as `async with`."""

    def __init__(self, *arguments: str | int) -> None:
        self._arguments = [str(argument) for argument in arguments]
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Child:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.child",
            *self._arguments,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        await self.line("ready")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()
            await self._process.wait()

    def go(self) -> None:
        assert self._running.stdin is not None
        self._running.stdin.write(b"go\n")

    def kill(self) -> None:
        """SIGKILL: it settles nothing and hands nothing back."""
        if self._running.returncode is None:
            self._running.kill()

    async def line(self, word: str) -> list[str]:
        """The rest of the child's next line, which begins with `word`."""
        assert self._running.stdout is not None
        async with asyncio.timeout(CHILD_ANSWER_S):
            line = (await self._running.stdout.readline()).decode().split()
        if line[:1] != [word]:
            raise RuntimeError(
                f"benchmarks.child {self._arguments[0]} said {line!r}, not {word!r}; see its stderr above"
            )
        return line[1:]

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process


@asynccontextmanager
async def children_of(commands: Sequence[Sequence[str | int]]) -> AsyncIterator[list[Child]]:
    """A child for each command, all started at once; each has said that it is ready."""
    children = [Child(*command) for command in commands]
    async with AsyncExitStack() as stack:
        for child in children:
            stack.push_async_exit(child)
        await asyncio.gather(*(child.__aenter__() for child in children))
        yield children


def process_ms(command: Sequence[str], folder: Path, seconds_max: float) -> float:
    """Milliseconds from the start of a process to its end; blocks. Raises subprocess.CalledProcessError and TimeoutExpired.

    Cores may sleep: a loop on each of them slows the start of a process down. And it is not started by the event loop, which
    copies this process first: that takes longer than an interpreter to start.
    """
    begin = now_us()
    with Popen(command, cwd=folder, stdout=DEVNULL, stderr=DEVNULL) as process:
        killer = Timer(seconds_max, process.kill)
        killer.start()
        # Without a timeout: with one, Python looks again every 50 ms, and that is what would be measured.
        code = process.wait()
    took_us = now_us() - begin
    killer.cancel()
    if code == -SIGKILL:
        raise subprocess.TimeoutExpired(command, seconds_max)
    if code:
        raise subprocess.CalledProcessError(code, command)
    return took_us / 1_000


@contextmanager
def awake() -> Iterator[None]:
    """Keep every core spinning at idle priority: a halted virtual core takes about 100 us to wake. Linux only, else a no-op."""
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    spinners = [Popen([sys.executable, "-c", _SPIN, str(core)]) for core in cores]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What the services run on: uvloop where it is installed, else asyncio's own. For both sides of every comparison."""
    return import_module("uvloop").new_event_loop if find_spec("uvloop") else None


async def emptied(redis: RedisConnection) -> None:
    """Forget everything, and be done with it: a lazy FLUSHALL goes on in the background while the next number is taken."""
    await redis.execute("FLUSHALL", "SYNC")


async def server_cpu_us(redis: RedisConnection) -> float:
    """CPU the server has used so far, in microseconds."""
    info: dict[str, Any] = await redis.commands.info("cpu")
    return float(info["used_cpu_user"] + info["used_cpu_sys"]) * 1e6


async def machine(stage: Stage) -> dict[str, Any]:
    """What the numbers depend on: cores, versions, and the load that was there before we began."""
    load = os.getloadavg()
    async with stage.redis() as redis:
        info: dict[str, Any] = await redis.commands.info()
    server = str(info.get("valkey_version") or info["redis_version"])
    return {
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "processor": _processor(),
        "load_before": [round(value, 2) for value in load],
        "python": platform.python_version(),
        "event_loop": "uvloop" if find_spec("uvloop") else "asyncio",
        "server": f"{info.get('server_name', 'redis')} {server} ({info['mem_allocator']}), AOF everysec, loopback",
        **{package: version(package) for package in PACKAGES},
    }


class Neighbours:
    """How much of the machine others used meanwhile, in cores: the noise in the numbers. Linux only."""

    def __init__(self) -> None:
        self._at, self._busy, self._ours = time.monotonic(), _busy_s(), _ours_s()

    def cores(self) -> float | None:
        """Since this was made; None where it cannot be told. Our own processes must have ended."""
        if self._busy is None or (busy := _busy_s()) is None:
            return None
        others = (busy - self._busy) - (_ours_s() - self._ours)
        return max(0.0, round(others / (time.monotonic() - self._at), 2))


def _busy_s() -> float | None:
    statistics = Path("/proc/stat")
    if not statistics.exists():
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, statistics.read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _ours_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def now_us() -> float:
    return time.monotonic_ns() / 1_000


def _processor() -> str:
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
