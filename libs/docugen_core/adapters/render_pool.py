"""Renders documents in processes that can be killed: the Renderer of every executor.

    service --- ForkServer --- render process        one task at a time, at most `render_processes` of them
                          `--- render process

- A document past its deadline is killed with its process (SIGKILL: native code hears nothing else). So is a cancelled one.
- A process that dies fails its own task only. One that died while idle is noticed before it gets a task.
- A process is replaced after `render_recycle_documents`, or when it grew beyond `render_recycle_rss_mb` (engines keep caches).
  The next one imports its engines anew, a quarter of a second for PDF and HTML, so that is not done often.
- Waiting tasks are served in order of arrival. How many may wait is the caller's bound (executors have one).
- Nothing outlives the service, however it ends (`render_forkserver`).

The pack's files travel with each task, those that its format can read. Measured for the shipped packs: less than 0.1 ms,
beside renders of 1 to 100 ms; a cache in the processes would save less than its bookkeeping costs. Its fonts stay where they
are: `compilers`.
"""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import replace
from types import TracebackType
from typing import Any

from docugen_core.adapters.render_launch import OPEN_FILES_MAX, OUT_OF_MEMORY, ChildLimits, LaunchedServer
from docugen_core.adapters.render_process import (
    ForkServer,
    NotTaken,
    ProcessEnd,
    RenderProcess,
    ServerGone,
    out_of_memory,
)
from docugen_core.config import Settings
from docugen_core.domain.failure import Failure
from docugen_core.domain.manifest import Engine
from docugen_core.errors import RenderFailed, RenderInterrupted, Unavailable
from docugen_core.measures import UNMEASURED, Measures
from docugen_core.rendering.engine import engine
from docugen_core.rendering.task import MergeTask, Rendering, Task
from docugen_core.rendering.typst_library import LIBRARY_CHANGED, library_changed

START_S = 30
HAND_OVERS_MAX = 3


