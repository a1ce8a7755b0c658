"""Digests and derived ids: the published vectors, recomputed here without a line of DocuGen, and what has no identity."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from docugen_core.domain.bundle import Format, PinnedTemplate, ResolvedBundle, ResolvedDocument, ResolvedGenerator
from docugen_core.domain.identity import (
    canonical_json,
    content_digest,
    derive_bundle_run_id,
    digest,
    is_bundle_run_id,
)
from hypothesis import given, settings
from hypothesis import strategies as st

VECTORS: Any = json.loads((Path(__file__).parents[2] / "docs/reference/identity-vectors.json").read_text("utf-8"))

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
INTEGERS = st.integers(1 - 2**53, 2**53 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def json_values(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | TEXTS | numbers,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    )


# First principles: RFC 8785 by hand.


def written(value: Any) -> str:
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return written_text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return written_float(value)
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    keys = sorted(value, key=lambda key: [unit for (unit,) in struct.iter_unpack(">H", key.encode("utf-16-be"))])
    return "{" + ",".join(f"{written_text(key)}:{written(value[key])}" for key in keys) + "}"


def written_text(text: str) -> str:
    short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    return '"' + "".join(short.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 32 else c) for c in text) + '"'


def written_float(number: float) -> str:
    """ECMAScript's Number::toString, from the shortest digits that read back as the number."""
    if number == 0:
        return "0"
    sign, all_digits, exponent = Decimal(repr(number)).as_tuple()
    assert isinstance(exponent, int)
    digits = "".join(map(str, all_digits))
    point = len(digits) + exponent
    digits = digits.strip("0")
    if 0 < point <= 21:
        padded = digits.ljust(point, "0")
        text = padded[:point] + ("." + padded[point:] if padded[point:] else "")
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + ("." + digits[1:] if digits[1:] else "") + f"e{point - 1:+d}"
    return "-" * sign + text


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def run_id(tenant: str, spec_digest: str) -> str:
    named = hashlib.sha256(b"docugen.run.v1\x00" + tenant.encode() + b"\x00" + bytes.fromhex(spec_digest)).digest()
    return "br-" + base64.b32encode(named[:20]).decode("ascii").lower()


# The published vectors


@pytest.mark.parametrize("vector", VECTORS["canonical_json"], ids=lambda v: v["json"][:30])
def test_canonical_json_vectors_hold(vector: Any) -> None:
    value = json.loads(vector["json"])
    assert vector["canonical"] == written(value)
    assert vector["sha256"] == sha256(vector["canonical"].encode())
    assert canonical_json(value) == vector["canonical"].encode()
    assert content_digest(canonical_json(value)) == vector["sha256"]


@pytest.mark.parametrize("vector", VECTORS["specs"], ids=lambda v: v["about"])
def test_spec_vectors_hold(vector: Any) -> None:
    canonical = written(vector["spec"]).encode()
    assert vector["spec_digest"] == sha256(b"docugen.spec.v1\x00" + canonical)
    assert vector["seed"] == (vector["spec"]["seed"] or vector["spec_digest"])
    assert vector["run_id"] == run_id(vector["tenant"], vector["spec_digest"])

    bundle = ResolvedBundle.from_json(vector["spec"])
    assert bundle.canonical_bytes() == canonical
    assert bundle.spec_digest == vector["spec_digest"]
    assert bundle.seed == vector["seed"]
    assert derive_bundle_run_id(vector["tenant"], bundle.spec_digest) == vector["run_id"]


def test_the_spec_vectors_are_bundles_built_by_docugen() -> None:
    plain = ResolvedBundle(
        documents=(a_document(),),
        data={},
        generate=None,
        requested_seed="",
        locale="en-GB",
        time_zone="UTC",
        document_date=None,
        specimen=False,
        salt="",
    )
    assert VECTORS["specs"][0]["spec"] == json.loads(plain.canonical_bytes())


@pytest.mark.parametrize("vector", VECTORS["run_ids"], ids=lambda v: v["tenant"])
def test_run_id_vectors_hold(vector: Any) -> None:
    assert vector["run_id"] == run_id(vector["tenant"], vector["spec_digest"])
    assert derive_bundle_run_id(vector["tenant"], vector["spec_digest"]) == vector["run_id"]
    assert is_bundle_run_id(vector["run_id"])


@pytest.mark.parametrize("vector", VECTORS["digests"], ids=lambda v: v["prefix"])
def test_digest_vectors_hold(vector: Any) -> None:
    prefix = vector["prefix"].encode()
    assert vector["digest"] == sha256(prefix + b"\x00" + written(vector["value"]).encode())
    assert digest(prefix, vector["value"]) == vector["digest"]


# Canonical JSON


@settings(max_examples=200)
@given(value=json_values(INTEGERS | FLOATS))
def test_canonical_json_is_rfc_8785(value: Any) -> None:
    assert canonical_json(value) == written(value).encode()


