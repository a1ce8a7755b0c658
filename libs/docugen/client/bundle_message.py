"""A bundle as the JSON object people write -> the BundleSpec message.

The two differ in one thing: where the file has objects (`data`, `generate.params`), the message has their JSON text
(`data_json`, `params_json`), because protobuf's own JSON type turns every number into a double.

Only the shape is checked here, since a field the message cannot hold would be lost silently. What fields mean is checked by
the server, completely and in one place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from docugen.client.errors import Refused
from docugen.client.results import Violation
from docugen.v1.bundle_pb2 import BundleSpec

BUNDLE_SCHEMA = "docugen.bundle/v1"
_JSON = "_json"


def bundle_message(bundle: Mapping[str, Any] | BundleSpec) -> BundleSpec:
    """The message for `bundle`; a message is returned as it is.

    Raises Refused (INVALID_SPEC) with every unknown field and every value of a wrong type.
    """
    if isinstance(bundle, BundleSpec):
        return bundle
    violations: list[Violation] = []
    spec = BundleSpec()
    # The file may say which format it is in; the message says so by its type.
    if bundle.get("schema", BUNDLE_SCHEMA) != BUNDLE_SCHEMA:
        violations.append(Violation("schema", f'must be "{BUNDLE_SCHEMA}"', "leave it out"))
    _fill(spec, {name: value for name, value in bundle.items() if name != "schema"}, "", violations)
    if violations:
        first = violations[0]
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        message = f"{first.path}: {first.description}{more}"
        raise Refused(message, reason="INVALID_SPEC", hint=first.hint, violations=violations, status="INVALID_ARGUMENT")
    return spec


def bundle_object(message: BundleSpec) -> dict[str, Any]:
    """The other way round: a BundleSpec that a server sent, as the JSON object people write."""
    return _object(message)


def _object(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.name.endswith(_JSON):
            found[field.name.removesuffix(_JSON)] = json.loads(value)
        elif field.message_type is None:
            found[field.name] = list(value) if field.is_repeated else value
        else:
            found[field.name] = [_object(item) for item in value] if field.is_repeated else _object(value)
    return found


def _fill(message: Message, raw: Mapping[str, Any], path: str, violations: list[Violation]) -> None:
    """Set every field of `message` from `raw`."""
    fields: dict[str, Any] = {f.name.removesuffix(_JSON): f for f in message.DESCRIPTOR.fields}
    for name, value in raw.items():
        here = f"{path}.{name}" if path else str(name)
        field = fields.get(name)
        if field is None:
            near = get_close_matches(str(name), list(fields), n=1)
            violations.append(Violation(here, "unknown field", f"did you mean `{near[0]}`?" if near else "remove it"))
        elif field.name.endswith(_JSON):
            _fill_json(message, field.name, value, here, violations)
        elif field.message_type is not None:
            _fill_messages(message, field, value, here, violations)
        else:
            _fill_plain(message, field, value, here, violations)


def _fill_json(message: Any, name: str, value: Any, path: str, violations: list[Violation]) -> None:
    if not isinstance(value, Mapping):
        violations.append(Violation(path, "must be an object"))
        return
    try:
        setattr(message, name, json.dumps(value, ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError) as error:
        violations.append(Violation(path, f"is not JSON: {error}"))


def _fill_messages(message: Any, field: Any, value: Any, path: str, violations: list[Violation]) -> None:
    if not field.is_repeated:
        if isinstance(value, Mapping):
            getattr(message, field.name).SetInParent()
            _fill(getattr(message, field.name), value, path, violations)
        else:
            violations.append(Violation(path, "must be an object"))
        return
    if not isinstance(value, list | tuple):
        violations.append(Violation(path, "must be an array"))
        return
    for index, item in enumerate(value):
        if isinstance(item, Mapping):
            _fill(getattr(message, field.name).add(), item, f"{path}[{index}]", violations)
        else:
            violations.append(Violation(f"{path}[{index}]", "must be an object"))


def _fill_plain(message: Any, field: Any, value: Any, path: str, violations: list[Violation]) -> None:
    """A string, a bool, a whole number, or strings. Anything else is named, never converted."""
    if field.is_repeated:
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            getattr(message, field.name).extend(value)
        else:
            violations.append(Violation(path, "must be an array of strings"))
        return
    wanted, word, unfit = _PLAIN[field.type]
    # To Python, True is a whole number too.
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        violations.append(Violation(path, f"must be {word}"))
        return
    if value == 0 and wanted is int:  # on the wire that is the same as absent
        violations.append(Violation(path, "must be at least 1", "leave it out for the default"))
        return
    try:
        setattr(message, field.name, value)
    except ValueError:
        violations.append(Violation(path, *unfit))


_PLAIN: dict[int, tuple[type, str, tuple[str, str]]] = {
    FieldDescriptor.TYPE_BOOL: (bool, "true or false", ("cannot be sent", "")),
    FieldDescriptor.TYPE_INT32: (int, "a whole number", ("is too large", "see the field's bounds")),
    # Half a surrogate pair has no UTF-8 form.
    FieldDescriptor.TYPE_STRING: (str, "a string", ("holds half of a surrogate pair", "write whole characters")),
}
