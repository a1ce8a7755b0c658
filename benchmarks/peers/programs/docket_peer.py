"""docket as its documentation has it: concurrency of the worker, state and result of each execution kept for 15 minutes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from docket import Docket, Worker
from docket.execution import ExecutionState
from harness import Submitter, Work, answer, begin, main

NAME = "bench"
CHECK_MS = 5
"""How often a worker looks whose slots are all taken; 250 by default, with which it does some hundred no-op jobs a second."""


class Submitting(Submitter):
    def __init__(self, docket: Any) -> None:
        self._docket = docket

    async def one(self, payload: str) -> str:
        execution = await self._docket.add("job")(payload)
        return str(execution.key)

    async def bulk(self, payloads: Sequence[str]) -> None:
        await self._docket.add_many([self._docket.call("job")(payload) for payload in payloads])

    async def result(self, name: str) -> str | None:
        execution = await self._docket.get_execution(name)
        if execution is None or execution.state is not ExecutionState.COMPLETED:
            return None
        return str(await execution.get_result(timeout=timedelta(seconds=1)))


async def submit(url: str) -> None:
    async def job(payload: str) -> str:
        raise AssertionError(payload)

    async with Docket(name=NAME, url=url) as docket:
        docket.register(job)
        await answer(Submitting(docket))


async def work(url: str, doing: Work) -> None:
    async def job(payload: str) -> str:
        return await doing(payload)

    lease, check = timedelta(milliseconds=doing.lease_ms), timedelta(milliseconds=CHECK_MS)
    async with Docket(name=NAME, url=url) as docket:
        docket.register(job)
        async with Worker(
            docket, concurrency=doing.slots, redelivery_timeout=lease, minimum_check_interval=check
        ) as worker:
            begin()
            await worker.run_forever()


if __name__ == "__main__":
    main(submit, work)
