"""What went wrong, as a value that can be stored, sent and compared.

A job's failure is data, not control flow: it is kept in the run record, shown by `docugen runs show`, and sent to callers.
The exceptions that carry it through the code are in `docugen_core.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Violation:
    """One wrong field of a request.

    path: where, e.g. `documents[2].data.lines[0].quantity`. description: what is wrong, starting in lower case, e.g.
    `must be a number`. hint: what to write instead, or empty.
    """

    path: str
    description: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.description}" + (f" ({self.hint})" if self.hint else "")


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A place in a template pack. line and column start at 1; 0 means unknown. expression: the offending source text."""

    file: str
    line: int = 0
    column: int = 0
    expression: str = ""

    def __str__(self) -> str:
        return ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run failed. `code` is stable UPPER_SNAKE; `retryable` says whether doing the same again can help."""

    code: str
    message: str
    hint: str = ""
    retryable: bool = False
    document: str = ""
    where: SourceLocation | None = None
    details: tuple[tuple[str, str], ...] = ()
    violations: tuple[Violation, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for the run ledger and `--json` output; `from_json` reads it back unchanged."""
        where = self.where
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "retryable": self.retryable,
            "document": self.document,
            "where": where
            and {
                "file": where.file,
                "line": where.line,
                "column": where.column,
                "expression": where.expression,
            },
            "details": dict(self.details),
            "violations": [{"path": v.path, "description": v.description, "hint": v.hint} for v in self.violations],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Failure:
        where = raw["where"]
        return cls(
            code=raw["code"],
            message=raw["message"],
            hint=raw["hint"],
            retryable=raw["retryable"],
            document=raw["document"],
            where=SourceLocation(**where) if where else None,
            details=tuple(sorted(raw["details"].items())),
            violations=tuple(Violation(**v) for v in raw["violations"]),
        )
