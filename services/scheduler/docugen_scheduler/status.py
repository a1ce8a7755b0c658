"""A DocugenError as a gRPC status: code, message, google.rpc details and trailers.

    InvalidRequest        INVALID_ARGUMENT     + BadRequest, every violation that fits
    NotFound              NOT_FOUND            + ResourceInfo
    BundleRunExists       ALREADY_EXISTS       + ResourceInfo
    NotAuthenticated      UNAUTHENTICATED
    NotPermitted          PERMISSION_DENIED
    NotPossibleNow        FAILED_PRECONDITION  + PreconditionFailure
    RenderFailed          FAILED_PRECONDITION  (as an RPC error only where the call itself renders: VerifyBundleRun)
    Overloaded            RESOURCE_EXHAUSTED   + RetryInfo and the trailer `grpc-retry-pushback-ms`
    Unavailable           UNAVAILABLE          + RetryInfo and the trailer `grpc-retry-pushback-ms`
    DeterminismViolation  DATA_LOSS
    anything else         INTERNAL, an id and nothing more: under that id the log has where it was

Each status has exactly one ErrorInfo{reason, domain "docugen.v1", metadata}. The message says what happened; what to do next is
the metadata's `hint`, and for one field the `localized_message` of its violation.

Everything travels in trailers, which clients cap at 8 KiB by default and lose whole when they are longer. So the parts are
bounded here; violations that do not fit are counted in the metadata (`violations_omitted`).

RetryInfo is for people and programs; gRPC's own retries obey the trailer alone, so both are sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import grpc
from docugen_core.domain.failure import Violation
from docugen_core.errors import (
    BundleRunExists,
    DeterminismViolation,
    DocugenError,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    NotPossibleNow,
    Overloaded,
    RenderFailed,
    Unavailable,
)
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

DOMAIN = "docugen.v1"

MESSAGE_BYTES_MAX = 1_000
VIOLATIONS_BYTES_MAX = 3_000
METADATA_VALUE_BYTES_MAX = 250
METADATA_ENTRIES_MAX = 10

Trailers = tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True, slots=True)
class RpcError:
    """What `context.abort` takes."""

    code: grpc.StatusCode
    message: str
    trailers: Trailers


def rpc_error(error: DocugenError, error_id: str) -> RpcError:
    """The status of `error`. error_id: for errors that are not the caller's business, the only thing they are told."""
    code = status_code(error)
    if code is grpc.StatusCode.INTERNAL:
        return internal_error(error_id)
    parts: list[Message] = [_error_info(error)]
    violations = error.violations if isinstance(error, InvalidRequest | RenderFailed) else ()
    if violations:
        bad_request = _bad_request(violations)
        if omitted := len(violations) - len(bad_request.field_violations):
            parts = [_error_info(error, {"violations_omitted": str(omitted)})]
        parts.append(bad_request)
    if isinstance(error, NotFound | BundleRunExists):
        parts.append(_resource_info(error))
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        parts.append(_precondition_failure(error))
    if isinstance(error, Unavailable):
        parts.append(details.RetryInfo(retry_delay=_duration(error.retry_after_ms)))
    message = bounded(error.message, MESSAGE_BYTES_MAX)
    return _rpc_error(code, message, parts, retry_after_ms=_retry_after_ms(error))


def internal_error(error_id: str) -> RpcError:
    """The status of a bug: an id, under which the log has the rest."""
    info = details.ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"error_id": error_id})
    return _rpc_error(grpc.StatusCode.INTERNAL, f"internal error; the server's log has it as {error_id}", [info])


