"""The generator `commerce`: every line of the promise in its docstring, for a thousand books."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

import jsonschema_rs
import pytest
from docugen_core.domain.identity import canonical_json
from docugen_core.domain.seed import SeedStream
from docugen_core.errors import RenderFailed
from docugen_core.generators.commerce import COMMERCE, CURRENCIES
from docugen_core.generators.commerce_words import commerce_words
from docugen_core.generators.generator import GeneratorContext
from docugen_core.generators.iban import is_valid_iban
from docugen_core.generators.invoice_sums import ROUNDINGS, Line, invoice_sums
from docugen_core.generators.word_lists import LANGUAGES
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped_packs import shipped

MONEY = re.compile(r"-?[0-9]+\.[0-9]{2}")
VAT_ID = {
    "de": re.compile(r"DE 000 \d{3} \d{3}"),
    "en": re.compile(r"GB 000 \d{4} \d{2}"),
    "fr": re.compile(r"FR\d{2} 000 \d{3} \d{3}"),
}
LOCALES = ("en-GB", "fr-FR", "de-DE", "pt-BR")

# SHA-256 of the canonical JSON of seed "reference", first_month 2026-07. A new digest is a new generator version.
GOLDEN = {
    "de-DE": "9eeeb496823a8029edb0f6bb3186eeba6a6cc851ff2b5f471f801994f3cb4cfd",
    "en-GB": "99fcfe23000b185ee70d9f191353541f17e994477bd0216a466ae3d3d0fee61f",
    "fr-FR": "4cdfa7eff2076237d8543c02e6e338bb81863347ca4359f8fd9d33d3bffb4214",
}


def book(seed: str = "reference", locale: str = "en-GB", **params: Any) -> Any:
    context = GeneratorContext(SeedStream.of(seed, "generate", "commerce"), locale)
    return COMMERCE.generate({"first_month": "2026-07", **params}, context)


def money(text: str) -> Decimal:
    assert MONEY.fullmatch(text), text
    assert text != "-0.00"
    return Decimal(text)


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def assert_adds_up(invoice: Any, rounding: str) -> None:
    lines, totals = invoice["lines"], invoice["totals"]
    for line in lines:
        assert money(line["net"]) == cents(Decimal(str(line["quantity"])) * money(line["unit_price"]))
        assert money(line["gross"]) == money(line["net"]) + money(line["vat"])
        own = cents(money(line["net"]) * Decimal(line["vat_rate"]) / 100)
        assert abs(money(line["vat"]) - own) <= (Decimal(0) if rounding == "line" else Decimal("0.01"))
    rates = [part["rate"] for part in totals["vat_breakdown"]]
    assert sorted(rates) == sorted({line["vat_rate"] for line in lines})
    for part in totals["vat_breakdown"]:
        of_rate = [line for line in lines if line["vat_rate"] == part["rate"]]
        assert money(part["net"]) == sum(money(line["net"]) for line in of_rate)
        assert money(part["vat"]) == sum(money(line["vat"]) for line in of_rate)
        if rounding == "total":
            assert money(part["vat"]) == cents(money(part["net"]) * Decimal(part["rate"]) / 100)
    assert money(totals["net"]) == sum(money(part["net"]) for part in totals["vat_breakdown"])
    assert money(totals["vat"]) == sum(money(part["vat"]) for part in totals["vat_breakdown"])
    assert money(totals["gross"]) == money(totals["net"]) + money(totals["vat"])
    assert money(totals["gross"]) > 0


def assert_holds_together(data: Any, language: str, rounding: str = "total") -> None:
    invoices = data["invoices"]
    numbers = [re.fullmatch(r"([A-Z]{2})-(\d{5})", invoice["number"]) for invoice in invoices]
    assert all(numbers)
    assert len({found[1] for found in numbers if found}) == 1
    assert all(int(b[2]) == int(a[2]) + 1 for a, b in pairwise(found for found in numbers if found))
    days = [dt.date.fromisoformat(invoice["issue_date"]) for invoice in invoices]
    assert days == sorted(days)
    assert all(day.weekday() < 5 for day in days)
    for invoice in invoices:
        assert invoice["issue_date"] < invoice["due_date"]
        assert invoice["seller"] == data["seller"]
        assert all(VAT_ID[language].fullmatch(p["vat_id"]) for p in (data["seller"], invoice["buyer"]) if "vat_id" in p)
        assert_adds_up(invoice, rounding)
    assert is_valid_iban(data["seller"]["iban"])
    assert data["seller"]["email"].endswith(".example")


@settings(max_examples=40, deadline=None)
@given(
    seed=st.text(st.characters(codec="utf-8"), min_size=1, max_size=32),
    locale=st.sampled_from(LOCALES),
    month=st.sampled_from(["1900-01", "2024-02", "2026-12", "2199-12"]),
    invoices=st.integers(1, 12),
    lines_max=st.integers(1, 40),
    rounding=st.sampled_from(ROUNDINGS),
    discounts=st.booleans(),
)
def test_a_book_holds_together_for_any_seed_and_parameters(
    seed: str, locale: str, month: str, invoices: int, lines_max: int, rounding: str, discounts: bool
) -> None:
    data = book(
        seed, locale, first_month=month, invoices=invoices, lines_max=lines_max, rounding=rounding, discounts=discounts
    )
    language = locale[:2] if locale[:2] in LANGUAGES else "en"
    assert len(data["invoices"]) == invoices
    assert_holds_together(data, language, rounding)
    if not discounts:
        assert all(money(line["unit_price"]) > 0 for invoice in data["invoices"] for line in invoice["lines"])


@pytest.mark.parametrize("part", range(4))
def test_a_thousand_books_hold_together_and_fit_the_schema_of_the_invoice_pack(part: int) -> None:
    schema = jsonschema_rs.validator_for(dict(shipped("invoice").templates["invoice"].schema))
    for i in range(part, 1_000, 4):
        locale = LOCALES[i % 3]
        rounding = ROUNDINGS[i % 2]
        data = book(f"sweep-{i}", locale, invoices=2, invoice=2, rounding=rounding)
        assert_holds_together(data, locale[:2], rounding)
        schema.validate(data)


def test_an_invoice_is_the_same_however_many_are_asked_for_and_wherever_it_lies() -> None:
    few, many = book(invoices=3, invoice=3), book(invoices=9, invoice=1)
    assert many["invoices"][:3] == few["invoices"]
    assert {key: few[key] for key in few["invoices"][2]} == few["invoices"][2]
    assert {key: many[key] for key in many["invoices"][0]} == many["invoices"][0]


def test_the_currency_is_the_sellers_unless_the_caller_names_one() -> None:
    assert [book(locale=locale)["currency"] for locale in LOCALES] == ["GBP", "EUR", "EUR", "GBP"]
    assert {book(currency=code, invoices=1)["currency"] for code in CURRENCIES} == set(CURRENCIES)


def test_books_have_several_rates_discounts_and_customers() -> None:
    data = book(invoices=60)
    assert {len(invoice["totals"]["vat_breakdown"]) for invoice in data["invoices"]} >= {1, 2}
    assert 1 < len({invoice["buyer"]["name"] for invoice in data["invoices"]}) <= 6
    discounted = [i for i in data["invoices"] if any(line["sku"] == "–" for line in i["lines"])]
    assert 5 < len(discounted) < 40


def test_tax_rounded_on_the_total_and_on_each_line_can_differ_by_cents_and_both_add_up() -> None:
    """Three lines of 0.33 at 20 %: 0.066 each. Rounded line by line that is 0.21, on the total of 0.99 it is 0.20."""
    lines = [Line("A", "a", Decimal(1), "pcs", Decimal("0.33"), Decimal(20))] * 3
    assert invoice_sums(lines, "line")["totals"]["vat"] == "0.21"
    total = invoice_sums(lines, "total")
    assert total["totals"]["vat"] == "0.20"
    assert [line["vat"] for line in total["lines"]] == ["0.07", "0.06", "0.07"]


def test_an_invoice_beyond_the_book_is_refused_with_the_remedy() -> None:
    with pytest.raises(RenderFailed, match="has 3 invoices and is asked for number 4") as refused:
        book(invoices=3, invoice=4)
    assert refused.value.hint == "Raise the parameter `invoices`, or lower `invoice`."


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_are_invented_in_every_language_alike(language: str) -> None:
    words = commerce_words(language)
    assert len(words.trades) == 3
    assert len(set(words.customers)) == len(words.customers) == 14
    assert "000" in words.vat_id
    assert words.discount.format(percent=3) != words.discount
    assert words.terms.format(days=30) != words.terms


@pytest.mark.parametrize("locale", sorted(GOLDEN))
def test_a_change_of_output_is_a_change_of_version(locale: str) -> None:
    assert COMMERCE.version == "1.0.0"
    assert {commerce_words(language).version for language in LANGUAGES} == {"1.0.0"}
    assert hashlib.sha256(canonical_json(book(locale=locale))).hexdigest() == GOLDEN[locale]
