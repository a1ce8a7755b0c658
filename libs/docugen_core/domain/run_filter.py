r"""The filter language for lists of runs, and of dead letters.

A filter is comparisons joined by AND (the subset of AIP-160 that an index can serve):

    state = FAILED AND create_time >= "2026-01-31T00:00:00Z" AND labels.team = "billing" AND template = "invoice"

    filter     = [ comparison *( "AND" comparison ) ]
    comparison = field operator value
    field      = "state" / "reason" / "create_time" / "template" / "labels." key
    key        = word / string            ; labels.team, labels.app.example/part, labels."any text"
    operator   = "=" / "!=" / "<" / "<=" / ">" / ">="
    value      = word / string
    word       = 1*( ALPHA / DIGIT / "_" / "-" / "." / "/" / "@" / ":" / "+" )
    string     = DQUOTE *( any character, with \" and \\ for DQUOTE and "\" ) DQUOTE

Fields: state (= !=; runs), reason (= !=; dead letters), create_time (= != < <= > >=, RFC 3339, milliseconds), labels.KEY
(= !=), template (= !=; a pack or `pack/template`), tenant (= !=; for callers who see several). `!=` holds wherever `=` does
not: `labels.team != "billing"` also finds
runs without that label. There is no OR, NOT or grouping: they are refused at their place, not misread.

`matches` is the meaning of a filter; every ledger's own query must select the same runs (a property test compares them).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from operator import eq, ge, gt, le, lt, ne

from docugen_core.domain.failure import Violation
from docugen_core.domain.run import BundleRun, RunState
from docugen_core.domain.tenant import tenant_of
from docugen_core.errors import InvalidRequest

FILTER_LENGTH_MAX = 4_096
COMPARISONS_MAX = 32

TENANT_FIELD = "tenant"
RUN_FIELDS = ("state", "create_time", "template", TENANT_FIELD)
LETTER_FIELDS = ("reason", "create_time", "template", TENANT_FIELD)
"""What may be compared besides labels.KEY, in the order in which error messages name it."""

LABEL_PREFIX = "labels."
OPERATORS = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One condition of a filter. value: a RunState value, milliseconds since the epoch, or text, by field."""

    field: str
    operator: str
    value: str | int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a filter can ask of a run or a dead letter. words: `state`, `template` ..., each with all it is equal to."""

    create_time_ms: int
    words: Mapping[str, frozenset[str]]
    labels: frozenset[tuple[str, str]]


def parse_filter(text: str, fields: Sequence[str] = RUN_FIELDS) -> tuple[Comparison, ...]:
    """The comparisons of a filter, in order; none for an empty text. fields: RUN_FIELDS or LETTER_FIELDS.

    Raises InvalidRequest with one violation, path `filter`, that names the column (from 1) and what was expected there.
    """
    if len(text) > FILTER_LENGTH_MAX:
        raise _refused(f"has {len(text)} characters, at most {FILTER_LENGTH_MAX} are allowed")
    tokens = list(_tokens(text))
    comparisons: list[Comparison] = []
    at = 0
    while tokens[at].kind != "end":
        if comparisons:
            _expect_and(tokens[at])
            at += 1
        if len(comparisons) == COMPARISONS_MAX:
            raise _wrong(tokens[at], f"expected the end: a filter has at most {COMPARISONS_MAX} comparisons")
        comparison, at = _comparison(tokens, at, fields)
        comparisons.append(comparison)
    return tuple(comparisons)


def matches(run: BundleRun, conditions: Sequence[Comparison]) -> bool:
    """Whether `run` fulfils every condition."""
    return not conditions or fulfils(run_facts(run), conditions)


def fulfils(facts: Facts, conditions: Sequence[Comparison]) -> bool:
    """Whether something of these facts fulfils every condition."""
    return all(_holds(facts, condition) for condition in conditions)


def run_facts(run: BundleRun) -> Facts:
    words = {
        "state": frozenset({run.state.value}),
        "template": template_names(run),
        TENANT_FIELD: frozenset({tenant_of(run.run_id)}),
    }
    return Facts(run.create_time_ms, words, frozenset(run.policy.labels))


# --- meaning --------------------------------------------------------------------------------------------------------------


def _holds(facts: Facts, condition: Comparison) -> bool:
    if condition.field == "create_time":
        return bool(OPERATORS[condition.operator](facts.create_time_ms, condition.value))
    if condition.field.startswith(LABEL_PREFIX):
        equal = (condition.field.removeprefix(LABEL_PREFIX), condition.value) in facts.labels
    else:
        equal = condition.value in facts.words[condition.field]
    return equal if condition.operator == "=" else not equal


def template_names(run: BundleRun) -> frozenset[str]:
    """What `template = ...` finds the run by: its `pack/template` names and their packs."""
    return frozenset(run.templates) | {name.partition("/")[0] for name in run.templates}


# --- words of the filter --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Token:
    """kind: word, string, operator, unknown or end. text: without quotes. column: from 1. glued: no space before it."""

    kind: str
    text: str
    column: int
    glued: bool = False

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text[:40])


_LEXEMES = re.compile(
    r"""(?P<space>\s+)
      | (?P<word>[A-Za-z0-9_.\-/@:+]+)
      | (?P<string>"(?:[^"\\]|\\["\\])*")
      | (?P<operator><=|>=|!=|=|<|>)
      | (?P<unknown>.)""",
    re.VERBOSE | re.DOTALL,
)


def _tokens(text: str) -> Iterator[_Token]:
    glued = False
    for match in _LEXEMES.finditer(text):
        kind = match.lastgroup or "unknown"
        if kind != "space":
            lexeme = match.group()
            plain = re.sub(r"\\(.)", r"\1", lexeme[1:-1], flags=re.DOTALL) if kind == "string" else lexeme
            yield _Token(kind, plain, match.start() + 1, glued)
        glued = kind != "space"
    yield _Token("end", "", len(text) + 1)


def _comparison(tokens: Sequence[_Token], at: int, fields: Sequence[str]) -> tuple[Comparison, int]:
    field, at = _field(tokens, at, fields)
    operator, value = tokens[at], tokens[min(at + 1, len(tokens) - 1)]
    allowed = tuple(OPERATORS) if field == "create_time" else ("=", "!=")
    if operator.kind != "operator" or operator.text not in allowed:
        raise _wrong(operator, f"expected one of {' '.join(allowed)} after {field}")
    if value.kind not in ("word", "string"):
        hint = 'A text in double quotes must end with one; inside, write \\" and \\\\.' if value.text == '"' else ""
        raise _wrong(value, f"expected a value for {field}", hint)
    return Comparison(field, operator.text, _value(field, value)), at + 2


def _field(tokens: Sequence[_Token], at: int, fields: Sequence[str]) -> tuple[str, int]:
    token, expected = tokens[at], f"expected one of {', '.join((*fields, 'labels.KEY'))}"
    if token.kind != "word":
        raise _wrong(token, expected, _NO_GROUPING if token.text == "(" else "")
    if token.text == LABEL_PREFIX:
        key = tokens[at + 1]
        if key.kind != "string" or not key.glued:
            raise _wrong(key, "expected a label's key right after 'labels.'")
        return LABEL_PREFIX + key.text, at + 2
    if token.text in fields or token.text.startswith(LABEL_PREFIX):
        return token.text, at + 1
    if token.text in ("NOT", "OR"):
        raise _wrong(token, expected, _NO_GROUPING)
    near = get_close_matches(token.text, [*fields, "labels"], n=1)
    did_you_mean = f"Did you mean {'labels.KEY' if near == ['labels'] else near[0]}?" if near else ""
    raise _wrong(token, expected, did_you_mean)


_NO_GROUPING = "Only comparisons joined by AND are supported: no OR, no NOT, no parentheses."


def _expect_and(token: _Token) -> None:
    if token.kind != "word" or token.text != "AND":
        capitals = "Write AND in capitals." if token.text.upper() == "AND" else _NO_GROUPING
        raise _wrong(token, "expected AND or the end", capitals)


def _value(field: str, token: _Token) -> str | int:
    if field == "state":
        state = token.text.lower()
        if state not in {s.value for s in RunState}:
            near = get_close_matches(state, [s.value for s in RunState], n=1)
            names = ", ".join(s.name for s in RunState)
            raise _wrong(token, f"expected one of {names}", f"Did you mean {near[0].upper()}?" if near else "")
        return state
    if field == "create_time":
        milliseconds = _parse_time(token.text)
        if milliseconds is None:
            raise _wrong(token, "expected an RFC 3339 time to the millisecond", 'For example "2026-01-31T00:00:00Z".')
        return milliseconds
    return token.text


_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,3})0*)?([Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _parse_time(text: str) -> int | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    date, time, fraction, zone = match.groups()
    try:
        moment = dt.datetime.fromisoformat(f"{date}T{time}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError:  # no such day, hour or offset
        return None
    return (moment - _EPOCH) // dt.timedelta(milliseconds=1) + int((fraction or "0").ljust(3, "0"))


# --- errors -------------------------------------------------------------------------------------------------------------


def _wrong(token: _Token, expected: str, hint: str = "") -> InvalidRequest:
    return _refused(f"column {token.column}: {expected}, found {token}", hint)


def _refused(description: str, hint: str = "") -> InvalidRequest:
    return InvalidRequest.from_violations([Violation("filter", description, hint)])
