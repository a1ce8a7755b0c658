"""Small real implementations of the ports, for tests that need to decide what the world does. They pass tests/contracts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from docugen_core.domain.manifest import Engine
from docugen_core.rendering import registry
from docugen_core.rendering.task import MergeTask, Rendering, RenderTask, Task

Script = Callable[[RenderTask, int], Awaitable[Rendering]]


async def plain(task: RenderTask, _: int) -> Rendering:
    """A rendering that depends on the document and its data alone."""
    return Rendering(f"{task.document}: {sorted(task.data.items())!r}".encode(), pages=1)


class ScriptedRenderer:
    """Implements ports.Renderer; `script(task, n)` says what the n-th render (from 1) of a document does."""

    def __init__(self, script: Script = plain, edition: str = "1") -> None:
        self.script = script
        self.calls: dict[str, int] = {}
        self._engine = Engine(components=(("scripted", edition),), fonts=())

    @property
    def engine(self) -> Engine:
        return self._engine

    async def render(self, task: Task) -> Rendering:
        if isinstance(task, MergeTask):  # no script is about these
            return registry.render(task)
        self.calls[task.document] = self.calls.get(task.document, 0) + 1
        return await self.script(task, self.calls[task.document])


class SteppedClock:
    """Implements ports.Clock: time stands still but for sleeps, which pass at once and are remembered."""

    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self._now_ms = now_ms
        self.sleeps_ms: list[int] = []

    def now_ms(self) -> int:
        return self._now_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        if duration_ms:
            self.sleeps_ms.append(duration_ms)
        self._now_ms += duration_ms
        await asyncio.sleep(0)
