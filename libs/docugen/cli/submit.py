"""`docugen submit`: a bundle to a server, and on request its progress and its files."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import click

from docugen.cli import local
from docugen.cli.bundle_files import read_bundle
from docugen.cli.options import bundle_argument, date_option, json_option, quiet_option, seed_option, server_option
from docugen.cli.output import emit, say
from docugen.cli.times import PointInTime
from docugen.cli.views import bundle_view, run_view


@click.command()
@bundle_argument
@click.option("--run-id", default="", metavar="ID", help="Name the run; otherwise its name derives from the bundle.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Label the run, for lists. Repeatable.")
@click.option(
    "--not-before",
    type=PointInTime(),
    metavar="TIME",
    help="Start no earlier: 2026-11-30T06:00:00Z, or from now: +10m, +2h.",
)
@click.option("--watch", is_flag=True, help="Show progress and wait until the run has ended.")
@click.option("--download", metavar="DIR", default=None, help="Wait, then fetch the files into DIR.")
@click.option(
    "--print-request", is_flag=True, help="Print the request as JSON, for grpcurl or buf curl, and send nothing."
)
@seed_option
@date_option
@server_option
@quiet_option
@json_option
def submit(
    bundle: str,
    run_id: str,
    labels: tuple[str, ...],
    not_before: dt.datetime | None,
    watch: bool,
    download: str | None,
    print_request: bool,
    seed: str | None,
    document_date: str | None,
    server: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Submit BUNDLE (a file, or - for standard input) to a server.

    --print-request prints a CreateBundleRunRequest instead: field names as in the .proto files, `data` and `params` as JSON
    text in `data_json` and `params_json`. Only the shape of the bundle is checked; the rest is up to the server.

    The same bundle is the same run: submitting it again starts nothing and answers with what is known. Exit code 1 when a
    run that was waited for failed.

    \b
    --json: {bundle_run: RUN} and with --download also {download: as `docugen render --json`}
    """
    from docugen.cli.remote import ask
    from docugen.cli.run_calls import fetch, follow
    from docugen.client import DocugenClient, to_json

    settings = local.settings()
    file = read_bundle(bundle, settings, seed=seed, document_date=document_date)
    pairs = dict(_pair(label) for label in labels)

    if print_request:
        from google.protobuf.json_format import MessageToDict

        from docugen.client.run_request import create_request

        request = create_request(file.bundle, run_id, labels=pairs, not_before=not_before)
        say(json.dumps(MessageToDict(request, preserving_proto_field_name=True), ensure_ascii=False, indent=2))
        return

    async def question(client: DocugenClient) -> dict[str, Any]:
        run = await client.submit(file.bundle, run_id, labels=pairs, not_before=not_before)
        if watch or download:
            run = await follow(client, run, quiet=quiet)
        document: dict[str, Any] = {"bundle_run": to_json(run)}
        if download:
            document["download"] = await fetch(client, run, Path(download))
        return document

    emit(ask(server, question), _view, as_json=as_json)


def _pair(label: str) -> tuple[str, str]:
    key, equals, value = label.partition("=")
    if not (key and equals):
        raise click.BadParameter(f"{label!r} is not of the form KEY=VALUE", param_hint="--label")
    return key, value


def _view(document: dict[str, Any]) -> str:
    return bundle_view(document["download"]) if "download" in document else run_view(document)
