"""What a JSON Schema fault is called, in words that say what to write instead: `must be a number`, not `type`.

A sentence starts in lower case and follows a path; a hint is a fragment that follows it in brackets. The schema's own
`description` is the hint where nothing better is known, so a good description is a good error message.

Values are repeated only while they are short, and never below a name that looks like a secret: violations end up in run
records and logs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from jsonschema_rs import ValidationErrorKind as Kind

from docugen_core.domain.json import JsonValue
from docugen_core.strict_json.places import SHOWN_CHARS_MAX, Place, quoted, shortened

HINT_CHARS_MAX = 200
OPTIONS_SHOWN = 12

_SECRET = re.compile(
    r"pass(word|wd|phrase|code)|secret|token|api[_-]?key|private[_-]?key|credential|(^|_)pin$", re.IGNORECASE
)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")

_TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}

_FORMATS = {
    "date": "a date like 2026-03-31",
    "date-time": "a moment like 2026-03-31T09:30:00Z",
    "time": "a time like 09:30:00Z",
    "duration": "a duration like P1M",
    "email": "an e-mail address",
    "uri": "a complete address like https://example.org/page",
    "uuid": "a UUID",
}


def does_not_fit(kind: Kind, value: JsonValue, place: Place, around: dict[str, Any]) -> tuple[str, str]:
    """Sentence and hint for a fault of `value` itself. `around` is the subschema that asked; it is `{}` if unknown."""
    match kind:
        case Kind.Type(types=types):
            return must_be_of_type(types, value, around)
        case Kind.Enum(options=options):
            return f"must be one of {_listed(options)}{_but_is(value, place)}", explained(around)
        case Kind.Format(format=name):
            what = _FORMATS.get(name, f"of the format {name}")
            return f"must be {what}{_but_is(value, place)}", explained(around)
        case Kind.Pattern(pattern=pattern):
            # A pattern is written for a machine; where the author described it, the words are shown instead.
            if words := explained(around):
                return f"has the wrong form{_namely(value, place)}", words
            return f"must match the pattern {shortened(pattern)}{_but_is(value, place)}", ""
        case Kind.Constant(expected_value=expected):
            return f"must be {_shown(expected)}{_but_is(value, place)}", explained(around)
    bound = _bound(kind)
    if bound and _is_number(value):
        bound += _but_is(value, place)
    return bound or _whole_value(kind), explained(around)


def must_be_of_type(types: Sequence[str], value: JsonValue, around: dict[str, Any]) -> tuple[str, str]:
    """`must be a number or null`, with a hint where only the quotes are wrong."""
    names = [_TYPES.get(t, t) for t in types if not (t == "integer" and "number" in types)]
    sentence = "must be " + " or ".join(sorted(names, key=lambda n: n == "null"))
    if isinstance(value, str) and _NUMBER.fullmatch(value) and {"number", "integer"} & set(types):
        return sentence, "write it without quotes"
    if _is_number(value) and "string" in types:
        return sentence, "write it in quotes"
    return sentence, explained(around)


def explained(subschema: object) -> str:
    """The subschema's own description, shortened, or empty."""
    description = subschema.get("description", "") if isinstance(subschema, dict) else ""
    return description if len(description) <= HINT_CHARS_MAX else description[: HINT_CHARS_MAX - 1] + "…"


def _bound(kind: Kind) -> str:
    match kind:
        case Kind.Minimum(limit=limit):
            return f"must be at least {limit}"
        case Kind.Maximum(limit=limit):
            return f"must be at most {limit}"
        case Kind.ExclusiveMinimum(limit=limit):
            return f"must be more than {limit}"
        case Kind.ExclusiveMaximum(limit=limit):
            return f"must be less than {limit}"
        case Kind.MultipleOf(multiple_of=step):
            return f"must be a multiple of {step}"
        case Kind.MinLength(limit=1) | Kind.MinItems(limit=1) | Kind.MinProperties(limit=1):
            return "must not be empty"
        case Kind.MinLength(limit=limit):
            return f"must have at least {_counted(limit, 'character')}"
        case Kind.MaxLength(limit=limit):
            return f"must have at most {_counted(limit, 'character')}"
        case Kind.MinItems(limit=limit):
            return f"must have at least {_counted(limit, 'item')}"
        case Kind.MaxItems(limit=limit):
            return f"must have at most {_counted(limit, 'item')}"
        case Kind.MinProperties(limit=limit):
            return f"must have at least {_counted(limit, 'field')}"
        case Kind.MaxProperties(limit=limit):
            return f"must have at most {_counted(limit, 'field')}"
        case _:
            return ""


def _whole_value(kind: Kind) -> str:
    match kind:
        case Kind.UniqueItems():
            return "must not hold the same item twice"
        case Kind.Contains():
            return "holds no item of the kind that is needed"
        case Kind.FalseSchema() | Kind.Not():
            return "is not allowed here"
        case Kind.OneOfMultipleValid():
            return "fits more than one of the allowed forms"
        case Kind.AdditionalItems(limit=limit):
            return f"must have at most {_counted(limit, 'item')}"
        case Kind.UnevaluatedItems():
            return "holds items that are not allowed"
        case Kind.BacktrackLimitExceeded() | Kind.RegexEngineFailure():
            return "is too long for its pattern to be checked"
        case _:
            return f"does not fit the schema keyword {kind.name}"


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _listed(options: Sequence[object]) -> str:
    shown = ", ".join(o if isinstance(o, str) and o.isprintable() and o else _shown(o) for o in options[:OPTIONS_SHOWN])
    more = len(options) - OPTIONS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _but_is(value: JsonValue, place: Place) -> str:
    """`, not "abc"`, or nothing where the value should not be repeated."""
    text = _repeatable(value, place)
    return f", not {text}" if text else ""


def _namely(value: JsonValue, place: Place) -> str:
    text = _repeatable(value, place)
    return f": {text}" if text else ""


def _repeatable(value: JsonValue, place: Place) -> str:
    if isinstance(value, dict | list) or any(isinstance(p, str) and _SECRET.search(p) for p in place):
        return ""
    text = quoted(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= SHOWN_CHARS_MAX else ""


def _shown(value: object) -> str:
    return shortened(quoted(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
