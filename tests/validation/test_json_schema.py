"""Faults against a JSON Schema, in words: where, what, and what to write instead."""

from __future__ import annotations

import pytest
from docugen_core.domain.json import JsonObject, JsonValue
from docugen_core.errors import ConfigurationError
from docugen_core.strict_json.places import field_path
from docugen_core.strict_json.schema import Schema, compiled

PAYMENT: JsonObject = {
    "oneOf": [
        {
            "type": "object",
            "required": ["kind", "number"],
            "properties": {"kind": {"const": "card"}, "number": {"type": "string"}},
        },
        {
            "type": "object",
            "required": ["kind", "account", "bank"],
            "properties": {"kind": {"const": "transfer"}, "account": {"type": "string"}},
        },
        {"type": "null"},
    ]
}


def _said(schema: JsonObject, value: JsonValue) -> list[tuple[str, str, str]]:
    return [(v.path, v.description, v.hint) for v in Schema(schema).violations(value)]


@pytest.mark.parametrize(
    ("schema", "value", "description", "hint"),
    [
        ({"type": "number"}, True, "must be a number", ""),
        ({"type": "number"}, "12.5", "must be a number", "write it without quotes"),
        ({"type": "integer"}, 1.5, "must be a whole number", ""),
        ({"type": "string"}, 12, "must be a string", "write it in quotes"),
        ({"type": "string", "description": "a name"}, None, "must be a string", "a name"),
        ({"type": ["null", "array"]}, 1, "must be a list or null", ""),
        ({"type": ["integer", "number"]}, [], "must be a number", ""),
        ({"type": "boolean"}, "yes", "must be true or false", ""),
        ({"type": "object"}, [], "must be an object", ""),
        ({"enum": ["red", "blue"]}, "Blu", 'must be one of red, blue, not "Blu"', "did you mean 'blue'?"),
        ({"enum": [1, None, ""]}, 2, 'must be one of 1, null, "", not 2', ""),
        ({"enum": list(range(15))}, 99, f"must be one of {', '.join(map(str, range(12)))} and 3 more, not 99", ""),
        ({"const": "v1"}, "v2", 'must be "v1", not "v2"', ""),
        ({"pattern": "^x"}, "y", 'must match the pattern ^x, not "y"', ""),
        ({"pattern": "^x", "description": "begin with x"}, "y", 'has the wrong form: "y"', "begin with x"),
        ({"minLength": 1}, "", "must not be empty", ""),
        ({"minLength": 2}, "é", "must have at least 2 characters", ""),
        ({"maxLength": 1}, "ab", "must have at most 1 character", ""),
        ({"minimum": 1}, 0, "must be at least 1, not 0", ""),
        ({"maximum": 1.5}, 2, "must be at most 1.5, not 2", ""),
        ({"exclusiveMinimum": 0}, 0, "must be more than 0, not 0", ""),
        ({"exclusiveMaximum": 0}, 0, "must be less than 0, not 0", ""),
        ({"multipleOf": 0.01}, 0.005, "must be a multiple of 0.01, not 0.005", ""),
        ({"minItems": 1}, [], "must not be empty", ""),
        ({"minItems": 2}, [1], "must have at least 2 items", ""),
        ({"maxItems": 1}, [1, 2], "must have at most 1 item", ""),
        ({"uniqueItems": True}, [1, 1], "must not hold the same item twice", ""),
        ({"contains": {"const": 1}}, [2], "holds no item of the kind that is needed", ""),
        ({"maxProperties": 0}, {"a": 1}, "must have at most 0 fields", ""),
        ({"not": {}, "description": "nothing"}, 1, "is not allowed here", "nothing"),
        ({"oneOf": [{}, {}]}, 1, "fits more than one of the allowed forms", ""),
        ({"anyOf": [{"type": "number"}, {"type": "string"}]}, [], "must be a number or a string", ""),
        ({"format": "date"}, "2026-02-30", 'must be a date like 2026-03-31, not "2026-02-30"', ""),
        ({"format": "date-time"}, "noon", 'must be a moment like 2026-03-31T09:30:00Z, not "noon"', ""),
        ({"format": "ipv4"}, "x", 'must be of the format ipv4, not "x"', ""),
    ],
)
def test_each_keyword_has_a_sentence_of_our_own(
    schema: JsonObject, value: JsonValue, description: str, hint: str
) -> None:
    assert _said(schema, value) == [("$", description, hint)]


def test_missing_and_unknown_fields_are_named_by_their_own_path() -> None:
    schema: JsonObject = {
        "required": ["name", "odd key"],
        "additionalProperties": False,
        "properties": {"name": {"description": "who it is for"}, "odd key": {}},
    }
    assert _said(schema, {"nmae": 1, "zzz": 2}) == [
        ("nmae", "unknown field", "did you mean 'name'?"),
        ("zzz", "unknown field", "remove it"),
        ("name", "is required", "who it is for"),
        ('$["odd key"]', "is required", ""),
    ]


def test_a_wrong_name_is_reported_at_the_name() -> None:
    assert _said({"propertyNames": {"pattern": "^[a-z]+$"}}, {"ok": 1, "B": 2}) == [
        ("B", 'its name must match the pattern ^[a-z]+$, not "B"', "")
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"kind": "transfer", "bank": "b"}, [("account", "is required", "")]),
        ({"kind": "card", "number": 4}, [("number", "must be a string", "write it in quotes")]),
        ("card", [("$", "must be an object or null", "")]),
    ],
)
def test_of_alternatives_only_the_one_that_was_meant_is_reported(
    value: JsonValue, expected: list[tuple[str, str, str]]
) -> None:
    assert _said(PAYMENT, value) == expected


