"""What makes documents."""

from __future__ import annotations

from typing import Protocol

from docugen_core.domain.manifest import Engine
from docugen_core.rendering.task import Rendering, Task


class Renderer(Protocol):
    """Runs render tasks in processes of their own that can be killed."""

    async def render(self, task: Task) -> Rendering:
        """The document's bytes. A pure function of `task` and the engine. Cancelling it kills the render at once.

        Raises RenderFailed, LimitExceeded (deterministic) or RenderInterrupted (killed at its deadline, process died).
        """
        ...

    @property
    def engine(self) -> Engine:
        """What renders; the same in every render process."""
        ...
