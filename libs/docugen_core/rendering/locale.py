"""What a template may know of a language: CLDR facts from Babel, as plain JSON. The words of `world.json`.

Templates get data, never a formatting function of the machine: the C locale and the system's ICU are not asked. Always the
`latn` digits: a document's figures stay figures that can be copied into a calculation.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from docugen_core.domain.failure import Violation
from docugen_core.domain.json import JsonObject
from docugen_core.errors import InvalidRequest
from docugen_core.rendering.world import World

if TYPE_CHECKING:
    from babel import Locale

DATE_STYLES = ("short", "medium", "long", "full")
DIGITS_MAX = 40
"""Of a number in data, before the point and after it."""

# CLDR's currencySpacing ("CHF 5", not "CHF5"), which Babel leaves out.
_LETTER_BY_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_DIGITS = re.compile(r"([#0][#0,]*)(?:\.[#0]+)?")

_CURRENCIES = (
    "AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KES KRW KWD MAD MXN MYR "
    "NGN NOK NZD PEN PHP PLN RON RSD SAR SEK SGD THB TND TRY TWD UAH USD VND XAF XOF ZAR"
)


def world_facts(world: World) -> JsonObject:
    """The content of `world.json`: the document's own facts and `locale_facts` of its locale. Raises InvalidRequest."""
    return {
        "document_date": world.document_date.isoformat() if world.document_date else None,
        "time_zone": world.time_zone,
        "specimen": world.specimen,
        **locale_facts(world.locale),
    }


@lru_cache(maxsize=32)
def locale_facts(locale: str) -> JsonObject:
    """CLDR facts of a BCP 47 locale: direction, symbols, patterns, currencies, names of months and weekdays (Monday first).

    territory is empty where the locale names none. Raises InvalidRequest for an unknown locale, naming the nearest.
    """
    from babel.numbers import get_currency_precision

    cldr = cldr_locale(locale)
    symbols = cldr.number_symbols["latn"]
    months, days, days_alone = cldr.months["format"], cldr.days["format"], cldr.days["stand-alone"]
    return {
        "locale": str(cldr).replace("_", "-"),
        "language": cldr.language,
        "direction": "rtl" if cldr.character_order == "right-to-left" else "ltr",
        "territory": cldr.territory or "",
        "symbols": {
            "decimal": symbols["decimal"],
            "group": symbols["group"],
            "minus": symbols["minusSign"],
            "percent": symbols["percentSign"],
        },
        "number_pattern": cldr.decimal_formats[None].pattern,
        "currency_pattern": cldr.currency_formats["standard"].pattern,
        "percent_pattern": cldr.percent_formats[None].pattern,
        "currencies": {
            code: {"symbol": cldr.currency_symbols.get(code, code), "digits": get_currency_precision(code)}
            for code in sorted({*_CURRENCIES.split(), *_own_currencies(cldr)})
        },
        "months": {width: [months[width][n] for n in range(1, 13)] for width in ("wide", "abbreviated")},
        "weekdays": {width: [days[width][n] for n in range(7)] for width in ("wide", "abbreviated")},
        "weekdays_alone": {width: [days_alone[width][n] for n in range(7)] for width in ("wide", "abbreviated")},
        "era": {width: cldr.eras[width][1] for width in ("wide", "abbreviated")},
        "date_patterns": {style: cldr.date_formats[style].pattern for style in DATE_STYLES},
    }


def _own_currencies(cldr: Locale) -> set[str]:
    """What its territory, or the one most of its speakers live in, pays with, as of Babel's edition and not of today."""
    from babel.core import get_global

    territory = cldr.territory or get_global("likely_subtags").get(str(cldr), "").split("_")[-1]
    entries = get_global("territory_currencies").get(territory, ())
    return {code for code, _, until, tender in entries if tender and until is None}


@lru_cache(maxsize=32)
def cldr_locale(locale: str) -> Locale:
    """Babel's locale for a BCP 47 tag. Raises InvalidRequest for an unknown one, naming the nearest."""
    from babel import Locale, UnknownLocaleError
    from babel.localedata import locale_identifiers

    try:
        return Locale.parse(locale, sep="-")
    except (UnknownLocaleError, ValueError, TypeError):
        tags = [identifier.replace("_", "-") for identifier in locale_identifiers()]
        near = get_close_matches(locale, tags, n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]!r}?" if near else "Write a BCP 47 tag such as 'en-GB'."
        violation = Violation("locale", f"unknown locale {locale!r}", hint)
        raise InvalidRequest(f"locale: unknown locale {locale!r}", hint=hint, violations=[violation]) from None


