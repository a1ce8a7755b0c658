"""Figures and dates in every locale: the filters of text and HTML write what Babel writes, docugen.typ writes what they write.

Two differences to Babel are meant: the minus is the locale's own (Babel writes a hyphen for all), and letters of a
currency stand off from digits, as CLDR's currencySpacing asks. One of docugen.typ is: a hyphen for a minus is drawn as U+2212.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
import typst
from babel import Locale
from babel.dates import format_date
from babel.localedata import locale_identifiers
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_precision
from docugen_core.domain.identity import canonical_json
from docugen_core.domain.json import JsonObject
from docugen_core.rendering import locale as ours
from docugen_core.rendering.compilers import typst_fonts
from docugen_core.rendering.fonts import installed_fonts
from docugen_core.rendering.typst_library import LIBRARY_FOLDER
from docugen_core.rendering.world import World
from hypothesis import given
from hypothesis import strategies as st

AMOUNTS = ("0", "-1234.5", "1234567.89", "0.005", "999", "12345", "-0.75", "-0.00", "9007199254740993.07")
RATES = ("20", "5.50", "-2.5", "0", "133.125")
CURRENCIES = ("EUR", "JPY", "CHF", "KWD", "INR", "AED")
DAYS = ("2026-09-30", "2026-01-01", "2024-02-29")

SAMPLE = (
    "ar-AE ar-EG bn-IN cs-CZ da-DK de-AT de-CH el-GR en-GB en-IN en-US es-ES es-419 fa-IR fi-FI fr-CA fr-FR gez he-IL"
    " hi-IN hu-HU it-CH ja-JP ko-KR lt-LT mr-IN nb-NO ne-NP nl-NL pl-PL ps pt-BR pt-PT ro-RO ru-RU sv-SE sw-KE th-TH"
    " tr-TR uk-UA ur-PK vi-VN zh-Hans-CN zh-Hant-TW"
)


@cache
def _locales() -> tuple[str, ...]:
    """Every locale of Babel that writes money."""
    return tuple(
        name.replace("_", "-")
        for name in sorted(locale_identifiers())
        if Locale.parse(name).currency_formats.get("standard")
    )


def _as_babel(text: str, locale: str) -> str:
    """What we wrote, without the two differences that are meant."""
    minus = ours.cldr_locale(locale).number_symbols["latn"]["minusSign"]
    return re.sub(r"(?<=[^\W\d_])\u00a0(?=\d)|(?<=\d)\u00a0(?=[^\W\d_])", "", text.replace(minus, "-"))


NUMBERS = st.decimals(-(10**15), 10**15, places=2).map(lambda number: number or abs(number))


@given(locale=st.sampled_from(_locales()), number=NUMBERS, currency=st.sampled_from(CURRENCIES))
def test_money_is_written_as_babel_writes_it(locale: str, number: Decimal, currency: str) -> None:
    amount = number.scaleb(2 - get_currency_precision(currency)).quantize(
        Decimal(1).scaleb(-get_currency_precision(currency))
    )
    babel = format_currency(amount, currency, locale=ours.cldr_locale(locale), numbering_system="latn")

    assert _as_babel(ours.format_money(amount, currency, locale), locale) == _as_babel(babel, locale)


@given(locale=st.sampled_from(_locales()), number=NUMBERS)
def test_numbers_and_rates_are_written_as_babel_writes_them(locale: str, number: Decimal) -> None:
    cldr = ours.cldr_locale(locale)
    whole = number.to_integral_value()
    integer = format_decimal(whole or abs(whole), locale=cldr, numbering_system="latn")
    exact = format_decimal(number, locale=cldr, numbering_system="latn", decimal_quantization=False)
    percent = format_percent(number.scaleb(-2), locale=cldr, numbering_system="latn", decimal_quantization=False)

    assert _as_babel(ours.format_number(whole, locale), locale) == integer
    assert _as_babel(ours.format_number(number, locale, ours.decimal_places(number)), locale) == exact
    assert _as_babel(ours.format_percent(number, locale), locale) == _as_babel(percent, locale)


@given(
    locale=st.sampled_from([name for name in _locales() if not name.startswith("fr")]),
    day=st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31)),
    style=st.sampled_from(ours.DATE_STYLES),
)
def test_days_are_written_as_babel_writes_them(locale: str, day: dt.date, style: str) -> None:
    assert ours.format_day(day, locale, style) == format_date(day, style, ours.cldr_locale(locale))


@pytest.mark.parametrize("locale", SAMPLE.split())
def test_pdf_and_html_write_the_same_figures_and_dates(locale: str) -> None:
    printed = _typst(locale)

    assert printed["money"] == [[_drawn(ours.format_money(Decimal(a), c, locale)) for a in AMOUNTS] for c in CURRENCIES]
    assert printed["number"] == [_drawn(ours.format_number(Decimal(amount), locale)) for amount in AMOUNTS]
    assert printed["percent"] == [_drawn(ours.format_percent(Decimal(rate), locale)) for rate in RATES]
    days = [[ours.format_day(dt.date.fromisoformat(day), locale, style) for style in ours.DATE_STYLES] for day in DAYS]
    assert [[_plain_spaces(day) for day in styles] for styles in printed["date"]] == [
        [_plain_spaces(day) for day in styles] for styles in days
    ]


def test_a_value_in_a_sentence_from_right_to_left_keeps_its_own_direction() -> None:
    """A telephone number had its groups in the wrong order."""
    source = '#import "docugen.typ": *\n#metadata(label("phone", phone: "020 7946 0418")) <printed>'
    labels: JsonObject = {"phone": "Tel. {phone}"}

    assert _asked(source, "he-IL", labels) == "Tel. \u2068020 7946 0418\u2069"
    assert _asked(source, "en-GB", labels) == "Tel. 020 7946 0418"


def _typst(locale: str) -> dict[str, Any]:
    """What docugen.typ makes of the values above, asked of Typst without a PDF between."""
    source = f"""#import "docugen.typ": *
#metadata((
  money: {_array(CURRENCIES)}.map(c => {_array(AMOUNTS)}.map(a => money(a, c))),
  number: {_array(AMOUNTS)}.map(a => number(a)),
  percent: {_array(RATES)}.map(r => percent(r)),
  date: {_array(DAYS)}.map(d => {_array(ours.DATE_STYLES)}.map(s => date(d, style: s))),
)) <printed>"""
    printed: dict[str, Any] = _asked(source, locale)
    return printed


def _asked(source: str, locale: str, labels: JsonObject | None = None) -> Any:
    world = canonical_json(ours.world_facts(World(dt.date(2026, 9, 30), locale, "UTC", True)))
    inputs = {
        "data.json": b"{}",
        "docugen/branding.json": b"{}",
        "labels.json": canonical_json(labels or {}),
        "world.json": world,
    }
    files: Any = {"main.typ": source.encode(), **inputs}
    fonts = typst_fonts(installed_fonts())
    return json.loads(
        typst.Compiler(files, root=LIBRARY_FOLDER, font_paths=fonts).query("<printed>", field="value", one=True)
    )


def _array(values: tuple[str, ...]) -> str:
    return "(" + ", ".join(f'"{value}"' for value in values) + ",)"


def _drawn(text: str) -> str:
    return text.replace("-", "\u2212") if "\u200e" not in text else text


def _plain_spaces(text: str) -> str:
    """docugen.typ keeps the first words of a date on one line."""
    return text.replace("\u00a0", " ")
