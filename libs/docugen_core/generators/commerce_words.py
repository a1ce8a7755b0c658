"""The words of invented traders, their goods and customers: one versioned file a language, in `words/commerce/`.

Tax numbers begin with 000, which no country gives out; internet names end in `.example`. Rates of value added tax are those
people know from the country of the language, but a seller of this kind is nobody's tariff.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from docugen_core.generators.word_lists import FALLBACK_LANGUAGE, LANGUAGES


@dataclass(frozen=True, slots=True)
class Goods:
    """Something a trade sells. price: lowest and highest, of one unit. rate: percent. parts: sold in quarters of a unit too."""

    name: str
    unit: str
    price: tuple[Decimal, Decimal]
    rate: Decimal
    parts: bool


@dataclass(frozen=True, slots=True)
class Trade:
    """domain: its part of an internet name. sku: how its article numbers begin."""

    name: str
    domain: str
    sku: str
    goods: tuple[Goods, ...]


@dataclass(frozen=True, slots=True)
class CommerceWords:
    """heads: (name, part of an internet name). vat_id: `#` stands for a digit. flat: the unit of what has none.
    discount, terms: with {percent}, {days}."""

    version: str
    currency: str
    vat_id: str
    flat: str
    discount: str
    terms: str
    thanks: tuple[str, ...]
    legal_forms: tuple[str, ...]
    heads: tuple[tuple[str, str], ...]
    customers: tuple[str, ...]
    trades: tuple[Trade, ...]


@cache
def commerce_words(language: str) -> CommerceWords:
    """The words of `language` (ISO 639-1, lower case), or of English where there is no file for it."""
    known = language if language in LANGUAGES else FALLBACK_LANGUAGE
    raw = tomllib.loads((files(__package__) / "words" / "commerce" / f"{known}.toml").read_text("utf-8"))
    return CommerceWords(
        version=raw["version"],
        currency=raw["currency"],
        vat_id=raw["vat_id"],
        flat=raw["flat"],
        discount=raw["discount"],
        terms=raw["terms"],
        thanks=tuple(raw["thanks"]),
        legal_forms=tuple(raw["legal_forms"]),
        heads=tuple((head["name"], head["domain"]) for head in raw["heads"]),
        customers=tuple(raw["customers"]),
        trades=tuple(
            Trade(
                name=trade["name"],
                domain=trade["domain"],
                sku=trade["sku"],
                goods=tuple(_goods(product, raw["rates"]) for product in trade["products"]),
            )
            for trade in raw["trades"]
        ),
    )


def _goods(raw: Mapping[str, Any], rates: Mapping[str, str]) -> Goods:
    low, high = raw["price"]
    return Goods(
        name=raw["name"],
        unit=raw["unit"],
        price=(Decimal(low), Decimal(high)),
        rate=Decimal(rates[raw["rate"]]),
        parts=raw.get("parts", False),
    )
