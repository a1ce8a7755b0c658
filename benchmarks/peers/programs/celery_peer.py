"""Celery's prefork pool on Redis, acknowledged late, results kept in Redis. One pool process for each worker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from celery import Celery
from harness import Submitter, Work, answer, begin

RESULT_S = 600


class Submitting(Submitter):
    """Its calls block, and nothing else runs here meanwhile."""

    def __init__(self, app: Any, job: Any) -> None:
        self._app, self._job = app, job

    async def one(self, payload: str) -> str:
        return str(self._job.delay(payload).id)

    async def bulk(self, payloads: Sequence[str]) -> None:
        """It has no call for many jobs but groups, which send them one by one over one connection, as this does."""
        with self._app.producer_pool.acquire(block=True) as producer:
            for payload in payloads:
                self._job.apply_async((payload,), producer=producer)

    async def result(self, name: str) -> str | None:
        found = self._app.AsyncResult(name)
        return str(found.result) if found.ready() else None


def application(url: str, doing: Work | None) -> tuple[Any, Any]:
    app = Celery("bench", broker=url, backend=url)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        result_expires=RESULT_S,
        worker_redirect_stdouts=False,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=64 if doing is None or doing.mode == "noop" else 1,
        broker_connection_retry_on_startup=False,
    )
    if doing is not None:
        app.conf.broker_transport_options = {"visibility_timeout": doing.lease_ms / 1_000}

    @app.task(name="job")
    def job(payload: str) -> str:
        assert doing is not None
        return doing.blocking(payload)

    return app, job


if __name__ == "__main__":
    role, url, *words = sys.argv[1:]
    if role == "submit":
        asyncio.run(answer(Submitting(*application(url, None))))
    else:
        app, _ = application(url, Work.of(words))
        begin()
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR"]
        app.worker_main(
            ["worker", "--pool", "prefork", "--concurrency", "1", "--hostname", f"{words[-1]}@bench", *quiet]
        )
