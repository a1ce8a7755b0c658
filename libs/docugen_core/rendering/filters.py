"""The filters every template language here has, in the document's locale: `money`, `number`, `percent`, `date`.

MiniJinja (`text`) and Jinja (`docx`) call the same functions, so that an amount reads the same in a web page and in a
letter. What a filter refuses is said without the value: it is customer data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from docugen_core.rendering.locale import as_day, as_decimal, format_day, format_money, format_number, format_percent


class RefusedValue(Exception):
    """A filter, or the output, refuses a value. `str()` says why without quoting it; hint: how to write it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


NULL_REFUSED = ("the value is null", 'Write `| default("...", true)` where null is meant to print as something.')
METHOD_REFUSED = ("the value is a method, not data", "The key is absent: check its name.")


def locale_filters(locale: str) -> dict[str, Callable[..., str]]:
    """The filters of one document by name. They raise RefusedValue, and nothing else, for wrong values and arguments."""
    return {name: partial(_filtered, name, function, locale) for name, function in _FILTERS.items()}


def _money(value: Any, locale: str, currency: str) -> str:
    return format_money(as_decimal(value), currency, locale)


def _number(value: Any, locale: str, decimals: int | None = None) -> str:
    return format_number(as_decimal(value), locale, decimals)


def _percent(value: Any, locale: str, decimals: int | None = None) -> str:
    return format_percent(as_decimal(value), locale, decimals)


def _date(value: Any, locale: str, style: str = "medium") -> str:
    return format_day(as_day(value), locale, style)


_FILTERS: Mapping[str, Callable[..., str]] = {"money": _money, "number": _number, "percent": _percent, "date": _date}
_USAGE = {
    "money": '{{ amount | money("EUR") }}',
    "number": "{{ x | number }} or {{ x | number(2) }}",
    "percent": "{{ rate | percent }} or {{ rate | percent(1) }}, where 20 is 20 %",
    "date": '{{ day | date }} or {{ day | date("long") }}',
}


def _filtered(name: str, function: Callable[..., str], locale: str, value: Any, *arguments: Any) -> str:
    try:
        return function(value, locale, *arguments)
    except (ValueError, TypeError) as error:
        problem = str(error) if isinstance(error, ValueError) else "has the wrong arguments"
        raise RefusedValue(f"filter {name}: {problem}", f"Use it as {_USAGE[name]}.") from None