def status_code(error: DocugenError) -> grpc.StatusCode:
    """The code of `error`, by its reason where that says more than its class, else by its class."""
    by_reason = _CODE_BY_REASON.get(error.reason)
    if by_reason is not None:
        return by_reason
    return next((code for kind, code in _CODE_BY_CLASS if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


_CODE_BY_REASON = {
    "READ_OFFSET_OUT_OF_RANGE": grpc.StatusCode.OUT_OF_RANGE,
    "SERVER_DEADLINE_EXCEEDED": grpc.StatusCode.DEADLINE_EXCEEDED,
    "SHUTTING_DOWN": grpc.StatusCode.UNAVAILABLE,
}
_CODE_BY_CLASS: tuple[tuple[type[DocugenError], grpc.StatusCode], ...] = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (BundleRunExists, grpc.StatusCode.ALREADY_EXISTS),
    (NotPossibleNow, grpc.StatusCode.FAILED_PRECONDITION),
    (InvalidRequest, grpc.StatusCode.INVALID_ARGUMENT),
    (NotAuthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (NotPermitted, grpc.StatusCode.PERMISSION_DENIED),
    (RenderFailed, grpc.StatusCode.FAILED_PRECONDITION),
    (Overloaded, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
    (DeterminismViolation, grpc.StatusCode.DATA_LOSS),
)

_RESOURCE_OF_DETAIL = (
    ("artefact", "docugen.v1.Artefact"),
    ("bundle_run_id", "docugen.v1.BundleRun"),
    ("template", "docugen.v1.TemplatePack"),
    ("pack", "docugen.v1.TemplatePack"),
    ("generator", "docugen.v1.Generator"),
    ("worker", "docugen.v1.Worker"),
    ("dead_letter", "docugen.v1.DeadLetter"),
)
_COLLECTION_OF_DETAIL = {"bundle_run_id": "bundleRuns/", "pack": "templatePacks/"}
"""What precedes a detail's value in the resource's name on the wire."""


def _rpc_error(
    code: grpc.StatusCode, message: str, parts: Sequence[Message], *, retry_after_ms: int | None = None
) -> RpcError:
    status = Status(code=code.value[0], message=message)
    for part in parts:
        status.details.add().Pack(part)
    trailers: list[tuple[str, str | bytes]] = list(rpc_status.to_status(status).trailing_metadata)
    if retry_after_ms is not None:
        trailers.append(("grpc-retry-pushback-ms", str(retry_after_ms)))
    return RpcError(code, message, tuple(trailers))


def _retry_after_ms(error: DocugenError) -> int | None:
    return error.retry_after_ms if isinstance(error, Unavailable) else None


def _error_info(error: DocugenError, more: Mapping[str, str] | None = None) -> details.ErrorInfo:
    facts = dict(sorted(error.details.items())[:METADATA_ENTRIES_MAX])
    if error.hint:
        facts["hint"] = error.hint
    if isinstance(error, RenderFailed):
        facts |= {"document": error.document} if error.document else {}
        facts |= {"location": str(error.where)} if error.where else {}
    facts |= more or {}
    bound = {name: bounded(value, METADATA_VALUE_BYTES_MAX) for name, value in facts.items()}
    return details.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=bound)


def _bad_request(violations: Sequence[Violation]) -> details.BadRequest:
    """As many violations as fit, in their order; the first always does."""
    bad_request = details.BadRequest()
    room = VIOLATIONS_BYTES_MAX
    for violation in violations:
        field = details.BadRequest.FieldViolation(
            field=bounded(violation.path, 500), description=bounded(violation.description, 700)
        )
        if violation.hint:
            field.localized_message.locale = "en"
            field.localized_message.message = bounded(violation.hint, 300)
        room -= field.ByteSize() + 4
        if room < 0:
            break
        bad_request.field_violations.append(field)
    return bad_request


def _resource_info(error: InvalidRequest) -> details.ResourceInfo:
    for key, resource_type in _RESOURCE_OF_DETAIL:
        if name := error.details.get(key):
            resource = _COLLECTION_OF_DETAIL.get(key, "") + name
            return details.ResourceInfo(
                resource_type=resource_type, resource_name=bounded(resource, METADATA_VALUE_BYTES_MAX)
            )
    return details.ResourceInfo(description=bounded(error.message, METADATA_VALUE_BYTES_MAX))


def _precondition_failure(error: DocugenError) -> details.PreconditionFailure:
    run_id = error.details.get("bundle_run_id", "")
    violation = details.PreconditionFailure.Violation(
        type=error.reason,
        subject=f"bundleRuns/{run_id}" if run_id else "",
        description=bounded(error.message, METADATA_VALUE_BYTES_MAX),
    )
    return details.PreconditionFailure(violations=[violation])


def bounded(text: str, bytes_max: int) -> str:
    """`text`, cut to at most `bytes_max` bytes of UTF-8 with an ellipsis where it is longer."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= bytes_max:
        return raw.decode()
    return raw[: max(0, bytes_max - 3)].decode("utf-8", "ignore") + "…"


def _duration(milliseconds: int) -> Duration:
    return Duration(seconds=milliseconds // 1_000, nanos=milliseconds % 1_000 * 1_000_000)
