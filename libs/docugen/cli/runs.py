"""`docugen runs ...`: what happened on a server, and what to do about it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click

from docugen.cli.options import json_option, quiet_option, server_option
from docugen.cli.output import emit
from docugen.cli.remote import ask
from docugen.cli.run_calls import fetch, follow, succeeded
from docugen.cli.views import bundle_view, run_table, run_view
from docugen.client import BundleRun, DocugenClient, to_json

run_argument = click.argument("run", metavar="RUN")


@click.group()
def runs() -> None:
    """Look at a server's runs, fetch, cancel, retry, delete them.

    \b
    RUN in JSON: {id, state, spec_digest, seed, revision, attempt, max_attempts, create_time, start_time,
                  finish_time, next_attempt_time, worker, labels, documents: [{name, state, pages, size}],
                  error: {reason, message, hint, retryable, document, location, violations, details} | null,
                  manifest_digest, deduplicated}
    Times are RFC 3339 UTC, or null.
    """


@runs.command("ls")
@click.option(
    "--filter", "filter_", default="", metavar="TEXT", help="E.g. 'state = FAILED AND labels.team = \"billing\"'."
)
@click.option("--limit", default=50, type=click.IntRange(1, 100_000), show_default=True, help="Most runs to list.")
@server_option
@json_option
def list_runs(filter_: str, limit: int, server: str | None, as_json: bool) -> None:
    """List runs, newest first.

    Filters are comparisons joined by AND on state, create_time, labels.KEY and template.

    \b
    --json: {bundle_runs: [RUN]}
    """

    async def question(client: DocugenClient) -> list[BundleRun]:
        found: list[BundleRun] = []
        async for run in client.list(filter_, page_size=min(limit, 1_000)):
            found.append(run)
            if len(found) == limit:
                break
        return found

    emit({"bundle_runs": to_json(ask(server, question))}, run_table, as_json=as_json)


@runs.command()
@run_argument
@server_option
@json_option
def show(run: str, server: str | None, as_json: bool) -> None:
    """Show the present state of RUN.

    \b
    --json: {bundle_run: RUN}
    """
    _emit_run(ask(server, lambda client: client.get(run)), as_json=as_json)


@runs.command()
@run_argument
@click.option("--out", metavar="DIR", default=None, help="Folder for the files.  [default: out/<RUN>]")
@server_option
@json_option
def get(run: str, out: str | None, server: str | None, as_json: bool) -> None:
    """Fetch the files of a finished RUN, each verified by its SHA-256.

    An interrupted fetch goes on where it ended; files already there are left alone.

    \b
    --json: as `docugen render --json`
    """
    folder = Path(out) if out else Path("out") / run
    emit(ask(server, lambda client: fetch(client, run, folder)), bundle_view, as_json=as_json)


@runs.command()
@run_argument
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", default=None, help="Wait no longer than this."
)
@server_option
@quiet_option
@json_option
def wait(run: str, timeout: float | None, server: str | None, quiet: bool, as_json: bool) -> None:
    """Wait until RUN has ended; exit code 1 unless it succeeded.

    \b
    --json: {bundle_run: RUN}
    """

    async def question(client: DocugenClient) -> BundleRun:
        if timeout is not None:
            return succeeded(await client.wait(run, timeout))
        return await follow(client, await client.get(run), quiet=quiet)

    _emit_run(ask(server, question), as_json=as_json)


@runs.command()
@run_argument
@click.option("--reason", default="", help="Why, for the record.")
@server_option
@json_option
def cancel(run: str, reason: str, server: str | None, as_json: bool) -> None:
    """Stop an unfinished RUN; nothing of it is published.

    \b
    --json: {bundle_run: RUN}
    """
    _emit_run(ask(server, lambda client: client.cancel(run, reason)), as_json=as_json)


@runs.command()
@run_argument
@server_option
@json_option
def retry(run: str, server: str | None, as_json: bool) -> None:
    """Start a failed or cancelled RUN again, with the same id, bundle and seed.

    \b
    --json: {bundle_run: RUN}
    """
    _emit_run(ask(server, lambda client: client.retry(run)), as_json=as_json)


@runs.command()
@click.argument("wanted", metavar="RUN...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@server_option
@json_option
def delete(wanted: tuple[str, ...], yes: bool, server: str | None, as_json: bool) -> None:
    """Forget runs that have ended, with their files and manifests. Asks before, unless --yes is given.

    Their ids are free then. A run that is gone is no error. Bytes that nothing else refers to go at the next
    `docugen store gc`.

    \b
    --json: {deleted: [id]}
    """
    if not yes:
        click.confirm(f"Delete {', '.join(wanted)}? This cannot be undone.", abort=True, err=True)

    async def question(client: DocugenClient) -> None:
        for run in wanted:
            await client.delete(run)

    ask(server, question)
    emit({"deleted": list(wanted)}, lambda document: "\n".join(document["deleted"]), as_json=as_json)


@runs.command()
@run_argument
@click.argument("name", metavar="ARTEFACT")
@click.option(
    "--lifetime",
    type=click.IntRange(1, 7 * 86_400),
    metavar="SECONDS",
    default=900,
    show_default=True,
    help="How long the URL works.",
)
@server_option
@json_option
def url(run: str, name: str, lifetime: int, server: str | None, as_json: bool) -> None:
    """Print a URL that leads to one artefact of RUN without the server; for servers that keep them in a bucket.

    \b
    --json: {url, expire_time}
    """
    signed = ask(server, lambda client: client.artefact_url(run, name, dt.timedelta(seconds=lifetime)))
    emit(to_json(signed), lambda document: str(document["url"]), as_json=as_json)


def _emit_run(run: BundleRun, *, as_json: bool) -> None:
    document: dict[str, Any] = {"bundle_run": to_json(run)}
    emit(document, run_view, as_json=as_json)
