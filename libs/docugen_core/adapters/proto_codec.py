"""Answers: values of the domain as protobuf messages. The other half, what callers send, is `proto_spec_codec`.

The only translation there is; services and commands work with domain values. Enum maps are exhaustive: a test goes over every
member, so a new state cannot be sent as UNSPECIFIED by oversight. Nothing in here imports grpc.
"""

from __future__ import annotations

from docugen.v1 import (
    artefact_service_pb2,
    bundle_pb2,
    bundle_run_pb2,
    bundle_run_service_pb2,
    template_service_pb2,
)
from google.protobuf.timestamp_pb2 import Timestamp

from docugen_core.adapters.proto_spec_codec import encode_policy
from docugen_core.comparison import Verdict
from docugen_core.domain.failure import Failure, SourceLocation
from docugen_core.domain.identity import canonical_json
from docugen_core.domain.manifest import ArtefactEntry, ArtefactStatus, Manifest
from docugen_core.domain.run import BundleRun, DocumentProgress, DocumentState, RunState
from docugen_core.ports import ExecutionMode
from docugen_core.rendering.packs import Template, TemplatePack
from docugen_core.verification import Verification

_Run = bundle_run_pb2.BundleRun
_Progress = bundle_run_pb2.DocumentProgress
_Verify = bundle_run_service_pb2.VerifyBundleRunResponse
_Capabilities = bundle_run_service_pb2.GetCapabilitiesResponse

RUN_STATES: dict[RunState, bundle_run_pb2.BundleRun.State] = {
    RunState.QUEUED: _Run.STATE_QUEUED,
    RunState.RUNNING: _Run.STATE_RUNNING,
    RunState.RETRYING: _Run.STATE_RETRYING,
    RunState.SUCCEEDED: _Run.STATE_SUCCEEDED,
    RunState.FAILED: _Run.STATE_FAILED,
    RunState.CANCELLING: _Run.STATE_CANCELLING,
    RunState.CANCELLED: _Run.STATE_CANCELLED,
}
DOCUMENT_STATES: dict[DocumentState, bundle_run_pb2.DocumentProgress.State] = {
    DocumentState.PENDING: _Progress.STATE_PENDING,
    DocumentState.RENDERING: _Progress.STATE_RENDERING,
    DocumentState.RENDERED: _Progress.STATE_RENDERED,
    DocumentState.OMITTED: _Progress.STATE_OMITTED,
    DocumentState.FAILED: _Progress.STATE_FAILED,
}
ARTEFACT_STATUSES: dict[ArtefactStatus, artefact_service_pb2.Artefact.Status] = {
    ArtefactStatus.RENDERED: artefact_service_pb2.Artefact.STATUS_RENDERED,
    ArtefactStatus.OMITTED: artefact_service_pb2.Artefact.STATUS_OMITTED,
}
VERDICTS: dict[Verdict, bundle_run_service_pb2.VerifyBundleRunResponse.Verdict] = {
    Verdict.IDENTICAL: _Verify.VERDICT_IDENTICAL,
    Verdict.INPUTS_CHANGED: _Verify.VERDICT_INPUTS_CHANGED,
    Verdict.DETERMINISM_VIOLATION: _Verify.VERDICT_DETERMINISM_VIOLATION,
}
MODES: dict[ExecutionMode, bundle_run_service_pb2.GetCapabilitiesResponse.Mode] = {
    ExecutionMode.INLINE: _Capabilities.MODE_INLINE,
    ExecutionMode.QUEUE: _Capabilities.MODE_QUEUE,
}


def encode_run(run: BundleRun, spec: bundle_pb2.BundleSpec | None = None) -> bundle_run_pb2.BundleRun:
    """The resource. spec: for BUNDLE_RUN_VIEW_FULL only, as it holds the caller's data."""
    return bundle_run_pb2.BundleRun(
        name=f"bundleRuns/{run.run_id}",
        bundle_run_id=run.run_id,
        spec_digest=run.spec_digest,
        seed=run.seed,
        state=RUN_STATES[run.state],
        revision=run.revision,
        create_time=encode_time(run.create_time_ms),
        start_time=encode_time(run.start_time_ms),
        finish_time=encode_time(run.finish_time_ms),
        next_attempt_time=encode_time(run.next_attempt_time_ms),
        attempt=run.attempt,
        max_attempts=run.max_attempts,
        worker=run.worker,
        documents=[encode_progress(d) for d in sorted(run.documents, key=lambda d: d.name)],
        error=encode_failure(run.failure) if run.failure else None,
        execution_policy=encode_policy(run.policy),
        manifest_digest=run.manifest_digest,
        spec=spec,
    )


