"""JSON Schema (draft 2020-12) with findings a person can act on.

`jsonschema_rs` decides *whether* a value fits; this room says *where*: one finding per wrong field, at the field itself (a
missing or unknown field is named by its own path), in the order of the value. What each says is in `sentences`.
Formats are asserted, unknown formats refused, references never leave the schema, patterns have a bounded number of steps.

Of `anyOf` and `oneOf` only the branch the author most likely meant is reported: the one whose types and constants match at
the top, then the one with the fewest faults. If none matches in type, the types are joined: "must be a number or a string".

Not in here: which part of a request a value came from (`composition`), and rules that no schema can state (`validation`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from typing import Any

from jsonschema_rs import Draft202012Validator, FancyRegexOptions, ValidationError
from jsonschema_rs import ValidationErrorKind as Kind

from docugen_core.domain.failure import Violation
from docugen_core.domain.json import JsonObject, JsonValue
from docugen_core.errors import ConfigurationError
from docugen_core.strict_json.findings import VIOLATIONS_MAX, Finding, in_order, more_violations
from docugen_core.strict_json.places import Place, field_path, value_at
from docugen_core.strict_json.sentences import does_not_fit, explained, must_be_of_type

SCANNED_MAX = 10_000
"""Faults read from the validator for one value: in a table with a million bad cells the rest says nothing new."""

ITEMS_FIRST = 1_000
PATTERN_STEPS_MAX = 100_000
KEPT_MAX = 256


_hurried: ContextVar[bool] = ContextVar("docugen_schema_hurried", default=False)


class TakesLongError(Exception):
    """A value does not fit, and where would be found out here: see `in_a_hurry`."""


@contextmanager
def in_a_hurry() -> Iterator[None]:
    """Meanwhile `findings` says yes as quickly as ever, and raises TakesLongError instead of a no.

    That a value fits takes microseconds; all that is wrong with one of a few kilobytes takes up to a second.
    """
    token = _hurried.set(True)
    try:
        yield
    finally:
        _hurried.reset(token)


class Schema:
    """A compiled JSON Schema. Immutable; safe to share between threads."""

    def __init__(self, schema: JsonObject, *, name: str = "schema") -> None:
        """Compile `schema`; `name` is how messages call it.

        Raises ConfigurationError naming the place when it is not a valid draft 2020-12 schema, refers outside itself, or
        asks for a format nobody checks. The remedy is to mend the schema: no request can.
        """
        self._root = _plain(schema)
        self._fields: dict[str, Any] = self._root.get("properties", {})
        self._is_open = self._root.get("additionalProperties", True) is not False
        try:
            self._validator = Draft202012Validator(
                self._root,
                validate_formats=True,
                ignore_unknown_formats=False,
                offline=True,
                pattern_options=FancyRegexOptions(backtrack_limit=PATTERN_STEPS_MAX),
            )
        except ValueError as error:
            raise _invalid_schema(name, self._root, error) from error

    def findings(self, value: JsonValue) -> list[Finding]:
        """What is wrong with `value`, in the order of `value`; empty exactly when it fits. Not more than SCANNED_MAX.

        Of a long list with faults among its first ITEMS_FIRST items only those are reported: a wrong column of a large
        table is wrong in every row. `value` is plain JSON of bounded depth: see `reading.value_violations`.
        """
        if self._validator.is_valid(value):
            return []
        if _hurried.get():
            raise TakesLongError
        # The validator builds all its errors, 20 us each, before it hands out the first.
        errors = self._validator.iter_errors(_abridged(value))
        real = [e for e in errors if not _is_made_by_abridging(e, value)] or self._validator.iter_errors(value)
        found = self._of_errors(islice(real, SCANNED_MAX), value)
        return in_order(islice(found, SCANNED_MAX), value)

    def violations(self, value: JsonValue, path: str = "") -> list[Violation]:
        """The findings as violations below `path` (empty: the value is the root `$`); after 100, one that counts the rest."""
        found = self.findings(value)
        shown = [Violation(_below(path, f.place), f.description, f.full_hint) for f in found[:VIOLATIONS_MAX]]
        return shown + more_violations(len(found) - len(shown), path or "$")

    def admits(self, name: str) -> bool:
        """Whether an object may have a field `name` at its top. Only a plain `additionalProperties: false` forbids one."""
        if self._is_open or name in self._fields:
            return True
        patterns = self._root.get("patternProperties", {})
        # Not `re`: the patterns are ECMA 262, and the one who checks them should be the one who reads them.
        return any(Draft202012Validator({"pattern": p}).is_valid(name) for p in patterns)

    @property
    def field_names(self) -> tuple[str, ...]:
        """The fields an object has at its top, as declared under `properties`."""
        return tuple(self._fields)

    def _of_errors(self, errors: Iterable[ValidationError], value: JsonValue) -> Iterator[Finding]:
        for error in errors:
            yield from self._of_error(error, value)

    def _of_error(self, error: ValidationError, value: JsonValue) -> Iterator[Finding]:
        here: Place = tuple(error.instance_path)
        around = self._subschema(error.schema_path[:-1])
        match error.kind:
            case Kind.Required(property=name):
                known = around.get("properties", {})
                yield Finding((*here, name), "is required", explained(known.get(name)))
            case Kind.AdditionalProperties(unexpected=names) | Kind.UnevaluatedProperties(unexpected=names):
                spellings = tuple(around.get("properties", {}))
                for name in names:
                    yield Finding((*here, name), "unknown field", "remove it", wrong=name, known=spellings)
            case Kind.PropertyNames(error=inner):
                name = str(inner.instance)
                place = (*here, name)
                description, hint = does_not_fit(inner.kind, name, place, self._subschema(inner.schema_path[:-1]))
                yield Finding(place, f"its name {description}", hint)
            case Kind.AnyOf(context=branches) | Kind.OneOfNotValid(context=branches):
                yield from self._of_branches(branches, here, value, around)
            case kind:
                wrong = value_at(value, here)
                description, hint = does_not_fit(kind, wrong, here, around)
                options = kind.options if isinstance(kind, Kind.Enum) and isinstance(wrong, str) else ()
                yield Finding(here, description, hint, str(wrong) if options else "", _texts(options))

    def _of_branches(
        self, branches: Sequence[Sequence[ValidationError]], here: Place, value: JsonValue, around: dict[str, Any]
    ) -> Iterator[Finding]:
        """What to report when no branch fits (see the module docstring)."""
        fitting_in_type = [b for b in branches if not any(_is_type_error_at(e, here) for e in b)]
        if fitting_in_type:
            nearest = min(fitting_in_type, key=lambda b: (_wrong_constants(b, here), len(b)))
            yield from self._of_errors(nearest, value)
            return
        types: list[str] = []
        for branch in branches:
            types += [t for e in branch if isinstance(e.kind, Kind.Type) for t in e.kind.types]
        yield Finding(here, *must_be_of_type(list(dict.fromkeys(types)), value_at(value, here), around))

    def _subschema(self, path: Sequence[str | int]) -> dict[str, Any]:
        found = value_at(self._root, tuple(path))
        return found if isinstance(found, dict) else {}


def compiled(schema: JsonObject) -> Schema:
    """A Schema of this content; the last 256 different ones are kept, since compiling costs more than checking.

    `schema` is looked at once: one that was given here must not be changed afterwards.
    """
    held = _BY_OBJECT.get(id(schema))
    if held is not None and held[0] is schema:
        return held[1]
    made = _compiled(json.dumps(schema, default=dict))
    if len(_BY_OBJECT) >= KEPT_MAX:
        _BY_OBJECT.clear()
    _BY_OBJECT[id(schema)] = (schema, made)
    return made


_BY_OBJECT: dict[int, tuple[JsonObject, Schema]] = {}
"""Even writing a schema as text, to find it by its content, takes longer than checking a value. Held with the object itself, so
that its id stays its own."""


@lru_cache(maxsize=KEPT_MAX)
def _compiled(text: str) -> Schema:
    return Schema(json.loads(text))


def _plain(schema: JsonObject) -> dict[str, Any]:
    """A private copy, so that a read-only mapping is fine and a later change of the caller's is not seen."""
    copy: dict[str, Any] = json.loads(json.dumps(schema, default=dict))
    return copy


