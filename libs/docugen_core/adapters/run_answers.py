"""What every executor answers alike: a run of which only the manifest is left, and refusals in the same words."""

from __future__ import annotations

from docugen_core.domain.identity import content_digest
from docugen_core.domain.manifest import ArtefactStatus, Manifest
from docugen_core.domain.run import BundleRun, DocumentProgress, DocumentState, RunState
from docugen_core.errors import BundleRunExists, NotFound, NotPossibleNow, Overloaded

_DOCUMENT_STATES = {
    ArtefactStatus.RENDERED: DocumentState.RENDERED,
    ArtefactStatus.OMITTED: DocumentState.OMITTED,
}


def finished_run(run_id: str, manifest: Manifest) -> BundleRun:
    """The record of a finished run of which only the manifest is left. Times and attempts are unknown: 0."""
    return BundleRun(
        run_id=run_id,
        tenant="",
        spec_digest=manifest.spec_digest,
        seed=manifest.seed,
        state=RunState.SUCCEEDED,
        revision=1,
        create_time_ms=0,
        max_attempts=0,
        documents=finished_documents(manifest),
        manifest_digest=content_digest(manifest.to_bytes()),
    )


def finished_documents(manifest: Manifest) -> tuple[DocumentProgress, ...]:
    """How far the documents of a finished run are, as its manifest says."""
    return tuple(DocumentProgress(a.name, _DOCUMENT_STATES[a.status], a.pages, a.size) for a in manifest.artefacts)


def refuse_other_spec(known: BundleRun, spec_digest: str) -> None:
    """Raises BundleRunExists unless `known` is the run of this spec."""
    if known.spec_digest != spec_digest:
        raise BundleRunExists(known.run_id, submitted_digest=spec_digest, existing_digest=known.spec_digest)


def no_such_run(run_id: str) -> NotFound:
    return NotFound(
        f"no bundle run {run_id!r}",
        code="BUNDLE_RUN_NOT_FOUND",
        hint="`docugen runs ls` lists the runs of this server.",
        details={"bundle_run_id": run_id},
    )


def not_cancellable(run: BundleRun) -> NotPossibleNow:
    return NotPossibleNow(
        f"run {run.run_id!r} has ended: {run.state.value}",
        code="NOT_CANCELLABLE",
        hint="Only a run that has not ended can be cancelled.",
        details={"bundle_run_id": run.run_id, "state": run.state.value},
    )


def not_retryable(run: BundleRun, hint: str = "Only a failed or cancelled run can be started again.") -> NotPossibleNow:
    return NotPossibleNow(
        f"run {run.run_id!r} is in state {run.state.value}",
        code="NOT_RETRYABLE",
        hint=hint,
        details={"bundle_run_id": run.run_id, "state": run.state.value},
    )


def shutting_down() -> Overloaded:
    return Overloaded("this server is shutting down", code="SHUTTING_DOWN", retry_after_ms=1_000)
