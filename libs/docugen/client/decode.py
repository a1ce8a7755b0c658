"""Protobuf messages -> results. The only room that knows both."""

from __future__ import annotations

import datetime as dt
import json
from enum import Enum
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from docugen.client import results
from docugen.v1 import artefact_service_pb2, bundle_run_pb2, bundle_run_service_pb2, template_service_pb2

E = TypeVar("E", bound=Enum)


def bundle_run(message: bundle_run_pb2.BundleRun, *, deduplicated: bool = False) -> results.BundleRun:
    return results.BundleRun(
        id=message.bundle_run_id or message.name.removeprefix("bundleRuns/"),
        state=_state(results.RunState, bundle_run_pb2.BundleRun.State.items(), message.state, "STATE_"),
        spec_digest=message.spec_digest,
        seed=message.seed,
        revision=message.revision,
        attempt=message.attempt,
        max_attempts=message.max_attempts,
        create_time=time(message, "create_time"),
        start_time=time(message, "start_time"),
        finish_time=time(message, "finish_time"),
        next_attempt_time=time(message, "next_attempt_time"),
        worker=message.worker,
        labels=dict(sorted(message.execution_policy.labels.items())),
        documents=tuple(_document(d) for d in message.documents),
        error=run_error(message.error) if message.HasField("error") else None,
        manifest_digest=message.manifest_digest,
        deduplicated=deduplicated,
    )


def signed_url(message: artefact_service_pb2.SignArtefactUrlResponse) -> results.SignedUrl:
    return results.SignedUrl(message.url, message.expire_time.ToDatetime(dt.UTC))


def verification(message: bundle_run_service_pb2.VerifyBundleRunResponse) -> results.Verification:
    verdicts = bundle_run_service_pb2.VerifyBundleRunResponse.Verdict.items()
    return results.Verification(
        verdict=_state(results.Verdict, verdicts, message.verdict, "VERDICT_"),
        comparisons=tuple(
            results.Comparison(c.artefact, c.expected_sha256, c.actual_sha256, c.equal) for c in message.comparisons
        ),
        changed_inputs=tuple(results.ChangedInput(c.input, c.before, c.now) for c in message.changed_inputs),
    )


def template_pack(message: template_service_pb2.TemplatePack) -> results.TemplatePack:
    return results.TemplatePack(
        name=message.pack,
        version=message.version,
        digest=message.digest,
        description=message.description,
        templates=tuple(
            results.Template(
                name=t.template,
                title=t.title,
                description=t.description,
                formats=tuple(t.formats),
                schema=json.loads(t.data_schema_json) if t.data_schema_json else None,
                sample=json.loads(t.sample_data_json) if t.sample_data_json else None,
            )
            for t in message.templates
        ),
    )


def capabilities(message: bundle_run_service_pb2.GetCapabilitiesResponse) -> results.Capabilities:
    limits = message.limits
    numbers: dict[str, float] = {
        f.name: getattr(limits, f.name) for f in limits.DESCRIPTOR.fields if f.message_type is None
    }
    numbers["render_timeout"] = limits.render_timeout.ToTimedelta().total_seconds()
    numbers["max_wait"] = limits.max_wait.ToTimedelta().total_seconds()
    modes = bundle_run_service_pb2.GetCapabilitiesResponse.Mode.items()
    return results.Capabilities(
        version=message.version,
        mode=_word(modes, message.mode, "MODE_"),
        formats=tuple(message.formats),
        generators=tuple(message.generators),
        engine_fingerprint=message.engine_fingerprint,
        engine_components=dict(sorted(message.engine_components.items())),
        limits=dict(sorted(numbers.items())),
    )


def _document(message: bundle_run_pb2.DocumentProgress) -> results.DocumentProgress:
    states = bundle_run_pb2.DocumentProgress.State.items()
    state = _state(results.DocumentState, states, message.state, "STATE_")
    return results.DocumentProgress(message.document, state, message.pages, message.size_bytes)


def run_error(message: bundle_run_pb2.RunError) -> results.RunError:
    where = message.location
    return results.RunError(
        reason=message.reason,
        message=message.message,
        hint=message.hint,
        retryable=message.retryable,
        document=message.document,
        location=results.SourceLocation(where.file, where.line, where.column, where.expression) if where.file else None,
        violations=tuple(results.Violation(v.field, v.description, v.hint) for v in message.violations),
        details=dict(sorted(message.details.items())),
    )


def time(message: Message, name: str) -> dt.datetime | None:
    stamp: Timestamp = getattr(message, name)
    return stamp.ToDatetime(dt.UTC) if stamp.ByteSize() else None


def _word(items: list[tuple[str, int]], number: int, prefix: str) -> str:
    """`STATE_QUEUED` -> `queued`; a number that a newer server sent and this client cannot name -> `unspecified`."""
    names = {value: name for name, value in items}
    return names.get(number, prefix + "UNSPECIFIED").removeprefix(prefix).lower()


def _state(kind: type[E], items: list[tuple[str, int]], number: int, prefix: str) -> E:
    return kind(_word(items, number, prefix))