def format_money(amount: Decimal, currency: str, locale: str) -> str:
    """`1234.5, EUR, fr-FR` -> `1 234,50 €`. At least the currency's decimals; all that the amount has, never rounded.

    Any ISO 4217 code CLDR knows; raises ValueError for another.
    """
    from babel.numbers import format_currency, get_currency_precision, is_currency

    if not is_currency(currency):
        raise ValueError(f"unknown currency {currency!r}; write an ISO 4217 code such as 'EUR'")
    cldr = cldr_locale(locale)
    exponent = amount.as_tuple().exponent
    places = max(get_currency_precision(currency), -exponent if isinstance(exponent, int) else 0)
    pattern = _with_decimals(cldr.currency_formats["standard"].pattern, places)
    text = format_currency(
        _unsigned_zero(amount), currency, pattern, locale=cldr, currency_digits=False, numbering_system="latn"
    )
    return _LETTER_BY_DIGIT.sub("\u00a0", _with_minus_of(cldr, text, amount))


def format_number(number: Decimal, locale: str, decimals: int | None = None) -> str:
    """`1234.5` -> `1,234.5`: every digit of the number, or exactly `decimals` (0 to 20) after the point."""
    from babel.numbers import format_decimal

    exponent = number.as_tuple().exponent
    places = max(0, -exponent) if decimals is None and isinstance(exponent, int) else decimals or 0
    if not 0 <= places <= 20:
        raise ValueError("a number has 0 to 20 decimals")
    cldr = cldr_locale(locale)
    pattern = _with_decimals(cldr.decimal_formats[None].pattern, places)
    text = format_decimal(_unsigned_zero(number), pattern, locale=cldr, numbering_system="latn")
    return _with_minus_of(cldr, text, number)


def format_percent(rate: Decimal, locale: str, decimals: int | None = None) -> str:
    """`20` -> `20%`, `5.50` -> `5.5%`: a rate in percent, in the locale's pattern, as docugen.typ writes it.

    Its digits without the last zeros, or exactly `decimals` (0 to 20) after the point.
    """
    from babel.numbers import format_percent as babel_percent

    places = decimal_places(rate) if decimals is None else decimals
    if not 0 <= places <= 20:
        raise ValueError("a rate has 0 to 20 decimals")
    cldr = cldr_locale(locale)
    pattern = _with_decimals(cldr.percent_formats[None].pattern, places)
    text = babel_percent(_unsigned_zero(rate).scaleb(-2), pattern, locale=cldr, numbering_system="latn")
    return _with_minus_of(cldr, text, rate)


def _with_decimals(pattern: str, places: int) -> str:
    """A CLDR pattern, its negative half too, with exactly so many decimals: `#,##,##0.###` and 2 -> `#,##,##0.00`."""
    return _DIGITS.sub(lambda core: core[1] + ("." + "0" * places if places else ""), pattern)


def _unsigned_zero(number: Decimal) -> Decimal:
    return number or abs(number)


def _with_minus_of(cldr: Locale, text: str, number: Decimal) -> str:
    """Babel writes a hyphen everywhere. Some locales have another minus, and in Arabic it needs a mark to stay in front."""
    return text.replace("-", cldr.number_symbols["latn"]["minusSign"], 1) if number < 0 else text


def decimal_places(number: Decimal) -> int:
    """Digits after the point that matter: `5.50` -> 1, `20` -> 0."""
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def format_day(day: dt.date, locale: str, style: str = "medium") -> str:
    """`2026-09-30` in one of CLDR's styles: short, medium, long, full. French: `1er novembre`, as docugen.typ writes it."""
    from babel.dates import format_date

    if style not in DATE_STYLES:
        raise ValueError(f"unknown date style {style!r}; known: {', '.join(DATE_STYLES)}")
    cldr = cldr_locale(locale)
    pattern = cldr.date_formats[style].pattern
    if cldr.language == "fr" and day.day == 1 and "MMM" in pattern:
        # French counts the first day of a month and names the others; CLDR patterns cannot say so.
        pattern = re.sub(r"\bd\b", "d'er'", pattern)
    return format_date(day, format=pattern, locale=cldr)


def as_decimal(value: Any) -> Decimal:
    """A number of the data as it was written: text keeps every digit. Raises ValueError without quoting the value.

    Also for one of more than DIGITS_MAX digits on a side of the point: `1E999999999` is short until it is written out.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"needs a number or a decimal text, not {json_kind(value)}")  # noqa: TRY004 - one error type
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except ArithmeticError:
        raise ValueError("needs a decimal text such as '1234.50'") from None
    if not number.is_finite():
        raise ValueError("needs a finite number")
    exponent = number.as_tuple().exponent
    if number.adjusted() >= DIGITS_MAX or (isinstance(exponent, int) and exponent < -DIGITS_MAX):
        raise ValueError(f"needs a number of at most {DIGITS_MAX} digits before the point and after it")
    return number


def as_day(value: Any) -> dt.date:
    """A day of the data, `2026-09-30`. Raises ValueError without quoting the value."""
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError("needs a day such as '2026-09-30'")


def json_kind(value: object) -> str:
    """What JSON calls the type of `value`."""
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "a text"),
        (Mapping, "an object"),
        (list, "an array"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")
