"""Errors as gRPC statuses, without a server."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from docugen_core.adapters.job_codec import PayloadUnreadable
from docugen_core.domain.failure import SourceLocation, Violation
from docugen_core.errors import (
    BundleRunExists,
    ConfigurationError,
    DeterminismViolation,
    DocugenError,
    InvalidRequest,
    LeaseLost,
    LimitExceeded,
    NotFound,
    NotPossibleNow,
    Overloaded,
    RenderFailed,
    RenderInterrupted,
    Unavailable,
)
from docugen_scheduler.status import RpcError, bounded, internal_error, rpc_error, status_code
from google.rpc import error_details_pb2 as details
from google.rpc.status_pb2 import Status

Code = grpc.StatusCode


def parts(error: RpcError) -> dict[str, Any]:
    """The details of an error by the name of their type; each type comes once at most."""
    status = Status.FromString(dict(error.trailers)["grpc-status-details-bin"])
    assert (status.code, status.message) == (error.code.value[0], error.message)
    found = {}
    for packed in status.details:
        name = packed.TypeName().rpartition(".")[2]
        assert name not in found
        found[name] = getattr(details, name)()
        packed.Unpack(found[name])
    return found


@pytest.mark.parametrize(
    ("error", "code", "kinds"),
    [
        (InvalidRequest("no"), Code.INVALID_ARGUMENT, set()),
        (InvalidRequest.from_violations([Violation("a", "is wrong")]), Code.INVALID_ARGUMENT, {"BadRequest"}),
        (NotFound("no", code="BUNDLE_RUN_NOT_FOUND"), Code.NOT_FOUND, {"ResourceInfo"}),
        (BundleRunExists("r", submitted_digest="a", existing_digest="b"), Code.ALREADY_EXISTS, {"ResourceInfo"}),
        (NotPossibleNow("no"), Code.FAILED_PRECONDITION, {"PreconditionFailure"}),
        (RenderFailed("no"), Code.FAILED_PRECONDITION, {"PreconditionFailure"}),
        (LimitExceeded("no"), Code.FAILED_PRECONDITION, {"PreconditionFailure"}),
        (Overloaded("no"), Code.RESOURCE_EXHAUSTED, {"RetryInfo"}),
        (Overloaded("no", code="SHUTTING_DOWN"), Code.UNAVAILABLE, {"RetryInfo"}),
        (Unavailable("no"), Code.UNAVAILABLE, {"RetryInfo"}),
        (Unavailable("no", code="SERVER_DEADLINE_EXCEEDED"), Code.DEADLINE_EXCEEDED, {"RetryInfo"}),
        (RenderInterrupted("no"), Code.UNAVAILABLE, {"RetryInfo"}),
        (DeterminismViolation("no"), Code.DATA_LOSS, set()),
        (InvalidRequest("no", code="READ_OFFSET_OUT_OF_RANGE"), Code.OUT_OF_RANGE, set()),
    ],
)
def test_each_kind_of_error_has_its_code_and_details(error: DocugenError, code: Code, kinds: set[str]) -> None:
    answer = rpc_error(error, "id-1")
    assert (answer.code, status_code(error)) == (code, code)
    found = parts(answer)
    assert set(found) == {"ErrorInfo"} | kinds
    assert found["ErrorInfo"].reason == error.reason
    assert found["ErrorInfo"].domain == "docugen.v1"


@pytest.mark.parametrize("kind", [DocugenError, LeaseLost, ConfigurationError])
def test_an_error_that_is_not_the_callers_business_is_an_id_and_nothing_more(kind: type[DocugenError]) -> None:
    answer = rpc_error(kind("/srv/secret/path", hint="look in /srv", details={"path": "/srv"}), "id-1")
    assert answer == internal_error("id-1")
    assert answer.code is Code.INTERNAL
    assert "srv" not in repr(answer)
    assert dict(parts(answer)["ErrorInfo"].metadata) == {"error_id": "id-1"}


def test_every_class_of_error_has_a_decided_status() -> None:
    def tree(kind: type[DocugenError]) -> set[type[DocugenError]]:
        return {kind}.union(*(tree(sub) for sub in kind.__subclasses__() if sub.__module__.startswith("docugen_core")))

    internal = {DocugenError, LeaseLost, ConfigurationError, PayloadUnreadable}
    for kind in tree(DocugenError) - {BundleRunExists}:
        assert (status_code(kind("x")) is Code.INTERNAL) == (kind in internal), kind


def test_retry_delay_is_in_the_details_and_in_the_trailer_that_grpc_obeys() -> None:
    answer = rpc_error(Overloaded("busy", retry_after_ms=1_500), "id")
    assert parts(answer)["RetryInfo"].retry_delay.ToMilliseconds() == 1_500
    assert dict(answer.trailers)["grpc-retry-pushback-ms"] == "1500"


def test_the_remedy_and_the_facts_are_metadata() -> None:
    error = RenderFailed(
        "unknown variable", document="a.pdf", where=SourceLocation("a.typ", 3, 1), hint="define it", details={"k": "v"}
    )
    assert dict(parts(rpc_error(error, "id"))["ErrorInfo"].metadata) == {
        "document": "a.pdf",
        "hint": "define it",
        "k": "v",
        "location": "a.typ:3:1",
    }


def test_violations_keep_path_description_and_hint() -> None:
    error = InvalidRequest.from_violations([Violation("a[1].b", "must be a number", "write 3"), Violation("c", "no")])
    found = parts(rpc_error(error, "id"))["BadRequest"].field_violations
    assert [(v.field, v.description, v.localized_message.message) for v in found] == [
        ("a[1].b", "must be a number", "write 3"),
        ("c", "no", ""),
    ]


def test_whatever_an_error_holds_its_trailers_stay_within_eight_kibibytes() -> None:
    error = InvalidRequest(
        "é" * 10_000,
        violations=[Violation("ü" * 3_000, "wrong " * 3_000, "right " * 3_000)] * 100,
        hint="do " * 5_000,
        details={f"key{n:03}": "v" * 5_000 for n in range(100)},
    )
    answer = rpc_error(error, "id")
    sent = sum(len(key) + len(value) for key, value in answer.trailers) + len(answer.message.encode())
    assert sent < 8 << 10
    found = parts(answer)
    assert found["BadRequest"].field_violations
    assert found["ErrorInfo"].metadata["violations_omitted"] == str(100 - len(found["BadRequest"].field_violations))


def test_a_cut_text_is_whole_characters_and_says_that_it_was_cut() -> None:
    assert bounded("short", 10) == "short"
    cut = bounded("é" * 100, 20)
    assert cut == "é" * 8 + "…"
    assert len(cut.encode()) <= 20
