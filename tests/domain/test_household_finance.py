"""household_finance: payslips and account agree to the cent, for every seed, and are repeated as promised."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import re
from decimal import ROUND_UP, Decimal, localcontext
from string import Formatter
from typing import Any

import jsonschema_rs
import pytest
from docugen_core.domain.identity import canonical_json
from docugen_core.domain.seed import SeedStream
from docugen_core.errors import RenderFailed
from docugen_core.generators import household_finance
from docugen_core.generators.business_days import easter_sunday, is_business_day
from docugen_core.generators.generator import GeneratorContext
from docugen_core.generators.household_finance import HOUSEHOLD_FINANCE
from docugen_core.generators.payroll_scheme import payroll_scheme
from docugen_core.generators.word_lists import LANGUAGES
from finance_invariants import INVARIANTS, assert_reconciles
from hypothesis import given, settings
from hypothesis import strategies as st

DAY = dt.date(2026, 10, 2)
LOCALES = ("fr-FR", "en-GB", "de-DE", "de-CH")
SEEDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=32)

# SHA-256 of the canonical JSON of seed "reference" on 2 October 2026. A new digest is a new generator version.
GOLDEN = {
    "de-DE": "75c2d2f9bb14b8fc44e5c4598b2d6a98e99165c74140e96840864c0b826d12b5",
    "en-GB": "8ca5feae7cd1182145b562ad1bd34937b52885f09df351fffdeecd01deeb1312",
    "fr-FR": "bfb13cc87a20d4f3e1629cf65933a940816d43231c7beb08c856805747bb103e",
}


def finances(seed: str = "reference", locale: str = "fr-FR", day: dt.date | None = DAY, **params: Any) -> Any:
    context = GeneratorContext(SeedStream.of(seed, "generate", "household_finance"), locale, day)
    return HOUSEHOLD_FINANCE.generate(params, context)


def digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()


def sweep(first: int, last: int) -> None:
    for i in range(first, last):
        day = dt.date(2019, 1, 1) + dt.timedelta(days=i * 9)
        assert_reconciles(finances(f"sweep-{i}", LOCALES[i % 4], day, transactions_per_month=20 + i % 50))


# The promises


def test_the_promises_of_the_docstring_are_the_ones_that_are_checked() -> None:
    promised = re.findall(r"^- (.*)$", household_finance.__doc__ or "", re.MULTILINE)
    assert promised == [invariant.__doc__ for invariant in INVARIANTS]


def test_forty_households_reconcile() -> None:
    sweep(0, 40)


@pytest.mark.slow
@pytest.mark.parametrize("hundred", range(10))
def test_a_thousand_households_reconcile(hundred: int) -> None:
    sweep(100 * hundred, 100 * hundred + 100)


@settings(max_examples=12, deadline=None)
@given(
    seed=SEEDS,
    locale=st.sampled_from(["fr-FR", "en-GB", "de-AT", "pt-BR"]),
    day=st.dates(dt.date(1950, 1, 1), dt.date(2199, 12, 31)),
    months=st.integers(12, 36),
    per_month=st.integers(20, 150),
    gross=st.none() | st.integers(1500, 20000),
)
def test_a_household_reconciles_for_any_seed_and_parameters(
    seed: str, locale: str, day: dt.date, months: int, per_month: int, gross: int | None
) -> None:
    wish = {} if gross is None else {"monthly_gross": gross}
    data = finances(seed, locale, day, months=months, transactions_per_month=per_month, **wish)
    assert len(data["payslips"]) == len(data["months"]) == months
    assert data["transaction_count"] >= months * per_month
    assert_reconciles(data)


def _spoil(data: Any, name: str) -> None:
    """A small lie in `data` that the invariant called `name` must see."""
    payslip, rows = data["payslips"][5], data["transactions"]
    rent = next(row for row in rows if row["category"] == "rent")
    match name:
        case "payments_are_credits":
            payslip["payment"]["reference"] = "2601-P-0000"
        case "lines_make_the_net_pay":
            payslip["contributions"][0]["base"] = "1.00"
        case "years_add_up":
            payslip["year_to_date"]["net"] = payslip["net"]
        case "leave_is_carried":
            payslip["leave"]["balance"] = "99.00"
        case "pay_totals_are_sums":
            data["pay_totals"]["tax"] = "0.01"
        case "entries_reach_the_closing_balance":
            data["closing_balance"] = "0.01"
        case "summaries_equal_entries":
            data["months"][2]["total_in"] = "0.01"
        case "balance_stays_above_the_overdraft":
            data["overdraft_limit"] = "-9999.00"
        case "rent_is_steady":
            rent["amount"] = "-1.00"
        case "bills_are_steady":
            rows.remove(next(row for row in rows if row["category"] == "telecom"))
        case "days_are_business_days":
            rent["value_date"] = "2026-01-01"
        case "numbers_are_sound":
            data["account"]["iban"] = "FR00" + data["account"]["iban"][4:]
        case "ages_are_plausible":
            data["employee"]["hired_on"] = data["persona"]["birth_date"]
        case "letter_says_the_same":
            data["sender"]["name"] = "Somebody Else"


@pytest.mark.parametrize("name", [invariant.__name__ for invariant in INVARIANTS])
def test_a_promise_that_is_broken_is_noticed(name: str) -> None:
    data = copy.deepcopy(finances())
    _spoil(data, name)
    with pytest.raises(AssertionError):
        {invariant.__name__: invariant for invariant in INVARIANTS}[name](data)


def test_low_pay_and_a_full_life_bring_savings_in_before_the_overdraft_is_passed() -> None:
    rescued = 0
    for i in range(10):
        data = finances(f"poor-{i}", monthly_gross=1500, transactions_per_month=60)
        assert_reconciles(data)
        rescued += data["transaction_count"] > 720
    assert rescued > 0


# What stays when something else changes


def test_a_longer_period_leaves_person_and_payslips_as_they_are() -> None:
    one, three = finances(), finances(months=36)
    for key in ("persona", "employer", "employee", "account", "institution", "overdraft_limit"):
        assert one[key] == three[key]
    assert three["payslips"][-12:] == one["payslips"]


def test_more_entries_change_no_payslip_and_another_locale_no_figure_of_a_life() -> None:
    few, many = finances(), finances(transactions_per_month=90)
    assert few["payslips"] == many["payslips"]
    french, german = finances(), finances(locale="de-DE")
    assert french["persona"]["birth_date"] == german["persona"]["birth_date"]
    assert french["employee"]["hired_on"] == german["employee"]["hired_on"]


def test_wishes_replace_inventions_and_stay_the_callers() -> None:
    address = ["1 rue de l’Exemple", "99000 Nulleparterre"]
    wishes = {"given_name": "Zéphyrine", "birth_date": "1980-02-29", "address": address}
    data = finances(persona=wishes, employer={"name": "Atelier du Vent"}, currency="CHF", monthly_gross=4000)
    data["employee"]["address"].append("scribbled")
    assert address == ["1 rue de l’Exemple", "99000 Nulleparterre"]
    assert data["sender"]["address"] == address
    assert data["persona"]["birth_date"] == "1980-02-29"
    assert data["employee"]["name"].startswith("Zéphyrine ")
    salaries = [row["description"] for row in data["transactions"] if row["category"] == "salary"]
    assert all("Atelier du Vent" in description for description in salaries)
    assert data["currency"] == "CHF"
    assert abs(Decimal(data["payslips"][-1]["earnings"][0]["amount"]) - 4000) < 1


@pytest.mark.parametrize(
    ("day", "last"), [("2026-10-02", "2026-09-30"), ("2026-09-30", "2026-09-30"), ("2026-01-01", "2025-12-31")]
)
def test_the_period_ends_with_the_last_month_that_is_over(day: str, last: str) -> None:
    data = finances(day=dt.date.fromisoformat(day))
    assert data["period"]["last"] == data["payslips"][-1]["period"]["last"] == last


@pytest.mark.parametrize("locale", sorted(GOLDEN))
def test_a_change_of_output_is_a_change_of_version(locale: str) -> None:
    assert HOUSEHOLD_FINANCE.version == "1.0.0"
    assert {payroll_scheme(language).version for language in LANGUAGES} == {"1.0.0"}
    assert digest(finances(locale=locale)) == GOLDEN[locale]


def test_the_output_does_not_depend_on_the_decimal_context_of_the_thread() -> None:
    expected = finances()
    with localcontext() as context:
        context.prec, context.rounding = 4, ROUND_UP
        assert finances() == expected


# What is refused


def test_a_bundle_without_a_date_is_refused_with_the_remedy() -> None:
    with pytest.raises(RenderFailed, match="needs the bundle's document_date"):
        finances(day=None)


@pytest.mark.parametrize("day", [dt.date(1949, 12, 31), dt.date(2200, 1, 1)])
def test_a_day_out_of_bounds_is_refused(day: dt.date) -> None:
    with pytest.raises(RenderFailed, match="for the years 1950 to 2199"):
        finances(day=day)


@pytest.mark.parametrize("birth_date", ["2010-01-01", "1940-01-01"])
def test_an_implausible_age_is_refused_by_name(birth_date: str) -> None:
    with pytest.raises(RenderFailed, match=r"generate\.params\.persona\.birth_date"):
        finances(persona={"birth_date": birth_date})


@pytest.mark.parametrize("birth_date", ["2003-09-30", "1955-10-01"])
def test_the_youngest_and_the_oldest_reconcile(birth_date: str) -> None:
    for i in range(5):
        assert_reconciles(finances(f"age-{i}", persona={"birth_date": birth_date}))


@pytest.mark.parametrize(
    "params",
    [
        {"months": 11}, {"months": 37}, {"transactions_per_month": 19}, {"transactions_per_month": 151}, {"currency": "JPY"},
        {"monthly_gross": 1499}, {"monthly_gross": "2000"}, {"persona": {"birth_date": "1.2.1980"}}, {"colour": "red"},
        {"employer": {"name": ""}},
    ],
)  # fmt: skip
def test_the_schema_refuses_what_the_generator_cannot_do(params: Any) -> None:
    schema = jsonschema_rs.Draft202012Validator(dict(HOUSEHOLD_FINANCE.params_schema), validate_formats=True)
    assert schema.is_valid({})
    assert not schema.is_valid(params)


# Words and days


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_payroll_language_has_the_same_words_and_printers_apostrophes(language: str) -> None:
    scheme, english = payroll_scheme(language), payroll_scheme("en")
    assert scheme.earnings.keys() == english.earnings.keys()
    assert scheme.letter.keys() == english.letter.keys()
    for name, text in scheme.letter.items():
        names = [{found for _, found, _, _ in Formatter().parse(words)} for words in (text, english.letter[name])]
        assert names[0] == names[1], name
    texts = [scheme.remark, *scheme.letter.values(), *(line.label for line in scheme.contributions)]
    assert [text for text in texts if "'" in text] == []
    assert re.search("invent|erfunden", scheme.remark), "nobody may take the scheme for a tariff"


def test_easter_falls_where_the_almanacs_have_it() -> None:
    assert [easter_sunday(year).isoformat() for year in (1961, 2000, 2008, 2024, 2026, 2027, 2038)] == [
        "1961-04-02", "2000-04-23", "2008-03-23", "2024-03-31", "2026-04-05", "2027-03-28", "2038-04-25",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("day", "open_"),
    [
        ("2026-04-03", False), ("2026-04-06", False), ("2026-04-02", True), ("2026-05-01", False), ("2026-12-24", True),
        ("2026-12-25", False), ("2026-12-28", True), ("2026-10-03", False), ("2027-01-01", False), ("2026-05-25", True),
    ],
)  # fmt: skip
def test_banks_rest_on_weekends_and_six_days_a_year(day: str, open_: bool) -> None:
    assert is_business_day(dt.date.fromisoformat(day)) is open_
