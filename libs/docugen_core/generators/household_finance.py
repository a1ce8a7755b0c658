"""A person's pay and current account over one to three years: payslips, entries and balances that agree to the cent.

The period ends with the last month that is over on the bundle's document_date. What holds for every seed and all parameters
(tests/finance_invariants.py has one function for each line, and tests/domain/test_household_finance.py runs them):

- every payment on a payslip is one credit of the account: same day, amount, reference
- gross pay less contributions less tax is net pay, and every line is its base times its rate
- the year to date is the sum of the payslips of that calendar year
- leave is carried from month to month and never overdrawn
- the totals of the period are the sums over its payslips
- opening balance plus entries is the closing balance, entry by entry
- the summaries of months and categories equal the entries
- the balance never falls below the overdraft
- rent is the same amount every month, on its day or the next business day
- bills come once a month for the amount agreed, save energy, which is metered
- every booking, value and payment is on a business day of the period
- references are unique and the IBAN passes its checksum
- ages are plausible: of age at hiring, hired before the period, account opened as an adult
- the letter's figures are those of the payslips and the account

The account has the shape of household_account and fits the pack quarterly-account-pack; `payslips` fits the pack payslip,
`sender` to `enclosures` fit the pack letter. The same seed and parameters give the same object in every process. A longer
period leaves persona, employer and every payslip as they are; the account opens where the period does.

The locale's language (fr, en, de; all others get English) chooses words and payroll scheme. Schemes are simplified and
invented, and nobody's tariff: each payslip's `remark` says so. Amounts are drawn for currencies worth about one euro.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any, cast

from docugen_core.domain.json import JsonObject
from docugen_core.domain.seed import SeedStream
from docugen_core.generators.account_record import account_record, money, month_starts
from docugen_core.generators.business_days import business_day_in_month, business_day_on_or_after
from docugen_core.generators.finance_letter import FinanceFile, make_letter
from docugen_core.generators.finance_params import (
    MONTHS_DEFAULT,
    PARAMS_SCHEMA,
    TRANSACTIONS_DEFAULT,
    period_end,
    plausible_birth_date,
)
from docugen_core.generators.generator import Generator, GeneratorContext
from docugen_core.generators.household import (
    Household,
    invent_holder,
    invent_household,
    invent_institution,
    invent_salary,
)
from docugen_core.generators.household_account import default_currency
from docugen_core.generators.household_month import Entry, Plan, plan_month, settle
from docugen_core.generators.iban import digits
from docugen_core.generators.payroll import Job, deduct, make_payslips
from docugen_core.generators.payroll_scheme import PayrollScheme, payroll_scheme
from docugen_core.generators.word_lists import WordList, fill_digits, word_list

CHAIN_YEARS = 3
"""Payslips are made from January of this many years before the period's end: 36 months never begin earlier."""

_EXACT = Context(prec=28, rounding=ROUND_HALF_EVEN)
_TOTALS = ("gross", "employee_contributions", "employer_contributions", "net_before_tax", "tax", "net")


def generate(params: JsonObject, context: GeneratorContext) -> JsonObject:
    """The file as plain JSON; amounts are decimal strings with two places, days are ISO dates. Pure.

    Raises RenderFailed without a document_date, for one before 1950 or after 2199, and for a birth_date that makes the
    person younger than 23 or older than 70.
    """
    # Arithmetic must not depend on what another library did to the thread's decimal context.
    with localcontext(_EXACT):
        return _generate(cast("Mapping[str, Any]", params), context)


@dataclass(frozen=True, slots=True)
class _Employment:
    """What a person does for whom. employer: the `employer` of the output."""

    employer: dict[str, Any]
    position: str
    job: Job


def _generate(params: Mapping[str, Any], context: GeneratorContext) -> JsonObject:
    seed, words, scheme = context.seed, word_list(context.language), payroll_scheme(context.language)
    end = period_end(context.document_date)
    currency = params.get("currency") or default_currency(context.locale)
    persona = _persona(words, seed, params.get("persona", {}), end)
    base_salary = _base_salary(scheme, seed, params)
    usual_net = deduct(scheme, base_salary, scheme.tax_rate(base_salary)).net
    household = invent_household(words, seed, usual_net)
    employment = _employment(household, scheme, seed, params.get("employer", {}), persona, base_salary, end)
    household = replace(household, employer=employment.employer["name"])

    chain = _months_until(dt.date(end.year - CHAIN_YEARS, 1, 1), end)
    payslips = make_payslips(scheme, employment.job, seed / "job", chain)[-params.get("months", MONTHS_DEFAULT) :]
    firsts = chain[-len(payslips) :]
    overdraft = Decimal((seed / "account" / "overdraft").between(2, 15) * 100).quantize(Decimal("0.01"))
    count = params.get("transactions_per_month", TRANSACTIONS_DEFAULT)
    entries = _entries_by_month(household, seed, firsts, payslips, count, -overdraft)
    record = account_record(firsts, entries, household.opening_balance)
    file = FinanceFile(
        scheme, household, persona, employment.employer["name"], employment.position, employment.job.hired_on,
        currency, overdraft, record, payslips,
    )  # fmt: skip
    result: dict[str, Any] = {
        "persona": persona,
        "employer": employment.employer,
        "employee": _employee(scheme, seed, persona, employment),
        "currency": currency,
        "payslips": payslips,
        "pay_totals": _pay_totals(payslips),
        "remark": scheme.remark,
        "institution": invent_institution(words, seed),
        "holder": {key: value for key, value in persona.items() if key != "birth_date"},
        "account": _account(household, seed, persona, currency, chain[0]),
        "overdraft_limit": str(overdraft),
        **record,
        "reference": f"{household.account.number[-4:]}-{firsts[0]:%Y%m}-{digits(seed / 'reference', 6)}",
        **make_letter(file, seed / "letter"),
    }
    return result


