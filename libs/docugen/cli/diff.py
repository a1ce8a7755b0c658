"""`docugen diff`: why two runs differ, and where it shows."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from docugen_core import environment
from docugen_core.assembly import assemble_intake
from docugen_core.comparison import ArtefactChange, Change, RunComparison, Verdict, compare_runs
from docugen_core.domain.manifest import ArtefactEntry

from docugen.cli.failures import DID_NOT_WORK, WRONG_INPUT, CommandFailed, wrong_input
from docugen.cli.options import json_option, server_option
from docugen.cli.output import emit
from docugen.cli.proof_views import diff_view
from docugen.cli.run_sources import FoundRun, found_run, problem_of_any

DIFFER = DID_NOT_WORK
CONTENT_ARTEFACTS_MAX = 100
"""Changed artefacts that are looked into."""


@click.command()
@click.argument("before", metavar="RUN")
@click.argument("now", metavar="RUN")
@click.option("--local", "here", is_flag=True, help="Use the store of DOCUGEN_STORE_URL.")
@click.option(
    "--pages", metavar="DIR", default=None, help="Write a picture of every changed PDF page into this folder."
)
@server_option
@json_option
def diff(before: str, now: str, here: bool, pages: str | None, server: str | None, as_json: bool) -> int:
    """Say which inputs differ between two finished runs, and which artefacts, pages, lines and cells.

    RUN is a run id, or the path of a manifest.json with its artefacts beside it; a file there with other bytes than the
    manifest says is trouble. Template files are compared where both contents are installed here. Exit code as diff(1): 0 the
    artefacts are equal, 1 they differ, 2 trouble.

    \b
    --json: {before, now, verdict: identical | inputs_changed | determinism_violation,
             changed_inputs: [{input, before, now}],
             artefacts: [{name, change: equal | changed | omitted | only_before | only_now,
                          before_sha256, now_sha256,
                          content: {kind: pages | lines | cells, count, shown: [...]} | null,
                          pictures: [...]}]}
    """
    if here and server:
        raise click.UsageError("--local and --server exclude each other")
    if pages and Path(pages).exists() and not Path(pages).is_dir():
        raise wrong_input(f"{pages}: is no folder", reason="FILE_NOT_USABLE", hint="Name another one with --pages.")
    try:
        document = asyncio.run(_compared(before, now, here, server, Path(pages) if pages else None))
    except Exception as error:
        # 1 means "they differ" here, so whatever went wrong is a 2.
        raise CommandFailed(replace(problem_of_any(error), exit_code=WRONG_INPUT)) from error
    emit(document, diff_view, as_json=as_json)
    return 0 if document["verdict"] == Verdict.IDENTICAL.value else DIFFER


async def _compared(before: str, now: str, here: bool, server: str | None, pages: Path | None) -> dict[str, Any]:
    ours = await found_run(before, here=here, server=server)
    theirs = await found_run(now, here=here, server=server)
    await ours.refuse_changed_files()
    await theirs.refuse_changed_files()
    catalogue = assemble_intake(environment.load()).catalogue
    compared = compare_runs(ours.evidence, theirs.evidence, catalogue)
    looks = await _looked_into(compared, ours, theirs, pages)
    return {
        "before": ours.name,
        "now": theirs.name,
        "verdict": compared.verdict.value,
        "changed_inputs": [{"input": c.input, "before": c.before, "now": c.now} for c in compared.changed_inputs],
        "artefacts": [_artefact(a) | looks.get(a.name, {"content": None, "pictures": []}) for a in compared.artefacts],
    }


def _artefact(artefact: ArtefactChange) -> dict[str, Any]:
    return {
        "name": artefact.name,
        "change": artefact.change.value,
        "before_sha256": artefact.before.sha256 if artefact.before else "",
        "now_sha256": artefact.now.sha256 if artefact.now else "",
    }


async def _looked_into(
    compared: RunComparison, before: FoundRun, now: FoundRun, pages: Path | None
) -> dict[str, dict[str, Any]]:
    """What changed inside each artefact that both runs have."""
    changed = [a for a in compared.artefacts if a.change is Change.CHANGED][:CONTENT_ARTEFACTS_MAX]
    if not changed:
        return {}
    ours = await before.contents({a.name: a.before for a in changed if a.before})
    theirs = await now.contents({a.name: a.now for a in changed if a.now})
    return {
        a.name: await asyncio.to_thread(_look, a.name, a.now, ours[a.name], theirs[a.name], pages)
        for a in changed
        if a.now is not None
    }


def _look(
    name: str, entry: ArtefactEntry, before: bytes | None, now: bytes | None, pages: Path | None
) -> dict[str, Any]:
    from docugen.cli.contents import content_change
    from docugen.cli.page_pictures import changed_pages, write_pictures

    if before is None or now is None:
        return {"content": None, "pictures": []}
    pictures: list[str] = []
    if pages is not None and entry.format.value == "pdf":
        written = write_pictures(name, before, now, changed_pages(before, now), pages)
        pictures = [str(path) for path in written]
    return {"content": content_change(entry.format.value, before, now), "pictures": pictures}
