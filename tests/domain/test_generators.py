"""Generators: the invented household holds together for every seed, and is found, versioned and repeated as promised."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import subprocess
import sys
from decimal import ROUND_UP, Decimal, localcontext
from itertools import pairwise
from typing import Any

import jsonschema_rs
import pytest
from docugen_core.domain.identity import canonical_json
from docugen_core.domain.seed import SeedStream
from docugen_core.generators.generator import GeneratorContext
from docugen_core.generators.household_account import CURRENCIES, HOUSEHOLD_ACCOUNT, default_currency
from docugen_core.generators.iban import is_valid_iban
from docugen_core.generators.word_lists import LANGUAGES, word_list
from hypothesis import given, settings
from hypothesis import strategies as st

CATEGORIES = {
    "cash", "childcare", "dining", "energy", "fees", "groceries", "health", "insurance", "interest", "leisure", "rent",
    "salary", "savings", "shopping", "tax", "telecom", "transfer", "transport",
}  # fmt: skip
MONEY = re.compile(r"-?[0-9]+\.[0-9]{2}")

# SHA-256 of the canonical JSON of seed "reference", first_month 2026-07. A new digest is a new generator version.
GOLDEN = {
    "de-DE": "bbbfecb5d1b4e0eb523fc85ddb83f5ca3bb2e769ccb69a399b067c1f9d67225b",
    "en-GB": "ee3c877efc0bca2cc9fd0e4e1b4b354a70d3554c069dd8033f261c0f5cf06037",
    "fr-FR": "fd37ed4ce5bc9adc427017a102e03250b3f7c83eddd665345dbc0d5a1c2384c8",
}

SEEDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=32)


def account(seed: str = "reference", locale: str = "fr-FR", first_month: str = "2026-07", **params: Any) -> Any:
    context = GeneratorContext(SeedStream.of(seed, "generate", "household_account"), locale)
    return HOUSEHOLD_ACCOUNT.generate({"first_month": first_month, **params}, context)


def json_digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()


def money(text: str) -> Decimal:
    assert MONEY.fullmatch(text), text
    return Decimal(text)


def assert_totals(summary: Any, rows: list[Any]) -> None:
    amounts = [money(row["amount"]) for row in rows]
    assert summary["transaction_count"] == len(rows)
    assert money(summary["total_in"]) == sum(amount for amount in amounts if amount > 0)
    assert money(summary["total_out"]) == -sum(amount for amount in amounts if amount < 0)


def assert_holds_together(data: Any, *, months: int, per_month: int) -> None:
    """Every line of the promise in the docstring of `household_account`."""
    rows = data["transactions"]
    assert money(data["opening_balance"]) + money(data["total_in"]) - money(data["total_out"]) == money(
        data["closing_balance"]
    )
    balance = money(data["opening_balance"])
    for row in rows:
        amount = money(row["amount"])
        balance += amount
        assert money(row["balance"]) == balance
        assert amount != 0
        assert (row["debit"], row["credit"]) == (("", row["amount"]) if amount > 0 else (row["amount"][1:], ""))
    assert_totals(data, rows)

    by_month = [[row for row in rows if row["date"].startswith(month["month"])] for month in data["months"]]
    assert len(by_month) == months
    for month, month_rows in zip(data["months"], by_month, strict=True):
        assert len(month_rows) == per_month
        assert_totals(month, month_rows)
        assert month["closing_balance"] == month_rows[-1]["balance"]

    categories = [group["category"] for group in data["categories"]]
    assert categories == sorted({row["category"] for row in rows})
    assert set(categories) <= CATEGORIES
    for group in data["categories"]:
        amounts = [money(row["amount"]) for row in rows if row["category"] == group["category"]]
        assert (group["transaction_count"], money(group["amount"])) == (len(amounts), sum(amounts))

    first, last = data["period"]["first"], data["period"]["last"]
    assert all(first <= row["date"] <= row["value_date"] <= last for row in rows)
    assert all(before["date"] <= after["date"] for before, after in pairwise(rows))
    assert len({row["reference"] for row in rows}) == len(rows) == months * per_month
    assert is_valid_iban(data["account"]["iban"])
    assert data["account"]["number"] in data["account"]["iban"]
    assert data["account"]["opened_on"] < first
    assert "{" not in str([row["description"] for row in rows])


@settings(max_examples=30, deadline=None)
@given(
    seed=SEEDS,
    locale=st.sampled_from(["fr-FR", "en-GB", "de-CH", "pt-BR"]),
    year=st.integers(1900, 2199),
    month=st.integers(1, 12),
    months=st.integers(1, 4),
    per_month=st.integers(5, 90),
)
def test_an_account_holds_together_for_any_seed_and_parameters(
    seed: str, locale: str, year: int, month: int, months: int, per_month: int
) -> None:
    data = account(seed, locale, f"{year}-{month:02d}", months=months, transactions_per_month=per_month)
    assert_holds_together(data, months=months, per_month=per_month)


def test_two_hundred_households_hold_together_and_live_within_plausible_balances() -> None:
    for i in range(200):
        data = account(f"sweep-{i}", months=2, transactions_per_month=24 + i % 12)
        assert_holds_together(data, months=2, per_month=24 + i % 12)
        balances = [Decimal(row["balance"]) for row in data["transactions"]]
        assert Decimal(-3_000) < min(balances) <= max(balances) < Decimal(20_000)


@pytest.mark.parametrize(("per_month", "months"), [(5, 24), (400, 3)])
def test_the_extremes_of_the_schema_hold_together(per_month: int, months: int) -> None:
    data = account(months=months, transactions_per_month=per_month)
    assert_holds_together(data, months=months, per_month=per_month)
    assert {"salary", "rent"} <= {group["category"] for group in data["categories"]}


def test_savings_keep_two_years_of_hardly_any_spending_from_piling_up() -> None:
    for i in range(20):
        data = account(f"thrift-{i}", months=24, transactions_per_month=5)
        assert max(Decimal(row["balance"]) for row in data["transactions"]) < 15_000


def test_a_longer_period_leaves_the_months_it_shares_untouched() -> None:
    three, four = account(months=3), account(months=4)
    assert four["transactions"][: len(three["transactions"])] == three["transactions"]
    assert four["months"][:3] == three["months"]
    assert [four[key] for key in ("institution", "holder", "account", "reference")] == [
        three[key] for key in ("institution", "holder", "account", "reference")
    ]


def test_the_number_of_transactions_does_not_change_who_the_household_is() -> None:
    few, many = account(transactions_per_month=20), account(transactions_per_month=120)
    for key in ("institution", "holder", "account", "period", "opening_balance", "reference"):
        assert few[key] == many[key]


def test_another_seed_is_another_household() -> None:
    assert len({canonical_json(account(f"seed-{i}", months=1)["account"]) for i in range(20)}) == 20


def test_salary_comes_at_the_end_of_the_month_and_rent_at_its_start_on_working_days() -> None:
    for i in range(20):
        rows = account(f"life-{i}", months=12, transactions_per_month=8)["transactions"]
        days = {
            category: [dt.date.fromisoformat(row["date"]) for row in rows if row["category"] == category]
            for category in ("salary", "rent")
        }
        assert len(days["salary"]) == len(days["rent"]) == 12
        assert all(day.day >= 23 and day.weekday() < 5 for day in days["salary"])
        assert all(day.day <= 5 and day.weekday() < 5 for day in days["rent"])


@pytest.mark.parametrize("locale", sorted(GOLDEN))
def test_a_change_of_output_is_a_change_of_version(locale: str) -> None:
    assert HOUSEHOLD_ACCOUNT.version == "1.0.0"
    assert {word_list(language).version for language in LANGUAGES} == {"1.0.0"}
    assert json_digest(account(locale=locale)) == GOLDEN[locale]


def test_the_output_is_the_same_in_every_process_whatever_its_hash_seed_zone_and_locale() -> None:
    script = (
        "import hashlib;from docugen_core.domain.identity import canonical_json;"
        "from docugen_core.domain.seed import SeedStream;"
        "from docugen_core.generators.generator import GeneratorContext;"
        "from docugen_core.generators.household_account import generate;"
        "seed = SeedStream.of('reference', 'generate', 'household_account');"
        "data = generate({'first_month': '2026-07'}, GeneratorContext(seed, 'fr-FR'));"
        "print(hashlib.sha256(canonical_json(data)).hexdigest())"
    )
    worlds = [
        {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "2", "TZ": "America/Adak", "LC_ALL": "C.UTF-8"},
    ]
    printed = [
        subprocess.run(
            [sys.executable, "-c", script], env=world, check=True, capture_output=True, text=True
        ).stdout.strip()
        for world in worlds
    ]
    assert printed == [GOLDEN["fr-FR"]] * 2


def test_the_output_does_not_depend_on_the_decimal_context_of_the_thread() -> None:
    expected = account(months=1)
    with localcontext() as context:
        context.prec, context.rounding = 4, ROUND_UP
        assert account(months=1) == expected


def test_the_result_shares_nothing_with_the_parameters_or_another_result() -> None:
    holder = {"family_name": "Œuvrard", "address": ["1 rue de l'Exemple"]}
    first = account(months=1, holder=holder)
    first["holder"]["address"].append("scribbled")
    first["transactions"].clear()
    assert holder == {"family_name": "Œuvrard", "address": ["1 rue de l'Exemple"]}
    assert_holds_together(account(months=1, holder=holder), months=1, per_month=58)


def test_wishes_for_the_holder_replace_inventions_and_nothing_else() -> None:
    invented, wished = account(months=1), account(months=1, holder={"given_name": "Zéphyrine"})
    assert wished["holder"] == invented["holder"] | {
        "given_name": "Zéphyrine",
        "name": f"Zéphyrine {invented['holder']['family_name']}",
    }
    assert {**wished, "holder": 0} == {**invented, "holder": 0}


@pytest.mark.parametrize(
    ("locale", "currency"),
    [
        ("fr-FR", "EUR"), ("fr", "EUR"), ("en-GB", "GBP"), ("en", "GBP"), ("en-IE", "EUR"), ("de-CH", "CHF"), ("de_AT", "EUR"),
        ("fr-CA", "CAD"), ("en-US", "USD"), ("zh-Hant-US", "USD"), ("pt", "EUR"),
    ],
)  # fmt: skip
def test_the_locale_chooses_the_currency_unless_the_caller_does(locale: str, currency: str) -> None:
    assert default_currency(locale) == currency
    assert currency in CURRENCIES
    assert account(locale=locale, months=1)["account"]["currency"] == currency
    assert account(locale=locale, months=1, currency="NZD")["account"]["currency"] == "NZD"


@pytest.mark.parametrize(("locale", "same_as"), [("fr-CA", "fr-FR"), ("it-IT", "en-GB"), ("DE-at", "de-DE")])
def test_the_language_chooses_the_words_and_english_stands_in_for_others(locale: str, same_as: str) -> None:
    assert account(locale=locale, currency="EUR") == account(locale=same_as, currency="EUR")


# What can be asked for


def test_the_parameters_have_a_closed_schema_with_a_sentence_for_each() -> None:
    schema: Any = HOUSEHOLD_ACCOUNT.params_schema
    jsonschema_rs.meta.validate(schema)
    assert schema["additionalProperties"] is False
    assert all(prop["description"].endswith(".") for prop in schema["properties"].values())


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"first_month": "2026-13"},
        {"first_month": "2026-7"},
        {"first_month": "2026-07\n"},
        {"first_month": "2026-07", "months": 0},
        {"first_month": "2026-07", "months": 25},
        {"first_month": "2026-07", "transactions_per_month": 4},
        {"first_month": "2026-07", "transactions_per_month": 401},
        {"first_month": "2026-07", "currency": "JPY"},
        {"first_month": "2026-07", "colour": "red"},
        {"first_month": "2026-07", "holder": {"name": "x"}},
        {"first_month": "2026-07", "holder": {"address": []}},
    ],
)
def test_the_schema_refuses_what_the_generator_cannot_do(params: Any) -> None:
    assert not jsonschema_rs.Draft202012Validator(dict(HOUSEHOLD_ACCOUNT.params_schema)).is_valid(params)
