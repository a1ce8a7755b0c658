"""What several services ask about a run: its manifest, or why there is none."""

from __future__ import annotations

from docugen_core.assembly import Core
from docugen_core.domain.manifest import Manifest
from docugen_core.errors import NotPossibleNow


async def read_manifest(core: Core, run_id: str) -> tuple[Manifest, bytes]:
    """The manifest of a finished run, parsed and as stored.

    Raises NotFound (BUNDLE_RUN_NOT_FOUND), NotPossibleNow (BUNDLE_RUN_NOT_FINISHED).
    """
    data = await core.store.read_manifest(run_id)
    if data is None:
        run = await core.executor.get(run_id)
        data = await core.store.read_manifest(run_id)  # it may have finished between the two looks
        if data is None:
            raise NotPossibleNow(
                f"run {run_id!r} has no artefacts: it is {run.state.value}",
                code="BUNDLE_RUN_NOT_FINISHED",
                hint="WaitBundleRun answers once it is finished; `error` of the run says why one failed.",
                details={"bundle_run_id": run_id, "state": run.state.name},
            )
    return Manifest.from_bytes(data), data
