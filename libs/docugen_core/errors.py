"""Every error DocuGen raises, once.

    DocugenError
    +-- InvalidRequest        INVALID_SPEC ...          the caller's input; nothing was stored; never retried
    |   +-- NotFound          *_NOT_FOUND               no such run, artefact, template
    |   +-- BundleRunExists   BUNDLE_RUN_EXISTS         same id, other spec
    |   +-- NotPossibleNow    QUEUE_DISABLED ...        the request is fine, the state is not
    +-- NotAuthenticated      TOKEN_MISSING ...         who asks is not known
    +-- NotPermitted          ROLE_MISSING ...          who asks may not do this
    +-- RenderFailed          TEMPLATE_FAILED ...       template or data; deterministic, so never retried
    |   +-- LimitExceeded     LIMIT_EXCEEDED            pages, rows, bytes beyond a configured bound
    +-- Unavailable           STORE_UNAVAILABLE ...     the world around us; retried with backoff
    |   +-- RenderInterrupted RENDER_TIMEOUT,           the render process was killed or died
    |   |                     RENDER_OUT_OF_MEMORY,
    |   |                     RENDER_PROCESS_DIED, FONT_CHANGED,
    |   |                     LIBRARY_CHANGED
    |   +-- Overloaded        EXECUTOR_BUSY             no room now; come back after `retry_after_ms`
    +-- LeaseLost             LEASE_LOST                somebody else owns the job; never reported as a failure
    +-- DeterminismViolation  DETERMINISM_VIOLATION     the promise is broken; page somebody
    +-- ConfigurationError    INVALID_CONFIGURATION     a setting; the process does not start

Each class has a stable `code` (UPPER_SNAKE: metric label, dead letter field, `ErrorInfo.reason` on the wire), says whether
doing the same again can help (`retryable`) and carries a `hint`: what the reader should do next. `str(error)` is written
for the caller and holds no internals. Library errors are translated once, in the adapter that meets them.

Errors cross process boundaries as `Failure` values (`error.failure()`), never pickled: a foreign exception may not unpickle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from docugen_core.domain.failure import Failure, SourceLocation, Violation

__all__ = [
    "BundleRunExists",
    "ConfigurationError",
    "DeterminismViolation",
    "DocugenError",
    "InvalidRequest",
    "LeaseLost",
    "LimitExceeded",
    "NotAuthenticated",
    "NotFound",
    "NotPermitted",
    "NotPossibleNow",
    "Overloaded",
    "RenderFailed",
    "RenderInterrupted",
    "Unavailable",
]


class DocugenError(Exception):
    """The root. `message` is for the caller; `details` are short facts (ids, digests, limits), never document data."""

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.reason = code or self.code
        self.details: dict[str, str] = dict(details or {})

    def failure(self) -> Failure:
        """The same error as a value: what a run record, a dead letter or a status carries."""
        return Failure(
            code=self.reason,
            message=self.message,
            hint=self.hint,
            retryable=self.retryable,
            details=tuple(sorted(self.details.items())),
        )


class InvalidRequest(DocugenError):
    """The request is wrong. `violations` lists *every* wrong field with its path and remedy. Nothing was stored."""

    code = "INVALID_SPEC"

    def __init__(
        self,
        message: str,
        *,
        violations: Sequence[Violation] = (),
        hint: str = "",
        code: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code, details=details)
        self.violations = tuple(violations)

    @classmethod
    def from_violations(cls, violations: Sequence[Violation]) -> InvalidRequest:
        """One error for all violations; the message names the first and counts the rest."""
        first = violations[0]
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        return cls(f"{first.path}: {first.description}{more}", violations=violations, hint=first.hint)

    def failure(self) -> Failure:
        plain = super().failure()
        return Failure(
            code=plain.code,
            message=plain.message,
            hint=plain.hint,
            retryable=False,
            details=plain.details,
            violations=self.violations,
        )


class NotFound(InvalidRequest):
    """No such thing. `code` says which kind: BUNDLE_RUN_NOT_FOUND, ARTEFACT_NOT_FOUND, TEMPLATE_NOT_FOUND."""

    code = "NOT_FOUND"


class BundleRunExists(InvalidRequest):
    """This run id already names another spec. Choose another id, or let DocuGen derive it from the spec."""

    code = "BUNDLE_RUN_EXISTS"

    def __init__(self, run_id: str, *, submitted_digest: str, existing_digest: str) -> None:
        super().__init__(
            f"bundle run {run_id!r} exists with another spec",
            hint="Use another bundle_run_id, or leave it empty: it is then derived from the spec.",
            details={
                "bundle_run_id": run_id,
                "submitted_spec_digest": submitted_digest,
                "existing_spec_digest": existing_digest,
            },
        )


class NotPossibleNow(InvalidRequest):
    """The request is well formed but the state of things forbids it (FAILED_PRECONDITION on the wire)."""

    code = "FAILED_PRECONDITION"


class NotAuthenticated(DocugenError):
    """Nobody knows who asks: TOKEN_MISSING, TOKEN_UNKNOWN, TOKEN_EXPIRED. The same call with a good token may be answered."""

    code = "TOKEN_MISSING"


class NotPermitted(DocugenError):
    """Who asks is known, and may not do this; whether the thing exists is not said. Ask an operator for a token that may."""

    code = "ROLE_MISSING"


class RenderFailed(DocugenError):
    """Template or data cannot be rendered. Deterministic: the same request fails the same way, so it is not retried.

    `where` points into the template pack; `document` names the document of the bundle.
    """

    code = "TEMPLATE_FAILED"

    def __init__(
        self,
        message: str,
        *,
        document: str = "",
        where: SourceLocation | None = None,
        hint: str = "",
        code: str | None = None,
        details: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
    ) -> None:
        super().__init__(message, hint=hint, code=code, details=details)
        self.document = document
        self.where = where
        self.violations = tuple(violations)

    def failure(self) -> Failure:
        plain = super().failure()
        return Failure(
            code=plain.code,
            message=plain.message,
            hint=plain.hint,
            retryable=False,
            document=self.document,
            where=self.where,
            details=plain.details,
            violations=self.violations,
        )

    @classmethod
    def from_failure(cls, failure: Failure, *, document: str = "") -> RenderFailed:
        """Raise again, in this process, what a render process reported."""
        kind = LimitExceeded if failure.code == LimitExceeded.code else RenderFailed
        return kind(
            failure.message,
            document=document or failure.document,
            where=failure.where,
            hint=failure.hint,
            code=failure.code,
            details=dict(failure.details),
            violations=failure.violations,
        )


class LimitExceeded(RenderFailed):
    """A configured bound was passed (pages, rows, bytes). Raise the setting named in the hint, or ask for less."""

    code = "LIMIT_EXCEEDED"


class Unavailable(DocugenError):
    """Something around us does not answer (store, queue). Retried with backoff; a caller may simply ask again."""

    code = "UNAVAILABLE"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str | None = None,
        details: Mapping[str, str] | None = None,
        retry_after_ms: int = 1_000,
    ) -> None:
        super().__init__(message, hint=hint, code=code, details=details)
        self.retry_after_ms = retry_after_ms


class RenderInterrupted(Unavailable):
    """The render process was killed at its deadline (RENDER_TIMEOUT), needed more memory than it may have
    (RENDER_OUT_OF_MEMORY), died (RENDER_PROCESS_DIED), or met a font or a part of the Typst library that is no longer what was
    loaded (FONT_CHANGED, LIBRARY_CHANGED).
    `document` names what it rendered.

    Retried: a noisy machine can cause it. A template that truly hangs costs `max_attempts` tries, then fails for good.
    """

    code = "RENDER_PROCESS_DIED"
    document: str = ""

    def failure(self) -> Failure:
        return replace(super().failure(), document=self.document)


class Overloaded(Unavailable):
    """Every slot and the waiting room are taken (RESOURCE_EXHAUSTED on the wire). Come back after `retry_after_ms`."""

    code = "EXECUTOR_BUSY"


class LeaseLost(DocugenError):
    """Another worker owns this job now. Stop, write nothing, report nothing: it is not a failure of the run."""

    code = "LEASE_LOST"


class DeterminismViolation(DocugenError):
    """The same spec on the same engine gave other bytes. Never expected: `docugen verify RUN` explains the difference."""

    code = "DETERMINISM_VIOLATION"


class ConfigurationError(DocugenError):
    """Settings that cannot work. The message lists all of them, each with its environment name and the remedy."""

    code = "INVALID_CONFIGURATION"
