"""Which document the n-th of a corpus is: a pure function of seed, number and the allowed locales.

A recipe is an ordinary bundle with one PDF. `docugen render` makes the same bytes of it, so any document of a corpus can be
made again alone. How many documents there are plays no part: number 37 of a seed is the same in a corpus of 40 and of 4000.

A change of what recipes say is a new CORPUS_VERSION.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docugen_core.domain.seed import SeedStream
from docugen_core.errors import InvalidRequest
from docugen_core.generators.commerce import CURRENCIES
from docugen_core.generators.word_lists import LANGUAGES
from docugen_core.rendering.locale import cldr_locale

CORPUS_VERSION = "1.0.0"
LOCALES = ("de-AT", "de-CH", "de-DE", "en-GB", "en-IE", "en-US", "fr-BE", "fr-CH", "fr-FR")

_ACCENTS = (
    "#0d4a5e", "#6b2d3c", "#1f3a8a", "#14532d", "#7c2d12", "#4c1d95", "#334155", "#9d174d", "#155e75", "#3f6212",
    "#78350f", "#1e293b", "#b91c1c", "#0f766e", "#5b21b6", "#854d0e",
)  # fmt: skip
_FIRST_DAY, _LAST_DAY = dt.date(2018, 1, 1), dt.date(2029, 12, 31)


@dataclass(frozen=True, slots=True)
class Recipe:
    """index: from 1. name: of its files, without extension. bundle: as in a bundle file, with one PDF called `{name}.pdf`."""

    index: int
    name: str
    bundle: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    """params: of the generator, from the seed and the document's date."""

    template: str
    generator: str
    params: Callable[[SeedStream, dt.date], dict[str, Any]]


def recipe(seed: str, index: int, locales: Sequence[str] = LOCALES) -> Recipe:
    """Document `index` (from 1) of the corpus of `seed`. locales: chosen from, in any order; see `checked_locales`."""
    place = SeedStream.of(seed, "corpus", index)
    kind = (place / "kind").weighted(_KINDS)
    day = (place / "day").date(_FIRST_DAY, _LAST_DAY)
    name = f"{index:06d}"
    bundle: dict[str, Any] = {
        "seed": f"corpus-{place.raw():016x}",
        "locale": (place / "locale").choice(sorted(locales)),
        "document_date": day.isoformat(),
        "generate": {"name": kind.generator, "params": kind.params(place / "params", day)},
        "documents": [{"name": f"{name}.pdf", "format": "pdf", "template": kind.template}],
    }
    if (place / "is_branded").chance(3, 4):
        bundle["data"] = {"branding": {"accent": (place / "accent").choice(_ACCENTS)}}
    if (place / "has_currency").chance(1, 3):
        bundle["generate"]["params"]["currency"] = (place / "currency").choice(CURRENCIES)
    return Recipe(index, name, bundle)


def checked_locales(wanted: Sequence[str]) -> tuple[str, ...]:
    """The locales in canonical form, sorted, each once; all LOCALES where none is wanted.

    Raises InvalidRequest for one that is unknown, or in whose language nothing can be invented.
    """
    tags = {str(cldr_locale(locale)).replace("_", "-"): locale for locale in wanted}
    for tag, locale in tags.items():
        if cldr_locale(tag).language not in LANGUAGES:
            raise InvalidRequest(
                f"locale {locale!r}: there are no words to invent documents from in this language",
                hint=f"Choose a locale of one of the languages {', '.join(LANGUAGES)}.",
            )
    return tuple(sorted(tags)) or LOCALES


def _invoice(place: SeedStream, day: dt.date) -> dict[str, Any]:
    return {
        "first_month": day.isoformat()[:7],
        "invoices": 1,
        "lines_max": (place / "lines_max").choice((3, 8, 12, 12, 20, 60)),
        "rounding": (place / "rounding").choice(("total", "line")),
    }


def _statement(place: SeedStream, day: dt.date) -> dict[str, Any]:
    months = (place / "months").choice((1, 1, 2, 3))
    # The last month of the statement is the one before the document's date.
    first = day.year * 12 + day.month - 1 - months
    return {
        "first_month": f"{first // 12}-{first % 12 + 1:02d}",
        "months": months,
        "transactions_per_month": (place / "transactions").choice((8, 14, 24, 40)),
    }


def _person(place: SeedStream, _: dt.date) -> dict[str, Any]:
    # A year is the least the generator makes.
    params: dict[str, Any] = {"months": 12, "transactions_per_month": 20}
    if (place / "has_gross").chance(1, 2):
        params["monthly_gross"] = (place / "gross").between(18, 140) * 100
    return params


_KINDS = (
    (_Kind("invoice/invoice", "commerce", _invoice), 3),
    (_Kind("quarterly-account-pack/statement", "household_account", _statement), 2),
    (_Kind("payslip/payslip", "household_finance", _person), 2),
    (_Kind("letter/letter", "household_finance", _person), 1),
)
