"""What may come in as JSON text: one meaning, in every language."""

from __future__ import annotations

import json
import math

import pytest
from docugen_core.domain.identity import canonical_json
from docugen_core.domain.json import JsonValue
from docugen_core.errors import InvalidRequest
from docugen_core.strict_json.places import quoted
from docugen_core.strict_json.reading import NUMBER_MAX, normalised, parse_json, value_violations
from hypothesis import given
from hypothesis import strategies as st

BOUND = f"must be between -{NUMBER_MAX} and {NUMBER_MAX}, or other languages read another number"

FLATTEN = "flatten it, or raise DOCUGEN_MAX_DATA_DEPTH"

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]) | st.sampled_from("\t\n\r"))
LEAVES = st.none() | st.booleans() | st.integers(-NUMBER_MAX, NUMBER_MAX) | st.floats(-NUMBER_MAX, NUMBER_MAX) | TEXTS
CANONICAL = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def _parsed(text: bytes | str, depth_max: int = 4) -> JsonValue:
    return parse_json(text, source="bundle.json", bytes_max=10_000, depth_max=depth_max)


def _refused(text: bytes | str, depth_max: int = 4) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        _parsed(text, depth_max)
    assert caught.value.message.startswith("bundle.json: ")
    return [(v.path, v.description, v.hint) for v in caught.value.violations]


def test_plain_json_comes_through_as_it_is() -> None:
    assert _parsed(b'{"b": [1, -2.5, "\xc3\xa9", null, true], "a": {}}') == {"b": [1, -2.5, "é", None, True], "a": {}}


@pytest.mark.parametrize(
    ("text", "description", "hint"),
    [
        ('{"a":\n 1,}', "is not JSON at line 2, column", "remove the comma after the last item"),
        ("{'a': 1}", 'is not JSON at line 1, column 2: unexpected "\'"', "use double quotes"),
        ("{a: 1}", 'is not JSON at line 1, column 2: unexpected "a"', "put names and text in double quotes"),
        ("// a\n1", 'is not JSON at line 1, column 1: unexpected "/"', "JSON has no comments, remove it"),
        ("[1] 2", 'is not JSON at line 1, column 5: unexpected "2"', "write one value only, remove what follows it"),
        ("[1, 2", "is not JSON at line 1, column 6: it ends too early", ""),
        ("", "is not JSON at line 1, column 1: it ends too early", ""),
        ('["a', "is not JSON at line 1, column 2", "close the string that begins here"),
        ('["a\nb"]', "is not JSON at line 1, column 4", "write a line break inside a string as \\n"),
        ("\ufeff1", "is not JSON at line 1, column 1", "save the text as UTF-8 without a byte order mark"),
        (b'"\xff"', "is not UTF-8 at byte 2", "save the text as UTF-8"),
        ('"\ud800"', "is not UTF-8 at byte 2", "save the text as UTF-8"),
        ("[" * 5_000, "is nested more than 4 levels deep", FLATTEN),
        (b"1" * 10_001, "has more than 10000 bytes", "make several bundles, or raise DOCUGEN_MAX_REQUEST_BYTES"),
    ],
)
def test_text_that_is_not_json_is_refused_at_its_line_and_column(
    text: bytes | str, description: str, hint: str
) -> None:
    [(path, found, remedy)] = _refused(text)
    assert (path, remedy) == ("$", hint)
    assert found.startswith(description)


def test_every_value_without_a_canonical_form_is_named_at_once() -> None:
    text = (
        '{"a": 1, "a": 2, "b": [NaN, -Infinity, {"c": 12345678901234567890}], "odd key": "\\ud800", "\\ud800": 1,'
        ' "e": 9007199254740992, "f": 1e17, "ok": [9007199254740991, -9007199254740991, "\\ud83d\\ude00"]}'
    )
    assert _refused(text) == [
        ("a", "is written twice", "keep one of the two"),
        ('$["\\ud800"]', "its name holds half of a surrogate pair", "write whole characters"),
        ("b[0]", "must be a number, and NaN is not one", "leave the field out"),
        ("b[1]", BOUND, "write it as a string"),
        ("b[2].c", BOUND, "write it as a string"),
        ('$["odd key"]', "holds half of a surrogate pair", "write whole characters"),
        ("e", BOUND, "write it as a string"),
        ("f", BOUND, "write it as a string"),
    ]


CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r"]


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_a_control_character_is_named_with_its_place(control: str) -> None:
    description = f"holds the control character U+{ord(control):04X}"
    text = json.dumps({"lines": [{"note": f"a{control}b"}], f"k{control}": 1})
    shown = json.dumps(f"k{control}")

    assert _refused(text) == [
        (f"$[{shown}]", f"its name {description}", "remove it"),
        ("lines[0].note", description, "remove it"),
    ]


NONCHARACTERS = [
    chr(code) for code in (0xFDD0, 0xFDEF, *(n << 16 | last for n in range(17) for last in (0xFFFE, 0xFFFF)))
]


@pytest.mark.parametrize("noncharacter", NONCHARACTERS, ids=ascii)
def test_a_noncharacter_is_named_with_its_place(noncharacter: str) -> None:
    """No XML can hold U+FFFF: its document would fail long after the request was taken."""
    description = f"holds the noncharacter U+{ord(noncharacter):04X}"
    hint = "remove it: it is reserved and never a character"
    text = json.dumps({"lines": [{"note": f"a{noncharacter}b"}], f"k{noncharacter}": 1})

    assert sorted(_refused(text)) == sorted(
        [(f"$[{quoted(f'k{noncharacter}')}]", f"its name {description}", hint), ("lines[0].note", description, hint)]
    )
    assert _parsed(json.dumps({"note": "\ufdcf\ufdf0\ufffd"})) == {"note": "\ufdcf\ufdf0\ufffd"}


def test_line_breaks_tabs_and_bidirectional_controls_come_through() -> None:
    text = "a\tb\r\nc \u202adef\u202c \u2067\u05d0\u2069"
    assert _parsed(json.dumps({"note": text})) == {"note": text}


def test_an_integer_of_many_digits_is_refused_without_converting_it() -> None:
    assert _refused("[" + "9" * 9_000 + "]") == [("$[0]", BOUND, "write it as a string")]


def test_depth_is_counted_in_containers() -> None:
    assert _parsed("[[1]]", depth_max=2) == [[1]]
    assert _refused('[{"a": []}]', depth_max=2) == [("$[0].a", "is nested more than 2 levels deep", FLATTEN)]


def test_levels_around_the_data_are_allowed_but_not_counted() -> None:
    assert value_violations([[[1]]], depth_max=2, envelope_depth=1) == []
    [violation] = value_violations([[[[1]]]], depth_max=2, envelope_depth=1)
    assert (violation.path, violation.description) == ("$[0][0][0]", "is nested more than 2 levels deep")


def test_a_value_of_any_depth_is_judged_without_recursion() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert [v.description for v in value_violations(deep, depth_max=200)] == ["is nested more than 200 levels deep"]


def test_what_is_no_json_at_all_is_named() -> None:
    found = value_violations({"a": b"x", "b": {1: 2}, "c": {3}}, depth_max=3)
    assert [str(v) for v in found] == [
        "a: is a Python bytes, which JSON does not have",
        "b: has a key that is a Python int, not a string",
        "c: is a Python set, which JSON does not have",
    ]


def test_the_list_of_violations_is_bounded() -> None:
    assert len(value_violations([math.nan] * 1_000, depth_max=3)) == 100


@given(CANONICAL)
def test_normalised_is_what_a_reader_of_the_canonical_form_sees(value: JsonValue) -> None:
    read_back = json.loads(canonical_json(value))
    assert json.dumps(normalised(value)) == json.dumps(read_back)


@given(st.text() | st.binary() | CANONICAL.map(json.dumps))
def test_any_text_is_parsed_or_refused(text: str | bytes) -> None:
    try:
        value = _parsed(text)
    except InvalidRequest as error:
        refused = error.violations
    else:
        refused = ()
        canonical_json(value)
    assert all(v.path and v.description for v in refused)
