"""What may be asked of household_finance, and the days that follow from the bundle's document_date."""

from __future__ import annotations

import datetime as dt

from docugen_core.domain.json import JsonObject
from docugen_core.domain.seed import SeedStream
from docugen_core.errors import RenderFailed
from docugen_core.generators import household_account

MONTHS_DEFAULT = 12
TRANSACTIONS_DEFAULT = 40
YEAR_MIN, YEAR_MAX = 1950, 2199
AGE_MIN, AGE_MAX = 23, 70
INVENTED_AGE_MIN, INVENTED_AGE_MAX = 24, 61

_ADDRESS: JsonObject = {
    "description": "Lines of the postal address, without the name.",
    "type": "array",
    "minItems": 1,
    "maxItems": 5,
    "items": {"description": "A line of the address.", "type": "string", "minLength": 1, "maxLength": 80},
}


def _name(description: str, length: int = 60) -> JsonObject:
    return {"description": description, "type": "string", "minLength": 1, "maxLength": length}


PARAMS_SCHEMA: JsonObject = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Parameters of household_finance",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "months": {
            "description": "Number of months in the period, which ends with the last full month before document_date.",
            "type": "integer",
            "minimum": 12,
            "maximum": 36,
            "default": MONTHS_DEFAULT,
        },
        "transactions_per_month": {
            "description": "Entries planned for each month; transfers from savings may come on top.",
            "type": "integer",
            "minimum": 20,
            "maximum": 150,
            "default": TRANSACTIONS_DEFAULT,
        },
        "currency": {
            "description": "ISO 4217 code of pay and account. Default: the one of the locale's region.",
            "enum": list(household_account.CURRENCIES),
        },
        "monthly_gross": {
            "description": "Base salary of a month in the last year of the period, in whole units. Default: invented.",
            "type": "integer",
            "minimum": 1500,
            "maximum": 20000,
        },
        "persona": {
            "description": "Parts of the person to use instead of invented ones.",
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "title": _name("Form of address.", 20),
                "given_name": _name("Given name."),
                "family_name": _name("Family name."),
                "birth_date": {
                    "description": "Date of birth, YYYY-MM-DD; 23 to 70 years before the period's end.",
                    "type": "string",
                    "format": "date",
                },
                "address": _ADDRESS,
            },
        },
        "employer": {
            "description": "Parts of the employer to use instead of invented ones.",
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "name": _name("Name of the employer."),
                "legal_form": _name("Legal form, printed below the name.", 80),
                "address": _ADDRESS,
            },
        },
    },
}


def period_end(document_date: dt.date | None) -> dt.date:
    """The last day of the last month that is over on `document_date`: 2 October -> 30 September, 30 September -> itself.

    Raises RenderFailed naming document_date where it is missing or out of bounds.
    """
    if document_date is None:
        raise RenderFailed(
            "household_finance needs the bundle's document_date: the period ends with the last full month before it",
            hint="Set document_date in the bundle, or --date of the command, such as 2026-10-02.",
        )
    if not YEAR_MIN <= document_date.year <= YEAR_MAX:
        raise RenderFailed(
            f"household_finance makes data for the years {YEAR_MIN} to {YEAR_MAX}, document_date is {document_date}",
            hint="Set another document_date in the bundle.",
        )
    following = document_date + dt.timedelta(days=1)
    return document_date if following.day == 1 else document_date.replace(day=1) - dt.timedelta(days=1)


def plausible_birth_date(wish: str | None, place: SeedStream, end: dt.date) -> dt.date:
    """The wished date of birth, or one that makes the person 24 to 61 years old at the period's `end`.

    Raises RenderFailed naming the parameter where the wish makes them younger than 23 or older than 70.
    """
    if wish is None:
        return place.date(
            _years_before(end, INVENTED_AGE_MAX + 1) + dt.timedelta(days=1), _years_before(end, INVENTED_AGE_MIN)
        )
    born = dt.date.fromisoformat(wish)
    if not AGE_MIN <= age_on(born, end) <= AGE_MAX:
        raise RenderFailed(
            f"generate.params.persona.birth_date {wish} makes the person {age_on(born, end)} years old on {end}",
            hint=f"Give a date of birth {AGE_MIN} to {AGE_MAX} years before the end of the period.",
        )
    return born


def age_on(born: dt.date, day: dt.date) -> int:
    """Completed years of life on `day`."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _years_before(day: dt.date, years: int) -> dt.date:
    # 29 February has no counterpart in most years; ends of months do not mind the day less.
    return day.replace(year=day.year - years, day=min(day.day, 28))