def _months_until(first: dt.date, end: dt.date) -> list[dt.date]:
    return month_starts(first, (end.year - first.year) * 12 + end.month - first.month + 1)


def _persona(words: WordList, seed: SeedStream, wishes: JsonObject, end: dt.date) -> dict[str, Any]:
    birth_date = plausible_birth_date(cast("str | None", wishes.get("birth_date")), seed / "holder" / "birth_date", end)
    named = {key: value for key, value in wishes.items() if key != "birth_date"}
    return {**invent_holder(words, seed, named), "birth_date": birth_date.isoformat()}


def _base_salary(scheme: PayrollScheme, seed: SeedStream, params: Mapping[str, Any]) -> Decimal:
    if "monthly_gross" in params:
        return Decimal(params["monthly_gross"])
    return Decimal(int(invent_salary(seed) * scheme.gross_per_net) // 10 * 10)


def _employment(
    household: Household,
    scheme: PayrollScheme,
    seed: SeedStream,
    wishes: JsonObject,
    persona: Mapping[str, Any],
    base_salary: Decimal,
    end: dt.date,
) -> _Employment:
    place, words = seed / "job", household.words
    age = end.year - dt.date.fromisoformat(persona["birth_date"]).year
    # Hired at 18 or later, and before the chain of payslips begins.
    years = (place / "years").between(CHAIN_YEARS + 1, min(CHAIN_YEARS + 14, age - 19))
    employer: dict[str, Any] = {
        "name": household.employer,
        "legal_form": scheme.employer["legal_form"],
        "address": words.invent_address(place / "address"),
        "phone": words.invent_phone(place / "phone"),
        "identifiers": _identifiers(scheme.employer["identifiers"], place / "identifiers"),
    }
    employer |= wishes
    employer["address"] = list(cast("Sequence[str]", employer["address"]))  # the caller's list stays the caller's
    job = Job(
        number=digits(place / "number", 6),
        hired_on=dt.date(end.year - years, (place / "month").between(1, 12), 1),
        base_salary=base_salary,
        last_year=end.year,
        growth=(place / "growth").between(8, 30),
        bonus=(place / "bonus").between(25, 90),
        payday=household.salary_day,
        iban=household.account.iban,
    )
    return _Employment(employer, (place / "position").choice(scheme.employee["positions"]), job)


def _employee(
    scheme: PayrollScheme, seed: SeedStream, persona: Mapping[str, Any], employment: _Employment
) -> dict[str, Any]:
    return {
        "title": persona["title"],
        "name": persona["name"],
        "address": list(persona["address"]),
        "number": employment.job.number,
        "position": employment.position,
        "hired_on": employment.job.hired_on.isoformat(),
        "identifiers": _identifiers(scheme.employee["identifiers"], seed / "holder" / "identifiers"),
    }


def _identifiers(patterns: Sequence[Mapping[str, str]], place: SeedStream) -> list[dict[str, str]]:
    return [
        {"label": entry["label"], "value": fill_digits(entry["pattern"], place / number)}
        for number, entry in enumerate(patterns)
    ]


def _account(
    household: Household, seed: SeedStream, persona: Mapping[str, Any], currency: str, before: dt.date
) -> dict[str, Any]:
    born = dt.date.fromisoformat(persona["birth_date"])
    # A day after the eighteenth birthday, whatever the leap years.
    adult = dt.date(born.year + 18, born.month, 1) + dt.timedelta(days=31)
    return {
        "product": household.product,
        "iban": household.account.iban,
        "bic": household.account.bic,
        "number": household.account.number,
        "currency": currency,
        "opened_on": business_day_on_or_after((seed / "account" / "opened").date(adult, before)).isoformat(),
    }


def _entries_by_month(
    household: Household,
    seed: SeedStream,
    firsts: Sequence[dt.date],
    payslips: Sequence[Mapping[str, Any]],
    count: int,
    floor: Decimal,
) -> list[tuple[Entry, ...]]:
    months = []
    balance = household.opening_balance
    for first, payslip in zip(firsts, payslips, strict=True):
        place = seed / "months" / f"{first:%Y-%m}"
        plans = plan_month(replace(household, salary=Decimal(payslip["net"])), place, first, count)
        booked = sorted((_booked(plan, payslip["payment"]) for plan in plans), key=lambda plan: plan.date)
        months.append(settle(household, place, booked, balance, floor))
        balance = months[-1][-1].balance
    return months


def _booked(plan: Plan, payment: Mapping[str, str]) -> Plan:
    """`plan` on the business days of its month; the salary on the day and with the reference of the payslip."""
    if plan.category == "salary":
        return replace(plan, date=dt.date.fromisoformat(payment["date"]), reference=payment["reference"])
    date = business_day_in_month(plan.date)
    value_date = business_day_in_month(date + dt.timedelta(days=plan.lag_days))
    return replace(plan, date=date, lag_days=(value_date - date).days if value_date.month == date.month else 0)


def _pay_totals(payslips: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {
        key: money(Decimal(payslip["tax"]["amount"] if key == "tax" else payslip[key]) for payslip in payslips)
        for key in _TOTALS
    }


HOUSEHOLD_FINANCE = Generator(
    name="household_finance",
    version="1.0.0",
    description="A person's payslips and current account over 12 to 36 months, with a covering letter; all reconcile.",
    params_schema=PARAMS_SCHEMA,
    generate=generate,
)
