"""What can go wrong with a call, as one small tree:

    DocugenClientError
    +-- Refused           the request itself; asking the same again gives the same answer
    +-- TryAgain          the server, the way to it, or the time; everything may safely be asked again
    +-- CorruptDownload   bytes that are not what the manifest says; nothing of them was kept

`reason` is the server's stable code (`INVALID_SPEC`, `BUNDLE_RUN_NOT_FOUND`, `EXECUTOR_BUSY`, ...), decoded from google.rpc
details, or the name of the gRPC status where something in between answered. Match on class and `reason`, never on text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import grpc
import grpc.aio
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from docugen.client.results import Violation

_ASK_AGAIN = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.CANCELLED,
    }
)
_TOO_LARGE = "message larger than max"
_NOT_TRUSTED = ("CERTIFICATE_VERIFY_FAILED", "certificate verify failed", "Hostname Verification Check failed")
_HINTS = {
    grpc.StatusCode.UNAVAILABLE: "Is the scheduler running? `docugen serve` starts one; DOCUGEN_GRPC_ADDRESS names it. "
    "If it has TLS, name its CA in DOCUGEN_CA_FILE; if it asks for a certificate, DOCUGEN_CLIENT_CERT and DOCUGEN_CLIENT_KEY.",
    grpc.StatusCode.DEADLINE_EXCEEDED: "Ask again, or allow more time: a run that was started goes on meanwhile.",
    grpc.StatusCode.UNIMPLEMENTED: "The server does not offer this method; compare the versions of client and server.",
}


class DocugenClientError(Exception):
    """The root. status: gRPC status name, empty where no call was made. retry_after: seconds, where the server named them."""

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        hint: str = "",
        violations: Sequence[Violation] = (),
        retry_after: float | None = None,
        details: Mapping[str, str] | None = None,
        status: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.hint = hint
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.details: dict[str, str] = dict(details or {})
        self.status = status


class Refused(DocugenClientError):
    """The request is wrong, or not possible as things are. `violations` lists every wrong field."""


class TryAgain(DocugenClientError):
    """It did not work out this time. After `retry_after` seconds, or a little while, ask the same again."""


class CorruptDownload(DocugenClientError):
    """Received bytes do not have the manifest's SHA-256. Download again; if it persists, `docugen verify` the run."""


def decoded(error: grpc.aio.AioRpcError, address: str) -> DocugenClientError:
    """The error a call to `address` ended with, as one of this tree."""
    code = error.code()
    info, violations, retry_after = _details(error)
    metadata = dict(info.metadata) if info else {}
    hint = metadata.pop("hint", "")
    message = error.details() or code.name
    if info is None:
        hint = _HINTS.get(code, "")
        if code is grpc.StatusCode.UNAVAILABLE:
            message = f"no answer from {address}: {message}"
    if info is None and (refusal := _refused_by_grpc(error, address)):
        return refusal
    kind = TryAgain if code in _ASK_AGAIN else Refused
    return kind(
        message,
        reason=info.reason if info else code.name,
        hint=hint,
        violations=violations,
        retry_after=retry_after,
        details=metadata,
        status=code.name,
    )


def _refused_by_grpc(error: grpc.aio.AioRpcError, address: str) -> Refused | None:
    """What no server of ours could answer, because gRPC itself ended the call, and what no repetition mends."""
    text = error.details() or ""
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in text:
        return Refused(
            f"a message is too large to be sent or received: {text}",
            reason="MESSAGE_TOO_LARGE",
            hint="Make several bundles of it, or raise DOCUGEN_MAX_REQUEST_BYTES on the server; capabilities tell it.",
            status=error.code().name,
        )
    if any(sign in text for sign in _NOT_TRUSTED):
        return Refused(
            f"the certificate of {address} is not trusted",
            reason="SERVER_NOT_TRUSTED",
            hint="DOCUGEN_CA_FILE must hold the CA it comes from; if it is for another name, DOCUGEN_SERVER_NAME says which.",
            status=error.code().name,
        )
    return None


def _details(
    error: grpc.aio.AioRpcError,
) -> tuple[error_details_pb2.ErrorInfo | None, tuple[Violation, ...], float | None]:
    info: error_details_pb2.ErrorInfo | None = None
    violations: tuple[Violation, ...] = ()
    retry_after: float | None = None
    try:
        status = rpc_status.from_call(error)
    except ValueError:  # details that contradict the status: something in between wrote them
        status = None
    for packed in status.details if status else ():
        if packed.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            packed.Unpack(info)
        elif packed.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest()
            packed.Unpack(bad)
            violations = tuple(
                Violation(v.field, v.description, v.localized_message.message) for v in bad.field_violations
            )
        elif packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            packed.Unpack(retry)
            retry_after = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    return info, violations, retry_after
