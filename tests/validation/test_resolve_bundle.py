"""A bundle request that is right: everything is pinned and written out in one form. Faults are in test_bundle_faults.py."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from docugen_core.composition import Generators, compose, generated_data
from docugen_core.domain.bundle import PinnedTemplate, ResolvedBundle, ResolvedGenerator
from hypothesis import given
from hypothesis import strategies as st

from .conftest import DOCUMENTS, Found, Resolve, a_bundle, a_document, an_archive

# --- what is written out --------------------------------------------------------------------------------------------------


def test_defaults_are_written_out_and_everything_is_pinned(resolve: Resolve) -> None:
    bundle = resolve(
        a_bundle(an_archive("z.zip"), a_document("b.txt"), a_document("a.txt", fallback="desk/open@1.2.0"))
    )
    assert [(d.name, d.members) for d in bundle.documents] == [
        ("a.txt", ()),
        ("b.txt", ()),
        ("z.zip", ("a.txt", "b.txt")),
    ]
    assert bundle.documents[0].template == PinnedTemplate("desk", "note", "1.2.0", "ab" * 32)
    assert bundle.documents[0].fallback == PinnedTemplate("desk", "open", "1.2.0", "ab" * 32)
    assert (bundle.locale, bundle.time_zone, bundle.document_date) == ("en-GB", "UTC", None)
    assert (bundle.specimen, bundle.salt, bundle.requested_seed, bundle.generate) == (False, "", "", None)


def test_what_the_caller_said_is_kept_in_canonical_form(resolve: Resolve) -> None:
    bundle = resolve(
        a_bundle(
            a_document(optional=True),
            an_archive(members=["a.txt"]),
            schema="docugen.bundle/v1",
            locale="pt_br",
            time_zone="Asia/Tokyo",
            document_date="2026-03-31",
            specimen=True,
            salt="s",
            seed="é",
            generate={"name": "ledger", "params": {"rows": 2}},
        )
    )
    assert (bundle.locale, bundle.time_zone, bundle.document_date) == ("pt-BR", "Asia/Tokyo", dt.date(2026, 3, 31))
    assert (bundle.specimen, bundle.salt, bundle.seed) == (True, "s", "é")
    assert bundle.generate == ResolvedGenerator("ledger", "2.0.0", {"rows": 2})
    assert [d.optional for d in bundle.documents] == [True, False]


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("fr_FR", "fr-FR"), ("fr-fr", "fr-FR"), ("EN", "en"), ("zh_TW", "zh-Hant-TW"), ("sr-latn", "sr-Latn")],
)
def test_locales_have_one_spelling(resolve: Resolve, written: str, canonical: str) -> None:
    assert resolve(a_bundle(locale=written)).locale == canonical


@pytest.mark.parametrize("locale", ["und", "root", "C", "fr_FR.UTF-8", "de_DE@euro", "../fr", "fr-", "x" * 500])
def test_what_is_no_locale_is_refused(found: Found, locale: str) -> None:
    assert [path for path, _, _ in found(a_bundle(locale=locale))] == ["locale"]


# --- data -----------------------------------------------------------------------------------------------------------------


def test_generated_data_always_carries_the_mark(resolve: Resolve) -> None:
    assert resolve(a_bundle(generate={"name": "ledger"})).specimen


def test_without_a_seed_the_data_that_was_checked_is_the_data_of_the_spec_digest(
    resolve: Resolve, generators: Generators
) -> None:
    bundle = resolve(a_bundle(a_document(data={}), generate={"name": "ledger", "params": {"rows": 3}}))
    assert bundle.seed == bundle.spec_digest
    data = compose(bundle.data, generated_data(bundle, generators), bundle.documents[0].data)
    assert data["title"] == "Ledger"


def test_shared_data_may_hold_more_than_one_template_takes(found: Found) -> None:
    documents = [a_document(data={}), a_document("b.txt", template="desk/card", data={})]
    assert found(a_bundle(*documents, data={"title": "A", "balance": 3})) == []


# --- one spec for what is the same ----------------------------------------------------------------------------------------


def test_what_the_digest_cannot_see_does_not_reach_a_template(resolve: Resolve) -> None:
    one = resolve(a_bundle(a_document(template="desk/open", data={"b": 1.0, "a": [{"y": -0.0, "x": 1}]})))
    two = resolve(a_bundle(a_document(template="desk/open", data={"a": [{"x": 1, "y": 0}], "b": 1})))
    assert one.spec_digest == two.spec_digest
    assert json.dumps(one.documents[0].data) == json.dumps(two.documents[0].data)


def test_a_stored_spec_reads_back_as_the_bundle_that_was_submitted(resolve: Resolve) -> None:
    data = {"big": 9.007199254740991e15, "small": 1e-7, "half": 0.5, "text": "é\u2028", "none": None}
    bundle = resolve(a_bundle(a_document(template="desk/open", data=data), an_archive(), document_date="2026-03-31"))
    read = ResolvedBundle.from_json(json.loads(bundle.canonical_bytes()))
    assert read == bundle
    assert read.canonical_bytes() == bundle.canonical_bytes()


@given(st.permutations(DOCUMENTS), st.permutations(["locale", "salt", "documents", "data"]), st.booleans())
def test_order_means_nothing(
    resolve: Resolve, documents: list[dict[str, Any]], fields: list[str], backwards: bool
) -> None:
    known: dict[str, Any] = {"locale": "fr-FR", "salt": "s", "documents": documents, "data": {"lines": []}}
    turned = [{k: d[k] for k in (sorted(d) if backwards else d)} for d in documents]
    bundle = resolve({f: known[f] for f in fields} | {"documents": turned})
    expected = resolve(known | {"documents": DOCUMENTS})
    assert bundle == expected
    assert bundle.canonical_bytes() == expected.canonical_bytes()


def test_the_result_shares_nothing_with_the_request(resolve: Resolve, note: dict[str, Any]) -> None:
    bundle = resolve(note)
    note["documents"][0]["data"]["title"] = "changed"
    assert bundle.documents[0].data == {"title": "A"}
