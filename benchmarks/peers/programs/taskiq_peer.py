"""taskiq with taskiq-redis's RedisStreamBroker, the one of its brokers that acknowledges, and its Redis result backend."""

from __future__ import annotations

from typing import Any

from harness import Submitter, Work, answer, begin, main
from taskiq.api import run_receiver_task
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

RESULT_S = 600


class Submitting(Submitter):
    def __init__(self, broker: Any, job: Any) -> None:
        self._broker, self._job = broker, job

    async def one(self, payload: str) -> str:
        task = await self._job.kiq(payload)
        return str(task.task_id)

    async def result(self, name: str) -> str | None:
        if not await self._broker.result_backend.is_result_ready(name):
            return None
        found = await self._broker.result_backend.get_result(name)
        return str(found.return_value)


def _broker(url: str, doing: Work | None) -> tuple[Any, Any]:
    lease_ms = 600_000 if doing is None else doing.lease_ms
    broker = RedisStreamBroker(url, consumer_id="0", idle_timeout=lease_ms)
    broker = broker.with_result_backend(RedisAsyncResultBackend(url, result_ex_time=RESULT_S))

    @broker.task(task_name="job")
    async def job(payload: str) -> str:
        assert doing is not None
        return await doing(payload)

    return broker, job


async def submit(url: str) -> None:
    broker, job = _broker(url, None)
    await broker.startup()
    await answer(Submitting(broker, job))


async def work(url: str, doing: Work) -> None:
    broker, _ = _broker(url, doing)
    broker.is_worker_process = True
    await broker.startup()
    begin()
    await run_receiver_task(broker, max_async_tasks=doing.slots, max_prefetch=doing.slots)


if __name__ == "__main__":
    main(submit, work)
