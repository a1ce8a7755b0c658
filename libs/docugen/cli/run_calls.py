"""What several commands do with a run on a server: follow it to its end, fetch its files, say why it failed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from docugen.cli.failures import CommandFailed, Problem, run_problem
from docugen.cli.folder import folder_document
from docugen.cli.progress import progress
from docugen.client import BundleRun, DocugenClient, to_json


async def follow(client: DocugenClient, run: BundleRun, *, quiet: bool) -> BundleRun:
    """Show `run` on stderr until it has ended. Raises CommandFailed unless it succeeded."""
    latest = run
    with progress(quiet=quiet) as show:
        async for snapshot in client.watch(run):
            latest = replace(snapshot, deduplicated=run.deduplicated)
            show(latest)
    return succeeded(latest)


async def fetch(client: DocugenClient, run: BundleRun | str, folder: Path) -> dict[str, Any]:
    """Download `run` into `folder`; returns the document of `docugen render --json`."""
    download = await client.download(run, folder)
    run_id = run.id if isinstance(run, BundleRun) else run
    return folder_document(run_id, download.manifest.json_bytes, folder, set(download.written))


def succeeded(run: BundleRun) -> BundleRun:
    """`run`, if it succeeded. Raises CommandFailed with its error otherwise."""
    if run.succeeded:
        return run
    if run.error is None:
        raise CommandFailed(Problem(f"run {run.id} ended {run.state.value}", "RUN_" + run.state.name))
    raise CommandFailed(run_problem(to_json(run.error)))
