"""docs/reference/errors.md: every reason that the code can give, with its words and its remedy, read from where it is raised.

    python tools/reference_errors.py > docs/reference/errors.md

The sources are parsed, not run: whoever adds a reason adds it to the page. What differs from case to case
stands as an ellipsis.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docugen_core import errors
from docugen_scheduler.status import status_code

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("libs/docugen/cli", "libs/docugen/client", "libs/docugen_core", "services")
TITLES: dict[type[errors.DocugenError], str] = {
    errors.InvalidRequest: "The request is wrong",
    errors.NotFound: "There is no such thing",
    errors.BundleRunExists: "The id is taken",
    errors.NotPossibleNow: "Not as things are",
    errors.RenderFailed: "Template or data cannot be rendered",
    errors.LimitExceeded: "A limit was passed",
    errors.Overloaded: "No room now",
    errors.Unavailable: "Something does not answer",
    errors.RenderInterrupted: "A render was stopped",
    errors.DeterminismViolation: "Other bytes than before",
    errors.LeaseLost: "Another worker has the job",
    errors.ConfigurationError: "The installation is wrong",
    errors.DocugenError: "A defect",
}

WORDS: dict[str, tuple[str, str]] = {
    "INVALID_SPEC": (
        "path and mistake of the first wrong field",
        "Correct every field in `violations`; each has its remedy.",
    ),
    "NOT_FOUND": ("what was not found", "Check the name; `resource_name` in `ResourceInfo` has it."),
    "TEMPLATE_NOT_FOUND": (
        "no such pack, version or template",
        "`docugen templates ls` lists them; the hint names the nearest.",
    ),
    "FAILED_PRECONDITION": ("what forbids it", "The hint says what to wait for, or to do first."),
    "NOT_RETRYABLE": (
        "run … is in state …",
        "Only a failed or cancelled run is started again; one that goes on needs no retry.",
    ),
    "TEMPLATE_FAILED": (
        "what the template could not do, with document, file and line",
        "Mend the template or the data; `docugen templates lint` and `preview` show the place.",
    ),
    "LIMIT_EXCEEDED": ("the limit, and what passed it", "Ask for less, or raise the setting that the hint names."),
    "EXECUTOR_BUSY": ("every slot and the waiting room are taken", "Come back after the delay in RetryInfo."),
    "ROLE_MISSING": ("which role the method needs", "Ask whoever operates the server for a token with that role."),
    "SHUTTING_DOWN": ("this server is shutting down", "Ask again: another server, or this one after its restart."),
    "UNAVAILABLE": ("what did not answer", "Ask again; the client does so by itself."),
    "STORE_FORBIDDEN": (
        "the artefact store refuses the service's credentials",
        "Give them the right to read, write and list below the prefix.",
    ),
    "RENDER_PROCESS_DIED": (
        "the render process ended by a signal, or with an exit code",
        "It is tried again. If it stays, render the document with `docugen render`.",
    ),
    "DETERMINISM_VIOLATION": ("the digests that differ", "`docugen verify RUN` explains it; tell the operator."),
    "LEASE_LOST": ("never seen by callers", "Nothing: whoever has the job goes on."),
    "INVALID_CONFIGURATION": ("every wrong setting", "Each line has the remedy; `docugen config` lists all settings."),
    "INVALID_FONTS": ("what is wrong with a font file or fonts.toml", "List it in fonts.toml, or take another file."),
    "INVALID_TEMPLATE_PACK": (
        "every mistake of the pack, with file and place",
        "`docugen templates lint` shows them again.",
    ),
    "GOLDEN_UNUSABLE": ("what is wrong with a golden test of a pack", "Mend it; `docugen templates test` says more."),
    "PUBLIC_KEY_UNUSABLE": ("…: why the file is no public key", "Name a PEM file with an Ed25519 public key."),
    "SIGNING_KEY_UNUSABLE": ("why the key cannot be used", "`docugen keys new` makes one with the right mode."),
    "INTERNAL": ("an id, and nothing more", "The server's log has the rest under that id. Report it."),
    "QUEUE_UNAVAILABLE": (
        "the queue does not answer",
        "Come back after the delay in RetryInfo. For operators: is Redis up, and `DOCUGEN_REDIS_URL` right?",
    ),
    "FILE_NOT_USABLE": ("the file or folder, and what is wrong with it", "Name another one."),
}
"""Words for reasons whose own are made only when they are raised, or are many."""

CLIENT = ("Refused", "TryAgain", "CorruptDownload")
COMMAND_LINE = "wrong_input"
ELLIPSIS = "…"
WAYS_MAX = 3
"""Wordings of one reason that the page shows."""

INTRODUCTION = """\
# Errors

Generated from the places in the code that raise them, by `make docs-reference`. `…` stands for what differs from case to case.

The *reason* is stable: it is `ErrorInfo.reason` (domain `docugen.v1`) of a failed call, `error.reason` of a failed run, the
code of a dead letter, and the label `reason` of metrics. Match on it, never on words. On the command line it stands in
brackets.

