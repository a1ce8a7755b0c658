"""`docugen queue ...`: a server's queue and its workers."""

from __future__ import annotations

from typing import Any

import click

from docugen.cli.options import json_option, server_option
from docugen.cli.output import emit
from docugen.cli.queue_views import stats_view, worker_table
from docugen.cli.remote import ask
from docugen.client import DocugenClient, to_json


@click.group()
def queue() -> None:
    """Look at a server's queue and its workers, pause, resume, drain.

    Servers without a queue refuse all of this: QUEUE_DISABLED.
    """


@queue.command()
@server_option
@json_option
def stats(server: str | None, as_json: bool) -> None:
    """Show the queue in numbers.

    \b
    --json: {stats: {observe_time, depth, parked, in_flight, dead_letters, oldest_age, workers, slots, paused, entered,
            lanes: [{name, waiting, in_flight, parked}], upcoming: [{bundle_run, due_time, attempt, reason}]}}
    oldest_age is in seconds; entered counts jobs and only grows.
    """
    _emit_stats(ask(server, _stats), as_json=as_json)


@queue.command()
@click.option("--reason", default="", help="Why, for the record.")
@server_option
@json_option
def pause(reason: str, server: str | None, as_json: bool) -> None:
    """Let workers take nothing new. What runs is finished, and submits are accepted.

    \b
    --json: as `docugen queue stats`
    """

    async def question(client: DocugenClient) -> dict[str, Any]:
        await client.queue.pause(reason)
        return await _stats(client)

    _emit_stats(ask(server, question), as_json=as_json)


@queue.command()
@server_option
@json_option
def resume(server: str | None, as_json: bool) -> None:
    """End a pause.

    \b
    --json: as `docugen queue stats`
    """

    async def question(client: DocugenClient) -> dict[str, Any]:
        await client.queue.resume()
        return await _stats(client)

    _emit_stats(ask(server, question), as_json=as_json)


@queue.command()
@server_option
@json_option
def workers(server: str | None, as_json: bool) -> None:
    """List workers that reported lately.

    \b
    --json: {workers: [WORKER]} with WORKER {id, host, process_id, start_time, seen_time, slots, bundle_runs,
            engine_fingerprint, version, draining, jobs: [{bundle_run, attempt, age, documents, documents_ended, document}]}
    """
    emit({"workers": to_json(ask(server, lambda client: client.queue.workers()))}, worker_table, as_json=as_json)


@queue.command()
@click.argument("worker", metavar="WORKER")
@server_option
@json_option
def drain(worker: str, server: str | None, as_json: bool) -> None:
    """Let WORKER finish what it has and take nothing new.

    \b
    --json: {workers: [WORKER]} as `docugen queue workers`
    """
    drained = ask(server, lambda client: client.queue.drain(worker))
    emit({"workers": [to_json(drained)]}, worker_table, as_json=as_json)


async def _stats(client: DocugenClient) -> dict[str, Any]:
    return {"stats": to_json(await client.queue.stats())}


def _emit_stats(document: dict[str, Any], *, as_json: bool) -> None:
    emit(document, stats_view, as_json=as_json)
