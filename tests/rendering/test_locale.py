"""The facts of a locale that templates build on, and the formats of money, numbers and days."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, cast

import pytest
from docugen_core.domain.identity import canonical_json
from docugen_core.errors import InvalidRequest
from docugen_core.rendering.locale import (
    as_day,
    as_decimal,
    format_day,
    format_money,
    format_number,
    format_percent,
    locale_facts,
    world_facts,
)
from docugen_core.rendering.world import World

NARROW = "\u202f"
NO_BREAK = "\u00a0"


def test_world_facts_have_exactly_the_keys_templates_rely_on() -> None:
    world = World(dt.date(2026, 9, 30), "fr-FR", "Europe/Paris", True)

    facts = cast("dict[str, Any]", world_facts(world))

    assert sorted(facts) == [
        "currencies", "currency_pattern", "date_patterns", "direction", "document_date", "era", "language", "locale", "months",
        "number_pattern", "percent_pattern", "specimen", "symbols", "territory", "time_zone", "weekdays",
        "weekdays_alone",
    ]  # fmt: skip
    assert facts["direction"] == "ltr"
    assert (facts["document_date"], facts["locale"], facts["language"]) == ("2026-09-30", "fr-FR", "fr")
    assert (facts["territory"], facts["time_zone"], facts["specimen"]) == ("FR", "Europe/Paris", True)
    assert facts["symbols"] == {"decimal": ",", "group": NARROW, "minus": "-", "percent": "%"}
    assert facts["number_pattern"] == "#,##0.###"
    assert facts["currency_pattern"] == f"#,##0.00{NO_BREAK}¤"
    assert facts["currencies"]["EUR"] == {"symbol": "€", "digits": 2}
    assert facts["currencies"]["JPY"]["digits"] == 0
    assert facts["months"]["wide"][8] == "septembre"
    assert facts["weekdays"]["wide"][0] == "lundi"
    assert list(facts["date_patterns"]) == ["short", "medium", "long", "full"]
    assert {len(facts[names][width]) for names in ("months",) for width in ("wide", "abbreviated")} == {12}


@pytest.mark.parametrize("locale", ["en-GB", "de", "zh-Hans-CN", "ar-EG", "pt-BR", "hi-IN", "ja-JP"])
def test_facts_of_any_locale_are_plain_json(locale: str) -> None:
    facts = locale_facts(locale)

    assert canonical_json(facts)
    assert facts["locale"] == locale


@pytest.mark.parametrize(("wrong", "near"), [("fr-FRX", "fr-FR"), ("en_GB", "en-GB"), ("dee-DE", "de-DE")])
def test_an_unknown_locale_is_refused_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        locale_facts(wrong)

    assert caught.value.hint == f"Did you mean {near!r}?"
    assert caught.value.violations[0].path == "locale"


def test_money_numbers_and_days_read_as_the_locale_writes_them() -> None:
    amount = Decimal("1234.5")

    assert format_money(amount, "EUR", "fr-FR") == f"1{NARROW}234,50{NO_BREAK}€"
    assert format_money(amount, "CHF", "en-GB") == f"CHF{NO_BREAK}1,234.50"
    assert format_money(amount, "JPY", "en-GB") == "JP¥1,234.5", "no amount is rounded on its way to a reader"
    assert format_money(Decimal("-0.00"), "EUR", "en-GB") == "€0.00"
    assert format_number(Decimal(1_234_567), "en-IN") == "12,34,567"
    assert format_number(Decimal(-5), "he-IL") == "\u200e-5", "the mark keeps the minus in front of the figure"
    assert format_number(Decimal("1234.50"), "de-DE") == "1.234,50"
    assert format_number(amount, "de-DE", 3) == "1.234,500"
    assert format_percent(Decimal("20.50"), "fr-FR") == f"20,5{NO_BREAK}%"
    assert format_day(dt.date(2026, 9, 30), "en-GB", "full") == "Wednesday, 30 September 2026"
    with pytest.raises(ValueError, match="unknown currency 'EURO'"):
        format_money(amount, "EURO", "en-GB")


@pytest.mark.parametrize("value", [True, None, [], "12,50", "NaN", "Infinity", "secret", "1E40", "1E-41", "0E999"])
def test_what_is_no_number_is_refused_without_being_quoted(value: object) -> None:
    with pytest.raises(ValueError, match="needs a") as caught:
        as_decimal(value)

    assert "secret" not in str(caught.value)


def test_texts_keep_every_digit_and_floats_their_shortest_form() -> None:
    assert as_decimal("0.10000000000000000001") == Decimal("0.10000000000000000001")
    assert as_decimal(0.1) == Decimal("0.1")
    assert as_day("2026-09-30") == dt.date(2026, 9, 30)
    with pytest.raises(ValueError, match="needs a day"):
        as_day("30/09/2026")
