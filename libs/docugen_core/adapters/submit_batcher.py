"""Many submits, few round trips: all jobs that arrive close together go to the queue in one call.

A call to Redis costs a scheduler as much as answering an RPC does, whether it carries one job or two hundred. So a job waits
for those that are known to be coming (`coming`: their submit has begun, and they look into the store whether their run is
finished), and for nobody else:

    goes at once            when nobody is coming, or BATCH_MAX wait
    goes after 10 ms        when others are coming all the time, as they are where many call at once

A lone caller so waits for nobody, and with many calls in flight a batch grows to what the scheduler can check in 10 ms. (A
window that follows the size of the batch before never grows once a check takes longer than the window gains by it.) One batch
is on its way at a time; what arrives meanwhile is the next one. `BatchPlan` decides and knows no clock; `SubmitBatcher` waits
and sends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from docugen_core.domain.job import Acceptance, NewJob
from docugen_core.errors import Overloaded
from docugen_core.ports import JobQueue

BATCH_MAX = 256
WINDOW_MS = 10.0
WAITING_MAX = 8_192
WAITING_BYTES_MAX = 64 << 20

T = TypeVar("T")


class BatchPlan(Generic[T]):
    """Which items go together, and when. Times in milliseconds, from any clock that does not step back."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, T]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether a whole batch waits: it goes at once."""
        return len(self._waiting) >= BATCH_MAX

    def add(self, item: T, now_ms: float) -> None:
        self._waiting.append((now_ms, item))

    def wait_ms(self, now_ms: float, coming: int) -> float | None:
        """How long until the next batch goes: 0 for now, None while nothing waits. At most WINDOW_MS.

        coming: how many are on their way to it.
        """
        if not self._waiting:
            return None
        if self.is_full or not coming:
            return 0.0
        since, _ = self._waiting[0]
        return max(0.0, since + WINDOW_MS - now_ms)

    def take(self) -> list[T]:
        """The next batch, in order of arrival, BATCH_MAX items at most."""
        return [self._waiting.popleft()[1] for _ in range(min(len(self._waiting), BATCH_MAX))]


@dataclass(slots=True, eq=False)
class _Waiting:
    """A job and who waits for its answer."""

    job: NewJob
    answer: asyncio.Future[Acceptance] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class SubmitBatcher:
    """Sends jobs to `queue` in batches. Use it on one event loop; it has a task only while jobs wait.

    admit: asked before each batch; what it raises is the answer to the whole batch, which then is not sent. So those who wait
    behind a batch that nobody answers need not wait for a time-out of their own. clock: milliseconds, for tests; by
    default the event loop's own.
    """

    def __init__(
        self,
        queue: JobQueue,
        *,
        admit: Callable[[], None] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._queue = queue
        self._admit = admit or _always
        self._clock = clock or _loop_ms
        self._plan: BatchPlan[_Waiting] = BatchPlan()
        self._bytes = 0
        self._coming = 0
        self._complete = asyncio.Event()
        """A whole batch waits, or nobody is coming any more."""
        self._sending: asyncio.Task[None] | None = None

    @contextmanager
    def coming(self) -> Iterator[None]:
        """For what has to be done before a job is ready for `submit`: those that wait already wait for it, a little."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1
            if not self._coming:
                self._complete.set()

    async def submit(self, job: NewJob) -> Acceptance:
        """The queue's answer to `job`. Raises what `JobQueue.submit` raises, the same to everybody in a failed batch, and
        Overloaded (QUEUE_FULL) when too many wait already.

        Cancelling it gives up the answer alone: the job goes in if it is on its way, and not if it still waits.
        """
        if len(self._plan) >= WAITING_MAX or self._bytes + len(job.payload) > WAITING_BYTES_MAX:
            raise Overloaded(
                f"{len(self._plan)} submits wait for the queue already",
                code="QUEUE_FULL",
                hint="Come back after the delay in RetryInfo.",
                retry_after_ms=1_000,
            )
        waiting = _Waiting(job)
        self._bytes += len(job.payload)
        self._plan.add(waiting, self._clock())
        if self._plan.is_full:
            self._complete.set()
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all(), name="submit batcher")
        return await waiting.answer

    async def drain(self) -> None:
        """Return when nothing waits."""
        while self._sending is not None:
            await asyncio.wait([self._sending])

    async def _send_all(self) -> None:
        try:
            while (wait_ms := self._plan.wait_ms(self._clock(), self._coming)) is not None:
                self._complete.clear()
                if wait_ms > 0:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(wait_ms / 1_000):  # not wait_for: 3.11's may swallow a cancellation
                            await self._complete.wait()
                    continue
                taken = self._plan.take()
                self._bytes -= sum(len(w.job.payload) for w in taken)
                await self._send([w for w in taken if not w.answer.done()])
        finally:
            self._sending = None

    async def _send(self, batch: list[_Waiting]) -> None:
        """One call for `batch`. Its failure is the answer to everybody in it, and to nobody else."""
        if not batch:
            return
        try:
            self._admit()
            answers = await self._queue.submit([w.job for w in batch])
        except Exception as error:  # noqa: BLE001 - raised again, to every one who waits
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
            return
        for waiting, acceptance in zip(batch, answers, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(acceptance)


def _always() -> None:
    """Every batch may go."""


def _loop_ms() -> float:
    return asyncio.get_running_loop().time() * 1_000
