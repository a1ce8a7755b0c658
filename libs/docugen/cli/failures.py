"""How a command fails: one shape for every cause, text or JSON on stderr, and the exit code.

    {"error": {"reason", "message", "hint", "document", "violations": [{path, description, hint}],
               "location": {file, line, column, expression} | null, "details": {...}}}

Exit code 2 is for what the caller has to change first: usage, a bundle, a setting, a name that does not exist. Everything
else is 1.
"""

from __future__ import annotations

import errno
import json
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from docugen_core import environment
from docugen_core.errors import ConfigurationError, DocugenError, InvalidRequest, NotPossibleNow

from docugen.cli.output import warn

DID_NOT_WORK = 1
WRONG_INPUT = 2
INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong. violations and location have the shape of the JSON above; source: the line at the location."""

    message: str
    reason: str
    hint: str = ""
    document: str = ""
    violations: Sequence[Mapping[str, str]] = ()
    location: Mapping[str, Any] | None = None
    details: Mapping[str, str] | None = None
    exit_code: int = DID_NOT_WORK
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "reason": self.reason,
            "message": self.message,
            "hint": self.hint,
            "document": self.document,
            "violations": [dict(v) for v in self.violations],
            "location": dict(self.location) if self.location else None,
            "details": dict(self.details or {}),
        }


class CommandFailed(Exception):
    """Ends a command with `problem`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def wrong_input(message: str, *, reason: str = "INVALID_INPUT", hint: str = "") -> CommandFailed:
    return CommandFailed(Problem(message, reason, hint, exit_code=WRONG_INPUT))


def report(error: Exception, *, as_json: bool) -> int:
    """Tell the user about `error` on stderr; returns the exit code."""
    problem = problem_of(error)
    if problem.reason == INTERNAL and _debugging():
        traceback.print_exception(error)
    if as_json:
        warn(json.dumps({"error": problem.to_json()}, ensure_ascii=False, indent=2))
    else:
        warn(as_text(problem))
    return problem.exit_code


def problem_of(error: Exception) -> Problem:
    """Any exception as a Problem. One that nobody foresaw is named by its type only: its text may hold document data."""
    match error:
        case CommandFailed():
            return error.problem
        case DocugenError():
            failure = error.failure().to_json()
            wrong = isinstance(error, InvalidRequest | ConfigurationError) and not isinstance(error, NotPossibleNow)
            return run_problem(failure, exit_code=WRONG_INPUT if wrong else DID_NOT_WORK)
        case click.UsageError():
            where = error.ctx.command_path if error.ctx else "docugen"
            return Problem(error.format_message(), "USAGE", f"See `{where} --help`.", exit_code=WRONG_INPUT)
        case click.ClickException():
            return Problem(error.format_message(), "USAGE", exit_code=error.exit_code)
        case OSError() if error.filename:
            return Problem(
                f"{error.filename}: {error.strerror}", "FILE_NOT_USABLE", "Check the path and its permissions."
            )
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return Problem(
                f"the output cannot be written: {error.strerror}", "OUTPUT_NOT_WRITABLE", "Make room, and run it again."
            )
        case _:
            return Problem(
                f"an internal error ended the command: {type(error).__name__}",
                INTERNAL,
                "This is a fault of DocuGen. Run it again with DOCUGEN_LOG_LEVEL=debug and report what it prints.",
            )


def _debugging() -> bool:
    """Whether the user asked for what only developers can read."""
    try:
        return environment.load().log_level == "debug"
    except ConfigurationError:
        return False


def run_problem(failure: Mapping[str, Any], *, source: str = "", exit_code: int = DID_NOT_WORK) -> Problem:
    """The recorded failure of a run (`Failure.to_json()`, or a client RunError as JSON) as a Problem."""
    return Problem(
        message=failure["message"],
        reason=failure.get("code") or failure.get("reason") or INTERNAL,
        hint=failure["hint"],
        document=failure["document"],
        violations=failure["violations"],
        location=failure.get("where") or failure.get("location"),
        details=failure["details"],
        exit_code=exit_code,
        source=source,
    )


def as_text(problem: Problem) -> str:
    """For people:

    error: statement.pdf: unknown variable: balnce [TEMPLATE_FAILED]
      --> statement.typ:12:5
       12 | #money(balnce)
      documents[0].data.balance: is required (the closing balance)
    hint: Did you mean `balance`?
    """
    about = f"{problem.document}: " if problem.document and not problem.message.startswith(problem.document) else ""
    lines = [
        f"{click.style('error:', fg='red', bold=True)} {about}{problem.message} {click.style(f'[{problem.reason}]', dim=True)}"
    ]
    if problem.location:
        lines += _place(problem)
    hint = problem.hint
    if len(problem.violations) > 1 or (problem.violations and problem.location):
        lines += [f"  {violation_line(v)}" for v in problem.violations]
        hint = "" if any(v["hint"] == hint for v in problem.violations) else hint
    if hint:
        lines.append(f"{click.style('hint:', fg='cyan')} {hint}")
    return "\n".join(lines)


def violation_line(violation: Mapping[str, str]) -> str:
    """`documents[2].data.lines[0].quantity: must be a number (write 3, not "3")`."""
    hint = f" ({violation['hint']})" if violation["hint"] else ""
    return f"{violation['path']}: {violation['description']}{hint}"


def _place(problem: Problem) -> list[str]:
    where = problem.location or {}
    place = ":".join(str(part) for part in (where["file"], where["line"], where["column"]) if part)
    lines = [f"  --> {place}"]
    source = problem.source or where.get("expression") or ""
    for number, text in enumerate(source.splitlines()[:5], start=where["line"]):
        lines.append(f"  {number if where['line'] else '':>5} | {text}")
    return lines