def encode_progress(progress: DocumentProgress) -> bundle_run_pb2.DocumentProgress:
    return bundle_run_pb2.DocumentProgress(
        document=progress.name,
        state=DOCUMENT_STATES[progress.state],
        pages=progress.pages,
        size_bytes=progress.size,
    )


def encode_failure(failure: Failure) -> bundle_run_pb2.RunError:
    """A failure as part of a resource; an RPC error carries the same facts as google.rpc details."""
    return bundle_run_pb2.RunError(
        reason=failure.code,
        message=failure.message,
        hint=failure.hint,
        retryable=failure.retryable,
        document=failure.document,
        location=_location(failure.where) if failure.where else None,
        violations=[
            bundle_run_pb2.FieldViolation(field=v.path, description=v.description, hint=v.hint)
            for v in failure.violations
        ],
        details=dict(failure.details),
    )


def encode_manifest(run_id: str, manifest: Manifest) -> artefact_service_pb2.Manifest:
    engine = manifest.engine
    return artefact_service_pb2.Manifest(
        spec_digest=manifest.spec_digest,
        seed=manifest.seed,
        engine_fingerprint=engine.fingerprint,
        engine_components=dict(engine.components),
        fonts=dict(engine.fonts),
        template_packs=[
            artefact_service_pb2.Manifest.Pack(name=name, version=version, digest=digest)
            for name, version, digest in sorted(manifest.packs)
        ],
        generators=dict(manifest.generators),
        artefacts=[encode_artefact(run_id, a) for a in sorted(manifest.artefacts, key=lambda a: a.name)],
    )


def encode_artefact(run_id: str, entry: ArtefactEntry) -> artefact_service_pb2.Artefact:
    return artefact_service_pb2.Artefact(
        name=f"bundleRuns/{run_id}/artefacts/{entry.name}",
        file_name=entry.name,
        format=entry.format.value,
        media_type=entry.media_type,
        status=ARTEFACT_STATUSES[entry.status],
        size_bytes=entry.size,
        sha256=entry.sha256,
        pages=entry.pages,
        document_digest=entry.document_digest,
        omission_reason=entry.reason,
        fallback_reason=entry.fallback_reason,
    )


def encode_verification(verification: Verification) -> bundle_run_service_pb2.VerifyBundleRunResponse:
    return _Verify(
        verdict=VERDICTS[verification.verdict],
        comparisons=[
            _Verify.Comparison(
                artefact=c.artefact,
                expected_sha256=c.expected_sha256,
                actual_sha256=c.actual_sha256,
                equal=c.equal,
            )
            for c in verification.comparisons
        ],
        changed_inputs=[
            _Verify.ChangedInput(input=c.input, before=c.before, now=c.now) for c in verification.changed_inputs
        ],
    )


def encode_pack(pack: TemplatePack, *, with_data: bool) -> template_service_pb2.TemplatePack:
    """with_data: include each template's schema and sample."""
    return template_service_pb2.TemplatePack(
        name=f"templatePacks/{pack.name}@{pack.version}",
        pack=pack.name,
        version=pack.version,
        digest=pack.digest,
        description=pack.description,
        templates=[_template(pack.templates[name], with_data=with_data) for name in sorted(pack.templates)],
        languages=sorted(pack.labels),
    )


def _template(template: Template, *, with_data: bool) -> template_service_pb2.Template:
    return template_service_pb2.Template(
        template=template.name,
        title=template.title,
        description=template.description,
        formats=sorted(f.value for f in template.offered),
        data_schema_json=canonical_json(template.schema).decode() if with_data else "",
        sample_data_json=canonical_json(template.sample).decode() if with_data else "",
    )


def _location(where: SourceLocation) -> bundle_run_pb2.SourceLocation:
    return bundle_run_pb2.SourceLocation(
        file=where.file, line=where.line, column=where.column, expression=where.expression
    )


def encode_time(milliseconds: int) -> Timestamp | None:
    """Absent where the domain says 0, "not yet"."""
    if not milliseconds:
        return None
    return Timestamp(seconds=milliseconds // 1_000, nanos=milliseconds % 1_000 * 1_000_000)
