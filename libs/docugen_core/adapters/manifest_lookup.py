"""Many looks for a manifest, few threads: all that are asked for at about the same time are read together.

Every submit looks whether its run is finished already, and nearly always there is no such file. To wake a thread for that, and
to be woken by it, costs a scheduler a quarter of the whole call. So a look takes along all that were asked for since the one
before began; a lone caller waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from docugen_core.ports import ArtefactStore

LOOK_MAX = 256
"""Runs looked for at once. How many wait is bounded by who asks: a call each."""


@dataclass(slots=True, eq=False)
class _Asked:
    """A run, and who waits for its manifest."""

    run_id: str
    answer: asyncio.Future[bytes | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class ManifestLookup:
    """Reads manifests of `store` together. Use it on one event loop; it has a task only while somebody waits."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store
        self._asked: deque[_Asked] = deque()
        self._looking: asyncio.Task[None] | None = None

    async def read(self, run_id: str) -> bytes | None:
        """What `ArtefactStore.read_manifest` answers or raises, to each about its own run. Cancelling it gives up the answer
        alone."""
        asked = _Asked(run_id)
        self._asked.append(asked)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="manifest lookup")
        return await asked.answer

    async def _look(self) -> None:
        try:
            while self._asked:
                together = [self._asked.popleft() for _ in range(min(len(self._asked), LOOK_MAX))]
                if waiting := [asked for asked in together if not asked.answer.done()]:
                    await self._answer(waiting)
        finally:
            self._looking = None

    async def _answer(self, together: list[_Asked]) -> None:
        """One read for all of them; where it fails, each by itself, as the trouble may be one run's alone."""
        try:
            manifests = await self._store.read_manifests([asked.run_id for asked in together])
        except Exception:  # noqa: BLE001 - each of them will be told its own
            await asyncio.gather(*(self._answer_alone(asked) for asked in together))
            return
        for asked, manifest in zip(together, manifests, strict=True):
            if not asked.answer.done():
                asked.answer.set_result(manifest)

    async def _answer_alone(self, asked: _Asked) -> None:
        try:
            manifest = await self._store.read_manifest(asked.run_id)
        except Exception as error:  # noqa: BLE001 - raised again, to the one who waits
            if not asked.answer.done():
                asked.answer.set_exception(error)
            return
        if not asked.answer.done():
            asked.answer.set_result(manifest)
