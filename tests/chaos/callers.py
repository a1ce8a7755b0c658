"""The callers of a storm: they submit through the scheduler, repeat until they are answered, and hold it to its answers.

What a caller was told is in its `Receipt`; the audit compares that with what became of the run. A caller repeats every call
that was not answered, as the contract says it may.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from chaos.chronicle import Chronicle
from chaos.orders import Kind, Order, bundle, key
from docugen.client import BundleRun, DocugenClient, Refused, RunState, TryAgain
from docugen_core.adapters.system_clock import SystemClock

T = TypeVar("T")

ANSWER_S = 10.0
PATIENCE_S = 240.0
AT_ONCE = 32
BURST = 25


@dataclass(slots=True)
class Receipt:
    """accepted: the submit was answered. unsure: tries that were not answered before that. cancelled: the answer to the cancel
    said that the run is CANCELLED or will be. wrong: answers that must not be."""

    order: Order
    accepted: bool = False
    unsure: int = 0
    cancelled: bool = False
    wrong: str = ""


class Callers:
    """See the module. address: of the scheduler. At most AT_ONCE calls are under way."""

    def __init__(self, address: str, chronicle: Chronicle) -> None:
        self._address = address
        self._chronicle = chronicle
        self.receipts: dict[str, Receipt] = {}

    async def send(self, orders: Sequence[Order], over_s: float) -> None:
        """Submit all, in bursts over that time; returns when every call has been answered."""
        loop, room = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)
        begin_s = loop.time()
        self.receipts = {order.run_id: Receipt(order) for order in orders}
        async with DocugenClient(self._address, timeout=ANSWER_S) as client, asyncio.TaskGroup() as group:
            for number, order in enumerate(orders):
                burst = number - number % BURST
                await asyncio.sleep(begin_s + over_s * burst / len(orders) - loop.time())
                await room.acquire()
                task = group.create_task(self._serve(client, self.receipts[order.run_id]))
                task.add_done_callback(lambda _: room.release())

    async def _serve(self, client: DocugenClient, receipt: Receipt) -> None:
        order = receipt.order
        start_s = SystemClock().now_ms() / 1_000 + order.delay_s
        start = dt.datetime.fromtimestamp(start_s, dt.UTC) if order.delay_s else None

        def submit() -> Awaitable[BundleRun]:
            return client.submit(order.bundle, order.run_id, max_attempts=order.max_attempts, not_before=start)

        answers = [await self._answered(receipt, submit)]
        receipt.accepted = True
        self._chronicle.note(order.run_id, f"accepted ({order.kind.value}), {receipt.unsure} tries unanswered before")
        if order.twice:
            answers += await asyncio.gather(*(self._answered(receipt, submit) for _ in range(3)))
        if {answer.id for answer in answers} != {order.run_id}:
            receipt.wrong = f"answers name the runs {sorted({a.id for a in answers})}"
        if order.clash:
            await self._clash(client, receipt)
        if order.cancel_s is not None:
            await asyncio.sleep(order.cancel_s)
            await self._cancel(client, receipt)

    async def _clash(self, client: DocugenClient, receipt: Receipt) -> None:
        order = receipt.order
        other = bundle(Kind.PLAIN, 9_999)
        assert key(other) != key(order.bundle)
        try:
            await self._answered(receipt, lambda: client.submit(other, order.run_id))
            receipt.wrong = "another bundle was accepted under its id"
        except Refused as refusal:
            if refusal.reason != "BUNDLE_RUN_EXISTS":
                receipt.wrong = f"another bundle under its id was refused with {refusal.reason}"

    async def _cancel(self, client: DocugenClient, receipt: Receipt) -> None:
        run_id = receipt.order.run_id
        try:
            run = await self._answered(receipt, lambda: client.cancel(run_id, "drill"))
        except Refused as refusal:
            if refusal.reason != "NOT_CANCELLABLE":
                receipt.wrong = f"its cancel was refused with {refusal.reason}"
            return
        receipt.cancelled = run.state is RunState.CANCELLED
        self._chronicle.note(run_id, f"cancel answered: {run.state.value}")

    async def _answered(self, receipt: Receipt, call: Callable[[], Awaitable[T]]) -> T:
        """The answer, however often it takes."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + PATIENCE_S
        while True:
            try:
                return await call()
            except TryAgain as failure:
                receipt.unsure += 1
                self._chronicle.note(receipt.order.run_id, f"unanswered: {failure.reason}: {failure.message[:120]}")
                if loop.time() > until_s:
                    raise
                await asyncio.sleep(min(failure.retry_after or 0.1, 1.0))
