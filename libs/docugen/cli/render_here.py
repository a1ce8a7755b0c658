"""What `docugen render` does once its fork server is on its way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from docugen_core.adapters.render_launch import LaunchedServer
from docugen_core.assembly import assemble
from docugen_core.config import Settings
from docugen_core.domain.run import RunState
from docugen_core.errors import Unavailable
from docugen_core.ports import GenerationJob
from docugen_core.submission import Intake, SubmitRequest, prepare_generation_job, submit_generation_job

from docugen.cli import local
from docugen.cli.bundle_files import read_bundle
from docugen.cli.failures import CommandFailed, Problem, wrong_input
from docugen.cli.folder import put_into_folder
from docugen.cli.output import emit
from docugen.cli.progress import Show, progress
from docugen.cli.views import bundle_view


def render_file(
    settings: Settings,
    launched: LaunchedServer,
    bundle: str,
    out: str | None,
    seed: str | None,
    document_date: str | None,
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    """The command, with its options as they were given."""
    file = read_bundle(bundle, settings, seed=seed, document_date=document_date)
    folder = Path(out) if out else Path("out") / file.stem
    if folder.exists() and not folder.is_dir():
        raise wrong_input(f"{folder}: is no folder", reason="FILE_NOT_USABLE", hint="Name another one with --out.")
    request = SubmitRequest(file.bundle)
    # Checked before anything is written, so that a wrong bundle is refused at once.
    intake = local.intake(settings)
    job = prepare_generation_job(request, intake)
    with local.private_store(settings, beside=folder.parent) as own, progress(quiet=quiet) as show:
        document = asyncio.run(_render(request, job, intake, folder, own, launched, show))
    emit(document, bundle_view, as_json=as_json)


async def _render(
    request: SubmitRequest,
    job: GenerationJob,
    intake: Intake,
    folder: Path,
    own: Settings,
    launched: LaunchedServer,
    show: Show,
) -> dict[str, Any]:
    async with assemble(own, intake=intake, launched=launched) as core:
        run = (await submit_generation_job(request, intake=core.intake, executor=core.executor)).run
        async for snapshot in core.executor.watch(job.run_id):
            run = snapshot
            show(run)
        if run.state is not RunState.SUCCEEDED:
            failed = run.failure and local.failed_run(run.failure, job.bundle, core.intake, beside=folder.parent)
            raise CommandFailed(failed or Problem(f"the run ended {run.state.value}", "RUN_ENDED"))
        manifest = await core.store.read_manifest(run.run_id)
        if manifest is None:
            raise Unavailable("the manifest is gone from the temporary store", hint="Was the folder removed meanwhile?")
        return await put_into_folder(run.run_id, manifest, core.store, folder)