| the call answers | do |
|---|---|
| INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, OUT_OF_RANGE, UNIMPLEMENTED | change the request: the same is refused again |
| UNAUTHENTICATED, PERMISSION_DENIED | change who asks |
| FAILED_PRECONDITION | look at the run or the server; the request is well formed |
| RESOURCE_EXHAUSTED | the same again, after the delay in `RetryInfo` |
| UNAVAILABLE, DEADLINE_EXCEEDED | the same again, soon |
| DATA_LOSS, INTERNAL | tell whoever operates the server |

A run that failed is not a failed call: the call is OK, and `bundle_run.error` has the reason. How to read all this:
[call DocuGen from your service](../how-to/call-from-your-service.md#errors).
"""


@dataclass(frozen=True, slots=True)
class Raised:
    """One place that raises: the name of the class, the reason, and its words."""

    kind: str
    reason: str
    says: str
    remedy: str


def page() -> str:
    found = list(raised())
    parts = [INTRODUCTION]
    for kind in [*TITLES, *_untitled()]:
        title = TITLES.get(kind) or status_code(kind("")).name.replace("_", " ").capitalize()
        here = [r for r in found if r.kind == kind.__name__] + _failures(found, kind)
        parts.append(_section(title, f"{_status(kind)}{_first_paragraph(kind)}", [_by_class(kind), *here]))
    parts.append(
        _section(
            "In the Python client",
            "What `docugen.client` finds out by itself; everything else comes from the server.",
            [r for r in found if r.kind in CLIENT and r.reason != "INVALID_SPEC"],
        )
    )
    words = "What the command line refuses before it asks anybody; the exit code is 2."
    parts.append(_section("On the command line", words, [r for r in found if r.kind == COMMAND_LINE]))
    return "\n".join(part for part in parts if part)


def _untitled() -> list[type[errors.DocugenError]]:
    kinds = [getattr(errors, name) for name in errors.__all__]
    return [kind for kind in kinds if kind not in TITLES]


def raised() -> Iterator[Raised]:
    """Every call in the sources that carries a constant reason."""
    trees = [
        ast.parse(file.read_text(encoding="utf-8"))
        for source in SOURCES
        for file in sorted((ROOT / source).rglob("*.py"))
    ]
    constants = {name: value for tree in trees for name, value in _constants(tree)}
    for tree in trees:
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            words = {keyword.arg: keyword.value for keyword in call.keywords}
            given = words.get("code", words.get("reason"))
            reason = given.value if isinstance(given, ast.Constant) else constants.get(_name(given), "")
            if isinstance(reason, str) and reason.isupper() and len(reason) > 3:
                message = call.args[0] if call.args else words.get("message")
                yield Raised(_name(call.func), reason, _text(message), _text(words.get("hint")))


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from ((target.id, node.value.value) for target in node.targets if isinstance(target, ast.Name))


def _name(node: ast.expr | None) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _text(node: ast.expr | None) -> str:
    """The words of a message as far as the source has them; empty where it has none."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(v) if isinstance(v, ast.Constant) else ELLIPSIS for v in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (_text(left) or ELLIPSIS) + (_text(right) or ELLIPSIS)
        case ast.IfExp(body=one, orelse=other):
            return _text(one) or _text(other)
    return ""


def _failures(found: list[Raised], kind: type[errors.DocugenError]) -> list[Raised]:
    """Failures that are made as values, without an exception: those of a lost worker are interrupted renders."""
    return [r for r in found if r.kind == "Failure" and kind is errors.RenderInterrupted and r.reason != "INTERNAL"]


def _by_class(kind: type[errors.DocugenError]) -> Raised:
    """The reason that the class itself has, for everything that has none of its own."""
    if kind is errors.BundleRunExists:
        error = errors.BundleRunExists(ELLIPSIS, submitted_digest="", existing_digest="")
        return Raised(kind.__name__, error.reason, error.message, error.hint)
    return Raised(kind.__name__, kind.code, "", "")


def _status(kind: type[errors.DocugenError]) -> str:
    if kind is errors.ConfigurationError:
        return "*The service does not start, or the command ends.* "
    if kind is errors.BundleRunExists:
        return "*ALREADY_EXISTS.* "
    retried = " Repeat it." if kind.retryable else ""
    return f"*{status_code(kind('')).name}.{retried}* "


def _first_paragraph(kind: type[Exception]) -> str:
    text = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
    return " ".join(text.split())


def _section(title: str, words: str, found: list[Raised]) -> str:
    reasons = sorted({r.reason for r in found})
    if not reasons:
        return ""
    rows = []
    for reason in reasons:
        here = [r for r in found if r.reason == reason]
        says, remedies = _distinct(r.says for r in here), _distinct(r.remedy for r in here)
        if reason in WORDS:
            says, remedies = [WORDS[reason][0]], [WORDS[reason][1]]
        rows.append(f"| `{reason}` | {'<br>'.join(says)} | {'<br>'.join(remedies) or 'The hint says.'} |")
    return "\n".join([f"## {title}", "", words, "", "| Reason | It says | What to do |", "|---|---|---|", *rows, ""])


def _distinct(texts: Iterator[str]) -> list[str]:
    cells = dict.fromkeys(
        " ".join(t.split()).replace("|", "\\|").replace("<", "&lt;") for t in texts if t.strip(ELLIPSIS)
    )
    return list(cells)[:WAYS_MAX]


if __name__ == "__main__":
    sys.stdout.write(page())