@given(value=json_values(INTEGERS | st.floats(1 - 2**53, 2**53 - 1)))
def test_a_value_of_numbers_every_language_reads_survives_being_stored(value: Any) -> None:
    """Floats beyond are not in here: 2.0**53 is written with digits only and read back as an integer that is refused.

    `strict_json.reading` refuses them at the door for that reason.
    """
    assert canonical_json(json.loads(canonical_json(value))) == canonical_json(value)


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        # RFC 8785, appendix B.
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000001", "9007199254740994"),
        ("44b52d02c7e14af6", "1e+23"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("41b3de4355555555", "333333333.3333333"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_the_rfc_says(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical_json(number) == text.encode()
    assert written(number) == text


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), float("-inf"), 2**53, -(2**53), "\ud800", {"\udfff": 1}, [[{"deep": 2**60}]]],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"domain|representable|codepoints|surrogates"):
        canonical_json(value)


def test_a_value_that_holds_itself_has_no_canonical_form() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        canonical_json(endless)


def test_the_largest_integers_that_every_language_reads_are_let_in() -> None:
    assert canonical_json([2**53 - 1, 1 - 2**53]) == b"[9007199254740991,-9007199254740991]"


# Bundles


def a_document(**changes: Any) -> ResolvedDocument:
    fields: dict[str, Any] = {
        "name": "invoice.pdf",
        "format": Format.PDF,
        "template": PinnedTemplate("invoice", "invoice", "1.0.0", "0123456789abcdef" * 4),
        "data": {"number": "2026-0042", "total": "1284.50", "lines": [{"text": "Œuvre reliée", "quantity": 3}]},
        "optional": False,
        "fallback": None,
        "members": (),
    }
    return ResolvedDocument(**fields | changes)


def a_bundle(**changes: Any) -> ResolvedBundle:
    fields: dict[str, Any] = {
        "documents": (a_document(), a_document(name="notes.txt", format=Format.TXT, optional=True)),
        "data": {"customer": {"name": "Ottoline Farthing"}},
        "generate": ResolvedGenerator("household_account", "1.0.0", {"first_month": "2026-07"}),
        "requested_seed": "2026-q3",
        "locale": "fr-FR",
        "time_zone": "Europe/Paris",
        "document_date": None,
        "specimen": True,
        "salt": "",
    }
    return ResolvedBundle(**fields | changes)


CHANGES: list[dict[str, Any]] = [
    {"documents": (a_document(),)},
    {"documents": (a_document(optional=True),)},
    {"documents": (a_document(fallback=PinnedTemplate("invoice", "plain", "1.0.0", "0123456789abcdef" * 4)),)},
    {"documents": (a_document(template=PinnedTemplate("invoice", "invoice", "1.0.0", "fedcba9876543210" * 4)),)},
    {"data": {"customer": {"name": "Ottoline  Farthing"}}},
    {"data": {}},
    {"generate": None},
    {"generate": ResolvedGenerator("household_account", "1.0.1", {"first_month": "2026-07"})},
    {"generate": ResolvedGenerator("household_account", "1.0.0", {"first_month": "2026-08"})},
    {"requested_seed": ""},
    {"locale": "fr-CH"},
    {"time_zone": "UTC"},
    {"specimen": False},
    {"salt": "again"},
]


def test_anything_that_may_influence_bytes_changes_the_digest() -> None:
    digests = [a_bundle().spec_digest] + [a_bundle(**change).spec_digest for change in CHANGES]
    assert len(set(digests)) == len(CHANGES) + 1


@pytest.mark.parametrize("change", [{}, *CHANGES], ids=lambda change: "-".join(change) or "none")
def test_a_stored_spec_reads_back_as_the_same_bundle(change: dict[str, Any]) -> None:
    bundle = a_bundle(**change)
    again = ResolvedBundle.from_json(json.loads(bundle.canonical_bytes()))
    assert again == bundle
    assert again.spec_digest == bundle.spec_digest


def test_the_order_of_keys_has_no_part_in_the_digest() -> None:
    one, other = a_bundle(data={"a": 1, "b": [1, 2]}), a_bundle(data={"b": [1, 2], "a": 1})
    assert one.spec_digest == other.spec_digest
    assert one.spec_digest != a_bundle(data={"a": 1, "b": [2, 1]}).spec_digest


def test_a_bundle_without_a_seed_uses_its_own_digest() -> None:
    assert a_bundle().seed == "2026-q3"
    assert a_bundle(requested_seed="").seed == a_bundle(requested_seed="").spec_digest


# Run ids


def test_the_same_spec_of_another_tenant_is_another_run() -> None:
    spec_digest = a_bundle().spec_digest
    ids = {derive_bundle_run_id(tenant, spec_digest) for tenant in ("", "default", "default\x00", "other")}
    assert len(ids) == 4
    assert all(is_bundle_run_id(run) and len(run) == 35 for run in ids)


def test_a_spec_digest_that_is_not_hex_names_no_run() -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        derive_bundle_run_id("default", "not a digest")


@pytest.mark.parametrize("text", ["a", "0", "br-2026.07_x", "a" * 63, "a.b"])
def test_these_may_name_a_run(text: str) -> None:
    assert is_bundle_run_id(text)


@pytest.mark.parametrize(
    "text", ["", "A", "-a", ".a", "_a", "a/b", "a..b", "a" * 64, "a\n", "a b", "é", "a\x00", "..", "ａ"]
)
def test_these_may_not_because_a_run_id_becomes_a_file_name(text: str) -> None:
    assert not is_bundle_run_id(text)