def _below(path: str, place: Place) -> str:
    if not path or path == "$":
        return field_path(place)
    if not place:
        return path
    relative = field_path(place)
    return path + relative[1:] if relative.startswith("$") else f"{path}.{relative}"


def _abridged(value: JsonValue) -> JsonValue:
    """`value` with every list cut to ITEMS_FIRST items."""
    if isinstance(value, dict):
        return {key: _abridged(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_abridged(child) for child in value[:ITEMS_FIRST]]
    return value


def _is_made_by_abridging(error: ValidationError, value: JsonValue) -> bool:
    if not isinstance(error.kind, Kind.MinItems | Kind.Contains):
        return False
    whole = value_at(value, tuple(error.instance_path))
    return isinstance(whole, list) and len(whole) > ITEMS_FIRST


def _texts(options: Sequence[object]) -> tuple[str, ...]:
    return tuple(option for option in options if isinstance(option, str))


def _is_type_error_at(error: ValidationError, place: Place) -> bool:
    return isinstance(error.kind, Kind.Type) and tuple(error.instance_path) == place


def _wrong_constants(branch: Sequence[ValidationError], here: Place) -> int:
    """How many constants of the value itself or of its fields speak against this branch: a wrong `kind: "card"`."""
    return sum(
        isinstance(e.kind, Kind.Constant | Kind.Enum | Kind.FalseSchema) and len(e.instance_path) <= len(here) + 1
        for e in branch
    )


def _invalid_schema(name: str, root: JsonObject, error: ValueError) -> ConfigurationError:
    place: Place = tuple(error.instance_path) if isinstance(error, ValidationError) else ()
    reason = error.message if isinstance(error, ValidationError) else str(error)
    return ConfigurationError(
        f"{name}: not a valid JSON Schema at {field_path(place)}: {reason.splitlines()[0]}",
        code="INVALID_SCHEMA",
        hint="Mend the schema: draft 2020-12, references inside it only, known formats only.",
    )
