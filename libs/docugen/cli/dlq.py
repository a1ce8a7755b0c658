"""`docugen dlq ...`: runs that failed for good, and what to do about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from docugen.cli import local
from docugen.cli.failures import CommandFailed, Problem
from docugen.cli.options import json_option, server_option
from docugen.cli.output import emit, warn
from docugen.cli.queue_views import drop_view, letter_table, letter_view, redrive_view, repro_view
from docugen.cli.remote import ask
from docugen.client import DeadLetter, DocugenClient, to_json

filter_option = click.option(
    "--filter", "filter_", default="", metavar="TEXT", help="E.g. 'reason = RENDER_TIMEOUT AND template = \"invoice\"'."
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Only say which.")
letter_argument = click.argument("letter", metavar="LETTER")


@click.group()
def dlq() -> None:
    """Look at runs that failed for good, put them back, drop them, reproduce them.

    Filters are comparisons joined by AND on reason, create_time, labels.KEY and template. One run alone is started again by
    `docugen runs retry`.

    \b
    LETTER in JSON: {id, bundle_run, create_time, error: as in RUN, attempts: [{number, worker, start_time,
                     finish_time, error}], redrive_count, engine_fingerprint, spec}
    """


@dlq.command("ls")
@filter_option
@click.option("--limit", default=50, type=click.IntRange(1, 100_000), show_default=True, help="Most letters to list.")
@server_option
@json_option
def list_letters(filter_: str, limit: int, server: str | None, as_json: bool) -> None:
    """List dead letters, oldest first.

    \b
    --json: {dead_letters: [LETTER]}, spec left out (null)
    """

    async def question(client: DocugenClient) -> list[DeadLetter]:
        found: list[DeadLetter] = []
        async for letter in client.queue.dead_letters(filter_, page_size=min(limit, 1_000)):
            found.append(letter)
            if len(found) == limit:
                break
        return found

    emit({"dead_letters": to_json(ask(server, question))}, letter_table, as_json=as_json)


@dlq.command()
@letter_argument
@server_option
@json_option
def show(letter: str, server: str | None, as_json: bool) -> None:
    """Show LETTER with the history of its attempts.

    \b
    --json: {dead_letter: LETTER}; its spec holds the data of the request
    """
    found = ask(server, lambda client: client.queue.dead_letter(letter))
    emit({"dead_letter": to_json(found)}, letter_view, as_json=as_json)


@dlq.command()
@filter_option
@click.option("--limit", default=0, type=click.IntRange(0), help="At most so many.  [default: all that match]")
@click.option(
    "--rate", default=0, type=click.IntRange(0), help="At most so many a second.  [default: as fast as it goes]"
)
@click.option("--force", is_flag=True, help="Also those that were put back as often as the server allows.")
@dry_run_option
@server_option
@json_option
def redrive(filter_: str, limit: int, rate: int, force: bool, dry_run: bool, server: str | None, as_json: bool) -> None:
    """Put dead letters back into the queue, oldest first, with the same ids, bundles and seeds.

    \b
    --json: {dry_run, redriven, refused, bundle_runs}
    """

    async def question(client: DocugenClient) -> dict[str, Any]:
        done = await client.queue.redrive(filter_, limit=limit, rate=rate, dry_run=dry_run, force=force)
        return {"dry_run": dry_run, **to_json(done)}

    emit(ask(server, question), redrive_view, as_json=as_json)


@dlq.command()
@click.option("--filter", "filter_", required=True, metavar="TEXT", help="Which; '*' for all.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run_option
@server_option
@json_option
def drop(filter_: str, yes: bool, dry_run: bool, server: str | None, as_json: bool) -> None:
    """Remove dead letters for good. Asks before, unless --yes or --dry-run is given.

    \b
    --json: {dry_run, dropped, bundle_runs}
    """

    async def question(client: DocugenClient, *, really: bool) -> dict[str, Any]:
        return {"dry_run": not really, **to_json(await client.queue.drop(filter_, dry_run=not really))}

    document = ask(server, lambda client: question(client, really=yes and not dry_run))
    if document["dry_run"] and not dry_run and document["dropped"]:
        warn(drop_view(document))
        click.confirm("Drop them? Their bundles cannot be rendered again from here.", abort=True, err=True)
        document = ask(server, lambda client: question(client, really=True))
    emit(document | {"dry_run": dry_run}, drop_view, as_json=as_json)


@dlq.command()
@letter_argument
@click.option("--out", metavar="FILE", default=None, help="The bundle file to write.  [default: <RUN>.repro.json]")
@server_option
@json_option
def repro(letter: str, out: str | None, server: str | None, as_json: bool) -> None:
    """Write a bundle file that reproduces the failure of LETTER with `docugen render`.

    The bundle has the data and the seed of the request, and its templates pinned to their versions. Where packs, generators or
    the engine are others here than they were there, it says so: then the bundle may end otherwise.

    \b
    --json: {path, bundle_run, spec_digest, error, differences}
    """
    from docugen.cli.repro import write_repro

    found = ask(server, lambda client: client.queue.dead_letter(letter))
    if found.spec is None:
        raise CommandFailed(
            Problem(
                f"dead letter {found.id} has no spec that can be read",
                "SPEC_NOT_FOUND",
                "It is in neither the letter nor the server's store; submit the bundle again.",
            )
        )
    path = Path(out or f"{found.bundle_run}.repro.json")
    document = write_repro(path, found, local.settings())
    emit(document, repro_view, as_json=as_json)
