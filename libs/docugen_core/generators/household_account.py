"""The current account of an invented household, over one to 24 months: the data of statements, ledgers and reports.

What holds for every seed and all parameters (tests/domain/test_generators.py checks each line):

- opening_balance + total_in - total_out = closing_balance, and each entry's balance is the one before plus its amount;
- `months` and `categories` reconcile with the entries, in counts and in amounts;
- exactly `transactions_per_month` entries a month, sorted by date, booked and valued inside the period;
- references are unique, the IBAN passes its checksum, amounts have two decimals and none is zero;
- the same seed and parameters give the same object, in every process; other months, or more of them, change nothing in a
  month that both have; the number of transactions changes neither holder, institution nor account.

The locale's language (fr, en, de; all others get English) chooses words, address form, telephone range and the country of the
IBAN. The locale's region, or else its language, chooses the currency. Amounts are drawn for currencies worth about one
euro, so only such currencies are offered.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, localcontext
from typing import Any, cast

from docugen_core.domain.json import JsonObject
from docugen_core.domain.seed import SeedStream
from docugen_core.generators.account_record import account_record, month_starts
from docugen_core.generators.generator import Generator, GeneratorContext
from docugen_core.generators.household import Household, invent_holder, invent_household, invent_institution
from docugen_core.generators.household_month import Entry, month_entries
from docugen_core.generators.iban import digits
from docugen_core.generators.word_lists import word_list

CURRENCIES = ("AUD", "CAD", "CHF", "EUR", "GBP", "NZD", "USD")
MONTHS_DEFAULT = 3
TRANSACTIONS_DEFAULT = 58

_CURRENCY_OF_REGION = {
    "AU": "AUD",
    "CA": "CAD",
    "CH": "CHF",
    "GB": "GBP",
    "LI": "CHF",
    "NZ": "NZD",
    "US": "USD",
}
_CURRENCY_OF_LANGUAGE = {"en": "GBP"}
_EXACT = Context(prec=28, rounding=ROUND_HALF_EVEN)

PARAMS_SCHEMA: JsonObject = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Parameters of household_account",
    "type": "object",
    "additionalProperties": False,
    "required": ["first_month"],
    "properties": {
        "first_month": {
            "description": "First month of the account's period, YYYY-MM, from 1900-01 to 2199-12.",
            "type": "string",
            "pattern": "^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])$",
            "maxLength": 7,
        },
        "months": {
            "description": "Number of months in the period.",
            "type": "integer",
            "minimum": 1,
            "maximum": 24,
            "default": MONTHS_DEFAULT,
        },
        "transactions_per_month": {
            "description": "Entries in each month, the fixed ones (salary, rent, bills) included.",
            "type": "integer",
            "minimum": 5,
            "maximum": 400,
            "default": TRANSACTIONS_DEFAULT,
        },
        "currency": {
            "description": "ISO 4217 code of the account's currency. Default: the one of the locale's region.",
            "enum": list(CURRENCIES),
        },
        "holder": {
            "description": "Parts of the account holder to use instead of invented ones.",
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "title": {"description": "Form of address.", "type": "string", "minLength": 1, "maxLength": 20},
                "given_name": {"description": "Given name.", "type": "string", "minLength": 1, "maxLength": 60},
                "family_name": {"description": "Family name.", "type": "string", "minLength": 1, "maxLength": 60},
                "address": {
                    "description": "Lines of the postal address, without the name.",
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 5,
                    "items": {"type": "string", "minLength": 1, "maxLength": 80},
                },
            },
        },
    },
}


def default_currency(locale: str) -> str:
    """The account's currency where the caller names none: by region, else by language, else EUR."""
    language, *rest = locale.replace("_", "-").split("-")
    region = next((part.upper() for part in rest if len(part) == 2), "")
    if region:
        return _CURRENCY_OF_REGION.get(region, "EUR")
    return _CURRENCY_OF_LANGUAGE.get(language.lower(), "EUR")


def generate(params: JsonObject, context: GeneratorContext) -> JsonObject:
    """The account as plain JSON; amounts are decimal strings with two places, days are ISO dates. Pure."""
    # Arithmetic must not depend on what another library did to the thread's decimal context.
    with localcontext(_EXACT):
        return _generate(cast("Mapping[str, Any]", params), context)


def _generate(params: Mapping[str, Any], context: GeneratorContext) -> JsonObject:
    seed, words = context.seed, word_list(context.language)
    household = invent_household(words, seed)
    firsts = month_starts(dt.date.fromisoformat(f"{params['first_month']}-01"), params.get("months", MONTHS_DEFAULT))
    months = _entries_by_month(household, seed, firsts, params.get("transactions_per_month", TRANSACTIONS_DEFAULT))
    account = household.account
    result: dict[str, Any] = {
        "institution": invent_institution(words, seed),
        "holder": invent_holder(words, seed, params.get("holder", {})),
        "account": {
            "product": household.product,
            "iban": account.iban,
            "bic": account.bic,
            "number": account.number,
            "currency": params.get("currency") or default_currency(context.locale),
            "opened_on": _opened_on(seed / "account" / "opened", firsts[0]).isoformat(),
        },
        **account_record(firsts, months, household.opening_balance),
        "reference": f"{account.number[-4:]}-{firsts[0]:%Y%m}-{digits(seed / 'reference', 6)}",
    }
    return result


def _entries_by_month(
    household: Household, seed: SeedStream, firsts: Iterable[dt.date], count: int
) -> list[tuple[Entry, ...]]:
    months = []
    balance = household.opening_balance
    for first in firsts:
        months.append(month_entries(household, seed / "months" / first.isoformat()[:7], first, count, balance))
        balance = months[-1][-1].balance
    return months


def _opened_on(place: SeedStream, first: dt.date) -> dt.date:
    return first - dt.timedelta(days=place.between(400, 6_500))


HOUSEHOLD_ACCOUNT = Generator(
    name="household_account",
    version="1.0.0",
    description="A household's current account over one to 24 months: holder, institution, entries, totals.",
    params_schema=PARAMS_SCHEMA,
    generate=generate,
)