class RenderPool:
    """Use as `async with RenderPool(settings) as pool`. Entering starts the processes and does not wait for them."""

    def __init__(
        self, settings: Settings, measures: Measures = UNMEASURED, *, launched: LaunchedServer | None = None
    ) -> None:
        """launched: a fork server that was started ahead with the bounds of `settings`. The pool ends it with itself."""
        self._settings = settings
        self._measures = measures
        self._limits = ChildLimits.of(settings)
        if launched is not None and launched.limits != self._limits:
            raise ValueError(f"a fork server with {launched.limits} was started ahead, but {self._limits} is asked for")
        self._launched = launched
        self._slots = asyncio.Semaphore(settings.render_slots)
        self._server: ForkServer | None = None
        self._idle: list[RenderProcess] = []
        self._busy: set[RenderProcess] = set()
        self._closed = False

    async def __aenter__(self) -> RenderPool:
        self._idle.append(self._fork())
        self._fill()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kills what still renders (its callers get RenderInterrupted) and waits until no process is left."""
        self._closed = True
        for process in self._idle:
            process.kill()
        self._idle.clear()
        if self._server is not None:
            await self._server.stop()

    @property
    def engine(self) -> Engine:
        return engine()

    @property
    def process_ids(self) -> tuple[int, ...]:
        """The running render processes, for operators: sorted, without those still starting."""
        return tuple(sorted(process.pid for process in (*self._idle, *self._busy) if process.pid))

    async def render(self, task: Task) -> Rendering:
        """The document's bytes. Cancelling kills the render at once.

        Raises RenderFailed and LimitExceeded (deterministic; do not try again), RenderInterrupted with RENDER_TIMEOUT (details:
        `limit_ms`), RENDER_OUT_OF_MEMORY (details: `limit_mb`) or RENDER_PROCESS_DIED (details: `signal` or `exit_code`), which
        names the document too, and Unavailable when the pool is closed.
        """
        payload = pickle.dumps(_what_travels(task), protocol=pickle.HIGHEST_PROTOCOL)
        try:
            return await self._rendered(task, payload)
        except RenderInterrupted as error:
            error.document = task.document
            raise

    async def _rendered(self, task: Task, payload: bytes) -> Rendering:
        async with self._slots:
            hand_overs_left = HAND_OVERS_MAX
            while True:
                try:
                    head, data = await self._render_in(self._take(), task, payload)
                    return _outcome(task, head, data, self._limits)
                except NotTaken as error:
                    hand_overs_left -= 1
                    if not hand_overs_left:
                        raise self._never_taken(error.end) from None
                except ServerGone as error:  # it ended with this request on its way; the next one starts another server
                    hand_overs_left -= 1
                    if not hand_overs_left:
                        raise _not_started(error) from None

    def _never_taken(self, last: ProcessEnd) -> RenderInterrupted:
        if "signal" in last.details:
            message = f"{HAND_OVERS_MAX} render processes ended before they took the document: the last {last.words}"
            hint = "Something on this machine kills processes; look at the kernel's log."
        else:
            message = f"no render process could start: {HAND_OVERS_MAX} ended at once, the last {last.words}"
            hint = (
                f"A limit of this machine, container or shell is too low: a render process needs {OPEN_FILES_MAX} open files"
                f" (ulimit -n) and {self._limits.memory_mb} MiB of address space (ulimit -v; DOCUGEN_RENDER_MEMORY_MB)."
            )
        return RenderInterrupted(message, hint=hint, details=last.details)

    async def _render_in(self, process: RenderProcess, task: Task, payload: bytes) -> tuple[dict[str, Any], bytes]:
        """One task in one process, which afterwards is idle again or replaced."""
        self._busy.add(process)
        fit = False
        try:
            head, data = await self._run(process, task, payload)
            fit = self._may_go_on(process, head)
        finally:
            self._busy.discard(process)
            self._put_back(process, fit)
        return head, data

    async def _run(self, process: RenderProcess, task: Task, payload: bytes) -> tuple[dict[str, Any], bytes]:
        try:
            async with asyncio.timeout(START_S):
                await process.started()
        except TimeoutError as error:
            raise _not_started(error) from None
        limit_ms = self._settings.render_timeout_ms
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        try:
            async with asyncio.timeout(limit_ms / 1000):
                answer = await process.render(payload, task.limits.bytes_max)
        except TimeoutError:
            self._measures.document_rendered(task.format, loop.time() - begun_s)
            raise RenderInterrupted(
                f"the document was not rendered within {limit_ms} ms",
                code="RENDER_TIMEOUT",
                hint="Look for an endless loop in the template, or raise DOCUGEN_RENDER_TIMEOUT_MS.",
                details={"limit_ms": str(limit_ms)},
            ) from None
        except (EOFError, OSError):
            raise await process.died() from None
        self._measures.document_rendered(task.format, loop.time() - begun_s)
        return answer

    def _may_go_on(self, process: RenderProcess, head: dict[str, Any]) -> bool:
        failure = head["failure"]
        settings = self._settings
        return (
            not (failure and failure["retryable"])
            and process.documents < settings.render_recycle_documents
            and process.resident_bytes <= settings.render_recycle_rss_mb << 20
        )

    def _take(self) -> RenderProcess:
        """The idle process used last (its caches are warm), else a new one."""
        while self._idle:
            process = self._idle.pop()
            if process.alive():
                return process
            process.kill()
        return self._fork()

    def _put_back(self, process: RenderProcess, fit: bool) -> None:
        if fit and not self._closed:
            self._idle.append(process)
        else:
            process.kill()
            self._fill()

    def _fill(self) -> None:
        """Have a process ready, or on its way, for every slot. Without a fork server the next task starts one."""
        alive = self._server is not None and self._server.alive and not self._closed
        while alive and len(self._idle) + len(self._busy) < self._settings.render_slots:
            self._idle.insert(0, self._fork())

    def _fork(self) -> RenderProcess:
        if self._closed:
            raise Unavailable("the render pool is closed", hint="The service is shutting down; ask again elsewhere.")
        if self._server is not None and not self._server.alive:
            self._server.reap()
            self._server = None
        if self._server is None:
            launched, self._launched = self._launched or LaunchedServer(self._limits), None
            self._server = ForkServer(launched, self._ended)
        return self._server.fork()

    def _ended(self, pid: int) -> None:
        """Replace a process that ended while idle; a busy one is its task's matter.

        One that never did a thing is not replaced: if they cannot live here, that would go on for ever.
        """
        for process in self._idle:
            if process.pid == pid:
                self._idle.remove(process)
                process.kill()
                if process.documents:
                    self._fill()
                return


def _what_travels(task: Task) -> Task:
    """`task` without what only validation needs: schemas and samples, the pack's other templates, files it cannot read."""
    if isinstance(task, MergeTask):
        return task
    template = task.pack.templates.get(task.template)
    used = {} if template is None else {task.template: replace(template, schema={}, sample={})}
    files = task.pack.files_for(task.format)
    return replace(task, pack=replace(task.pack, templates=used, files=files, declarations=frozenset()))


def _not_started(error: Exception) -> RenderInterrupted:
    if isinstance(error, ServerGone) and error.code == LIBRARY_CHANGED:
        return library_changed()
    hint = "The scheduler's or worker's stderr says why; it tries anew with the next document."
    return RenderInterrupted(f"no render process could be started: {error}", hint=hint)


def _outcome(task: Task, head: dict[str, Any], data: bytes, limits: ChildLimits) -> Rendering:
    if head["failure"] is None:
        return Rendering(data, int(head["pages"]))
    failure = Failure.from_json(head["failure"])
    if failure.code == OUT_OF_MEMORY:
        raise out_of_memory(limits)
    if failure.retryable:
        raise RenderInterrupted(failure.message, code=failure.code, hint=failure.hint, details=dict(failure.details))
    raise RenderFailed.from_failure(failure, document=task.document)
