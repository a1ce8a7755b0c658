"""`docugen-scheduler`, or `python -m docugen_scheduler`: settings from the environment, one server, until SIGTERM.

Standard output gets one JSON line, `scheduler_started`, with the addresses in fact. Exit codes: adapters.service_process.
"""

from __future__ import annotations

from collections.abc import Sequence

from docugen_core.adapters.service_process import run_service, started
from docugen_core.config import Settings

from docugen_scheduler.app import Served, serve


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the scheduler and exit the process."""
    run_service("docugen-scheduler", "The DocuGen scheduler: renders document bundles, over gRPC.", _serve, arguments)


async def _serve(settings: Settings) -> int:
    return await serve(settings, _announce)


def _announce(served: Served) -> None:
    started(
        "scheduler_started",
        address=served.address,
        mode=served.core.executor.mode.value,
        store=served.core.settings.store_url,
        metrics_address=served.metrics_address,
    )


if __name__ == "__main__":
    main()