def test_violations_follow_the_order_of_the_request_not_of_the_schema() -> None:
    number: JsonObject = {"type": "number"}
    schema: JsonObject = {"properties": dict.fromkeys("abc", number), "items": number}
    assert [v.path for v in Schema(schema).violations({"c": "x", "a": "x", "b": "x"})] == ["c", "a", "b"]
    assert [v.path for v in Schema(schema).violations(["x"] * 12)] == [f"$[{i}]" for i in range(12)]


def test_paths_continue_the_path_of_the_value() -> None:
    schema: JsonObject = {"properties": {"lines": {"items": {"required": ["quantity"]}}}, "required": ["odd key"]}
    found = Schema(schema).violations({"lines": [{}]}, "documents[2].data")
    assert [v.path for v in found] == ["documents[2].data.lines[0].quantity", 'documents[2].data["odd key"]']


def test_after_a_hundred_violations_the_rest_is_counted() -> None:
    found = Schema({"items": {"type": "number"}}).violations(["x"] * 123, "data.rows")
    assert len(found) == 101
    assert str(found[-1]) == "data.rows: and 23 more violations (mend these first)"


@pytest.mark.parametrize(("fault", "reported"), [(5, "$[5]"), (1_500, "$[1500]")])
def test_a_fault_anywhere_in_a_long_list_is_found(fault: int, reported: str) -> None:
    rows: list[JsonValue] = [1] * 2_000
    rows[fault] = "x"
    schema = Schema({"items": {"type": "number"}, "minItems": 1_500, "contains": {"const": 1}})
    assert [v.path for v in schema.violations(rows)] == [reported]


def test_the_bounds_of_a_long_list_are_checked_against_the_whole_list() -> None:
    assert _said({"minItems": 3_000}, [1] * 2_000) == [("$", "must have at least 3000 items", "")]
    assert _said({"maxItems": 1_999}, [1] * 2_000) == [("$", "must have at most 1999 items", "")]
    assert _said({"contains": {"const": 2}}, [1] * 2_000 + [2]) == []


@pytest.mark.parametrize("key", ["password", "apiKey", "client_secret", "access-token", "PIN"])
def test_secrets_are_never_repeated(key: str) -> None:
    schema: JsonObject = {"properties": {key: {"maxLength": 3, "pattern": "^x$", "enum": ["x"], "const": "x"}}}
    assert not any("hunter2" in str(v) for v in Schema(schema).violations({key: "hunter2"}))


def test_long_values_and_long_names_are_not_repeated() -> None:
    schema: JsonObject = {"additionalProperties": {"enum": ["x"]}}
    [violation] = Schema(schema).violations({"k" * 500: "v" * 500})
    assert "v" * 61 not in str(violation)
    assert "k" * 61 not in str(violation)


def test_references_inside_the_schema_are_followed() -> None:
    schema: JsonObject = {
        "properties": {"due": {"$ref": "#/$defs/day"}},
        "$defs": {"day": {"type": "string", "description": "the due day"}},
    }
    assert _said(schema, {"due": []}) == [("due", "must be a string", "the due day")]


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "strng"}, "at type:"),
        ({"properties": {"a": {"minLength": -1}}}, "at properties.a.minLength:"),
        ({"pattern": "("}, "at pattern:"),
        ({"properties": {"a": {"format": "colour"}}}, "at properties.a.format:"),
        ({"$ref": "https://example.org/schema"}, "https://example.org/schema"),
        ({"$ref": "#/$defs/none"}, "/$defs/none"),
    ],
)
def test_a_schema_that_is_wrong_itself_names_the_place(schema: JsonObject, place: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Schema(schema, name="note.schema.json")
    assert caught.value.message.startswith("note.schema.json: not a valid JSON Schema")
    assert place in caught.value.message


def test_a_pattern_that_explodes_is_given_up_not_waited_for() -> None:
    schema = Schema({"pattern": r"^(?=(a+)+$)(a|aa)+b\1$"})
    assert [v.path for v in schema.violations("a" * 60 + "!")] == ["$"]


def test_only_closed_schemas_refuse_a_field() -> None:
    closed = Schema({"properties": {"a": {}}, "patternProperties": {"^x-": {}}, "additionalProperties": False})
    assert [closed.admits(name) for name in ("a", "x-1", "b")] == [True, True, False]
    assert Schema({"properties": {"a": {}}}).admits("b")


def test_equal_schemas_are_compiled_once() -> None:
    assert compiled({"type": "string", "title": "once"}) is compiled({"type": "string", "title": "once"})


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ((), "$"),
        (("documents", 2, "data", "lines", 0, "quantity"), "documents[2].data.lines[0].quantity"),
        (("data", "odd key"), 'data["odd key"]'),
        (("data", 'a"b\n'), 'data["a\\"b\\n"]'),
        (("",), '$[""]'),
        ((3, "a"), "$[3].a"),
    ],
)
def test_places_are_written_as_a_reader_would(place: tuple[str | int, ...], text: str) -> None:
    assert field_path(place) == text
