"""Tells the queue how jobs ended; all that end while a call is under way go together with the next, and those of quick jobs
with what the others in hand will have to tell in a moment (`JobsInHand.none_waits`).

An end is told again while Redis does not answer: each step is fenced, so telling it too late changes nothing, and telling it
twice answers the same. A bound ends that: then the lease lapses, and the next worker finds what was published.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

import structlog
from docugen_core.domain.lease import Lease, Outcome, Settled, Settlement
from docugen_core.errors import ConfigurationError, DocugenError, Unavailable
from docugen_core.ports import JobSource

from docugen_worker.backoff import Backoff

PATIENCE_S_MIN = 60.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HandBack:
    """Not an end: the job goes back unspent, to be taken again after delay_ms."""

    delay_ms: int = 0


Ending = Outcome | HandBack


class Answer(Enum):
    """What became of an ending. STALE: the lease was lost, nothing changed. GIVEN_UP: Redis did not answer in time."""

    DONE = "done"
    PARKED = "parked"
    BURIED = "buried"
    CANCELLED = "cancelled"
    HANDED_BACK = "handed_back"
    STALE = "stale"
    GIVEN_UP = "given_up"


@dataclass(eq=False, slots=True)
class _Waiting:
    lease: Lease
    ending: Ending
    until_s: float
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def tell(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


class Settler:
    """See the module. One call is under way at a time; what ends meanwhile goes with the next. hold: awaited before each."""

    def __init__(
        self, source: JobSource, consumer: str, lease_ms: int, hold: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._source = source
        self._hold = hold
        self._patience_s = max(2 * lease_ms / 1_000, PATIENCE_S_MIN)
        self._backoff = Backoff(consumer, "settle")
        self._waiting: list[_Waiting] = []
        self._some = asyncio.Event()

    async def settle(self, lease: Lease, ending: Ending) -> Answer:
        """Tell how a job ended; returns once the queue answered, or could not be reached for a minute or two leases."""
        until_s = asyncio.get_running_loop().time() + self._patience_s
        waiting = _Waiting(lease, ending, until_s)
        self._waiting.append(waiting)
        self._some.set()
        return await waiting.answer

    async def run(self) -> None:
        """Settle until cancelled. Raises ConfigurationError when Redis refuses this worker."""
        while True:
            await self._some.wait()
            await asyncio.sleep(0)  # for those that end in the same turn of the loop
            if self._hold is not None:
                await self._hold()
            self._some.clear()
            batch, self._waiting = self._waiting, []
            await self._send(batch)
            left = [w for w in batch if not w.answer.done()]
            if left:
                await self._again_later(left)

    async def _send(self, batch: Sequence[_Waiting]) -> None:
        """Tell all; whoever got no answer is still waiting afterwards."""
        try:
            await self._send_settlements(batch)
            await self._send_hand_backs(batch)
            self._backoff.reset()
        except Unavailable as error:
            if not self._backoff.failures:
                log.warning("settlements_unanswered", count=len(batch), error=error.message)
        except ConfigurationError:
            raise
        except DocugenError as error:  # a defect of ours; the leases lapse, and other jobs go on
            log.error("settlements_refused", count=len(batch), code=error.reason, error=error.message)
            for waiting in batch:
                waiting.tell(Answer.GIVEN_UP)

    async def _send_settlements(self, batch: Sequence[_Waiting]) -> None:
        settled = [(w, Settlement(w.lease, w.ending)) for w in batch if not isinstance(w.ending, HandBack)]
        if settled:
            answers = await self._source.settle([settlement for _, settlement in settled])
            for (waiting, _), answer in zip(settled, answers, strict=True):
                waiting.tell(_ANSWERS[answer])

    async def _send_hand_backs(self, batch: Sequence[_Waiting]) -> None:
        by_delay: dict[int, list[_Waiting]] = defaultdict(list)
        for waiting in batch:
            if isinstance(waiting.ending, HandBack):
                by_delay[waiting.ending.delay_ms].append(waiting)
        for delay_ms, group in by_delay.items():
            answers = await self._source.release([w.lease for w in group], delay_ms)
            for waiting, released in zip(group, answers, strict=True):
                waiting.tell(Answer.HANDED_BACK if released else Answer.STALE)

    async def _again_later(self, left: Sequence[_Waiting]) -> None:
        now_s = asyncio.get_running_loop().time()
        for waiting in left:
            if waiting.until_s < now_s:
                waiting.tell(Answer.GIVEN_UP)
            else:
                self._waiting.append(waiting)
        await asyncio.sleep(self._backoff.next_s())
        self._some.set()


_ANSWERS = {
    Settled.DONE: Answer.DONE,
    Settled.PARKED: Answer.PARKED,
    Settled.BURIED: Answer.BURIED,
    Settled.CANCELLED: Answer.CANCELLED,
    Settled.STALE: Answer.STALE,
}
