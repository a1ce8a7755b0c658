"""streaq as its documentation has it: concurrency and prefetch of the worker, results kept for five minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness import Submitter, Work, answer, begin, main
from streaq import TaskStatus, Worker


class Submitting(Submitter):
    def __init__(self, worker: Any, job: Any) -> None:
        self._worker, self._job = worker, job

    async def one(self, payload: str) -> str:
        task = await self._job.enqueue(payload)
        return str(task.id)

    async def bulk(self, payloads: Sequence[str]) -> None:
        await self._worker.enqueue_many([self._job.enqueue(payload) for payload in payloads])

    async def result(self, name: str) -> str | None:
        if await self._worker.status_by_id(name) is not TaskStatus.DONE:
            return None
        found = await self._worker.result_by_id(name)
        return str(found.result)


def _worker(url: str, doing: Work | None) -> tuple[Any, Any]:
    more = {} if doing is None else {"concurrency": doing.slots, "idle_timeout": doing.lease_ms / 1_000}
    worker = Worker(redis_url=url, handle_signals=False, **more)

    @worker.task(silent=True, max_tries=5, name="job")
    async def job(payload: str) -> str:
        assert doing is not None
        return await doing(payload)

    return worker, job


async def submit(url: str) -> None:
    worker, job = _worker(url, None)
    async with worker:
        await answer(Submitting(worker, job))


async def work(url: str, doing: Work) -> None:
    worker, _ = _worker(url, doing)
    begin()
    await worker.run_async()


if __name__ == "__main__":
    main(submit, work)
