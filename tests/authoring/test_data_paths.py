"""What a JSON Schema knows about paths, and on which lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from docugen_core.authoring.data_paths import ITEM, Known, SchemaPaths, lines_of_keys, written

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "lines"],
    "properties": {
        "name": {"type": "string"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "free": {"type": "object"},
        "map": {"type": "object", "additionalProperties": {"$ref": "#/$defs/line"}},
        "kinds": {"type": "object", "patternProperties": {"^k[0-9]$": {"type": "string"}}},
        "either": {"oneOf": [{"properties": {"a": {}}}, {"properties": {"b": True}, "required": ["b"]}]},
        "open": {"type": "object", "properties": {"x": {}}, "additionalProperties": True},
    },
    "allOf": [{"if": {"properties": {"name": {}}}, "then": {"properties": {"later": {}}, "required": ["later"]}}],
    "$defs": {
        "line": {
            "type": "object",
            "properties": {"price": {"type": "string"}, "parts": {"items": {"$ref": "#/$defs/line"}}},
        }
    },
}


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ((), Known.YES),
        (("lines", ITEM, "price"), Known.YES),
        (("lines", ITEM, "parts", ITEM, "parts", ITEM, "price"), Known.YES),
        (("lines", ITEM, "prize"), Known.NO),
        (("nmae",), Known.NO),
        (("later",), Known.YES),
        (("free", "anything"), Known.FREE),
        (("map", "anything", "price"), Known.YES),
        (("map", "anything", "prize"), Known.NO),
        (("kinds", "k1"), Known.YES),
        (("kinds", "x"), Known.NO),
        (("either", "a"), Known.YES),
        (("either", "b"), Known.YES),
        (("either", "c"), Known.NO),
        (("open", "y"), Known.FREE),
    ],
)
def test_a_path_is_known_unknown_or_left_open(path: tuple[str, ...], known: Known) -> None:
    assert SchemaPaths(SCHEMA).knows(path)[0] is known


def test_what_is_unknown_is_told_with_what_is_known_beside_it() -> None:
    assert SchemaPaths(SCHEMA).knows(("lines", ITEM, "prize", "x")) == (
        Known.NO,
        ("lines", ITEM, "prize"),
        ("parts", "price"),
    )


def test_declared_fields_come_once_with_whether_they_are_required() -> None:
    declared = {written(field.path): field.required for field in SchemaPaths(SCHEMA).declared()}

    assert declared["name"]
    assert declared["later"]
    assert declared["either.b"]
    assert not declared["either.a"]
    assert not declared["lines[].price"]
    assert len(declared) < 200, "a schema that refers to itself is followed to a bound"


def test_every_key_of_a_json_text_has_its_line() -> None:
    text = '{\n "a": [\n  {"b": 1},\n  {"b": "x: {", "c": null}\n ],\n "d": {"e": -1.5e3, "f": []}\n}'

    assert lines_of_keys(text) == {
        ("a",): 2,
        ("a", "0"): 3,
        ("a", "0", "b"): 3,
        ("a", "1"): 4,
        ("a", "1", "b"): 4,
        ("a", "1", "c"): 4,
        ("d",): 6,
        ("d", "e"): 6,
        ("d", "f"): 6,
    }


def test_lines_of_a_schema_are_found_by_the_places_of_its_fields() -> None:
    lines = lines_of_keys(json.dumps(SCHEMA, indent=1))

    assert all(field.place in lines for field in SchemaPaths(SCHEMA).declared())
