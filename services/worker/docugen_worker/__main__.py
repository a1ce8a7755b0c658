"""`docugen-worker`, or `python -m docugen_worker`: settings from the environment, one worker, until SIGTERM.

Standard output gets one JSON line, `worker_started`, once it takes jobs. Exit codes: adapters.service_process.
"""

from __future__ import annotations

from collections.abc import Sequence

from docugen_core.adapters.redis_address import RedisAddress
from docugen_core.adapters.service_process import run_service, started
from docugen_core.config import Settings

from docugen_worker.app import Working, work


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the worker and exit the process."""
    run_service("docugen-worker", "The DocuGen worker: renders what the queue holds.", _work, arguments)


async def _work(settings: Settings) -> int:
    return await work(settings, _announce)


def _announce(working: Working) -> None:
    started(
        "worker_started",
        address=working.address,
        consumer=working.consumer,
        queue=working.settings.queue_name,
        redis=RedisAddress.parse(working.settings.redis_url).public(),
        slots=working.jobs.slots,
        store=working.settings.store_url,
        metrics_address=working.metrics_address,
    )


if __name__ == "__main__":
    main()
