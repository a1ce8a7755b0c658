"""`docugen store ...`: the store itself, for its operator. It is opened here, by a scheduler's settings; no server is asked."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import click
from docugen_core.adapters.store_opening import store_of
from docugen_core.adapters.system_clock import SystemClock
from docugen_core.config import Settings
from docugen_core.ports import StoredKind
from docugen_core.retention import Swept, least_age_ms, sweep_store

from docugen.cli import local
from docugen.cli.options import json_option
from docugen.cli.output import emit, size_text, table
from docugen.cli.times import Duration

RECORDS_A_PAGE = 500


@click.group()
def store() -> None:
    """Look after the store of DOCUGEN_STORE_URL."""


@store.command()
@click.option(
    "--older-than",
    type=Duration(),
    metavar="TIME",
    default="7d",
    show_default=True,
    help="Leave what was written or used since; e.g. 36h, 30d.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@json_option
def gc(older_than: dt.timedelta, dry_run: bool, as_json: bool) -> None:
    """Remove what nothing refers to: bytes of deleted runs, notes of the document cache that nobody used, leftovers.

    Finished runs keep all they have, however old. Runs and sweeps may go on at the same time. With DOCUGEN_QUEUE_ENABLED=true
    Redis is asked which specs its records need, so use the settings of the scheduler.

    \b
    --json: {dry_run, removed: {claims, documents, blobs, specs, signatures: {count, size}}}
    """
    settings = local.settings()
    local.quiet(settings)
    older_than_ms = int(older_than.total_seconds() * 1_000)
    least_ms = least_age_ms(settings.attempt_timeout_ms)
    if older_than_ms < least_ms:
        hours = -(-least_ms // 3_600_000)
        raise click.BadParameter(
            f"must be {hours}h or more: an attempt under way may need what is younger", param_hint="--older-than"
        )
    swept = asyncio.run(_sweep(settings, older_than_ms, dry_run=dry_run))
    removed = {kind.value: {"count": found.count, "size": found.size} for kind, found in swept.items()}
    emit({"dry_run": dry_run, "removed": removed}, _view, as_json=as_json)


async def _sweep(settings: Settings, older_than_ms: int, *, dry_run: bool) -> dict[StoredKind, Swept]:
    now_ms = SystemClock().now_ms()
    return await sweep_store(
        store_of(settings),
        now_ms=now_ms,
        older_than_ms=older_than_ms,
        held_specs=_held_specs(settings),
        dry_run=dry_run,
    )


async def _held_specs(settings: Settings) -> AsyncIterator[str]:
    """Digests of the specs that records of the queue name: a large one waits in the store for its worker."""
    if not settings.queue_enabled:
        return
    from docugen_core.adapters.queue_rules import QueueRules
    from docugen_core.adapters.redis_connection import RedisConnection
    from docugen_core.adapters.redis_queue import RedisQueue

    async with RedisConnection.of(settings) as connection:
        queue = RedisQueue(connection, settings.queue_name, QueueRules.of(settings))
        before, first = "", True
        while before or first:
            page = await queue.runs(before=before, limit=RECORDS_A_PAGE)
            for record in page.records:
                yield record.spec_digest
            before, first = page.next_before, False


def _view(document: dict[str, Any]) -> str:
    rows = [(kind, found["count"], size_text(found["size"])) for kind, found in document["removed"].items()]
    what = "would go" if document["dry_run"] else "gone"
    return table((what.upper(), "COUNT", "SIZE"), rows, numbers=(1, 2))
