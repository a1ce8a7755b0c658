"""Which documents a corpus holds: each from seed and number alone, varied, and plain bundles all of them."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from docugen_core.corpus.recipes import CORPUS_VERSION, LOCALES, checked_locales, recipe
from docugen_core.domain.identity import canonical_json
from docugen_core.errors import InvalidRequest
from shipped_packs import resolved

GOLDEN = "1e91801b3b04f587da9961c204bed38337522be38aa7445c8f49e62a8ecf440c"


def test_a_recipe_is_a_bundle_that_passes_every_check() -> None:
    for index in range(1, 31):
        made = recipe("checked", index)
        bundle = resolved(dict(made.bundle))
        assert [document.name for document in bundle.documents] == [f"{made.name}.pdf"]
        assert bundle.specimen


def test_recipes_vary_in_template_locale_colour_currency_size_and_seed() -> None:
    bundles = [recipe("varied", index).bundle for index in range(1, 301)]
    templates = Counter(bundle["documents"][0]["template"] for bundle in bundles)
    assert set(templates) == {
        "invoice/invoice", "letter/letter", "payslip/payslip", "quarterly-account-pack/statement",
    }  # fmt: skip
    assert min(templates.values()) > 20
    assert {bundle["locale"] for bundle in bundles} == set(LOCALES)
    assert len({bundle["data"]["branding"]["accent"] for bundle in bundles if "data" in bundle}) > 10
    assert len({bundle["generate"]["params"].get("currency") for bundle in bundles}) > 4
    assert len({bundle["seed"] for bundle in bundles}) == 300


def test_the_order_in_which_locales_are_given_changes_nothing() -> None:
    there = [recipe("order", i, ("fr-FR", "de-DE")).bundle for i in range(1, 21)]
    back = [recipe("order", i, ("de-DE", "fr-FR")).bundle for i in range(1, 21)]
    assert there == back
    assert {bundle["locale"] for bundle in there} == {"de-DE", "fr-FR"}


def test_locales_are_made_canonical_and_those_without_words_are_refused() -> None:
    assert checked_locales(()) == LOCALES
    assert checked_locales(("fr-fr", "de-DE", "fr-FR")) == ("de-DE", "fr-FR")
    with pytest.raises(InvalidRequest, match="'ja-JP': there are no words"):
        checked_locales(("ja-JP",))
    with pytest.raises(InvalidRequest, match="unknown locale 'xx-YY'"):
        checked_locales(("xx-YY",))


def test_a_change_of_recipes_is_a_change_of_corpus_version() -> None:
    assert CORPUS_VERSION == "1.0.0"
    bundles = [recipe("reference", index).bundle for index in range(1, 51)]
    assert hashlib.sha256(canonical_json(bundles)).hexdigest() == GOLDEN
