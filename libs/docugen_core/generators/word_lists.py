"""The words generated documents are made of: one small versioned file a language, in `words/`.

All names, places and merchants are invented. Postal codes and telephone numbers come from ranges nobody is given, internet
names end in `.example` (RFC 2606). The language of the locale decides; a language without a file gets English words.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from docugen_core.domain.seed import SeedStream
from docugen_core.generators.iban import digits

LANGUAGES = ("de", "en", "fr")
FALLBACK_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Institution:
    """Parts of an invented institution. tails: (words, internet name)."""

    heads: tuple[str, ...]
    tails: tuple[tuple[str, str], ...]
    legal_form: str
    registration: str
    mailbox: str
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WordList:
    """All words of one language.

    address: lines with {number} {street} {postcode} {town}. phones: `#` stands for a digit. towns: (name, postcode). given:
    (title, names) for women and for men. merchants: by category or kind. patterns: descriptions of account entries, by kind.
    """

    language: str
    version: str
    iban_country: str
    address: tuple[str, ...]
    phones: tuple[str, ...]
    months: tuple[str, ...]
    streets: tuple[str, ...]
    towns: tuple[tuple[str, str], ...]
    given: tuple[tuple[str, tuple[str, ...]], ...]
    family: tuple[str, ...]
    institution: Institution
    merchants: Mapping[str, tuple[str, ...]]
    patterns: Mapping[str, str]

    def invent_address(self, seed: SeedStream) -> list[str]:
        """The lines of an address, without a name."""
        town, postcode = (seed / "town").choice(self.towns)
        words = {
            "number": (seed / "number").between(1, 89),
            "street": (seed / "street").choice(self.streets),
            "postcode": postcode,
            "town": town,
        }
        return [line.format_map(words) for line in self.address]

    def invent_phone(self, seed: SeedStream) -> str:
        """A telephone number that never rings."""
        return fill_digits((seed / "range").choice(self.phones), seed / "digits")

    def invent_person(self, seed: SeedStream) -> tuple[str, str, str]:
        """Title, given name, family name."""
        title, names = (seed / "title").choice(self.given)
        return title, (seed / "given").choice(names), (seed / "family").choice(self.family)


def fill_digits(pattern: str, seed: SeedStream) -> str:
    """`pattern` with every `#` replaced by a digit."""
    following = iter(digits(seed, pattern.count("#")))
    return "".join(next(following) if character == "#" else character for character in pattern)


@cache
def word_list(language: str) -> WordList:
    """The words of `language` (ISO 639-1, lower case), or of English where there is no file for it."""
    known = language if language in LANGUAGES else FALLBACK_LANGUAGE
    raw = tomllib.loads((files(__package__) / "words" / f"{known}.toml").read_text("utf-8"))
    people = raw["people"]
    return WordList(
        language=known,
        version=raw["version"],
        iban_country=raw["iban_country"],
        address=tuple(raw["address"]),
        phones=tuple(raw["phones"]),
        months=tuple(raw["months"]),
        streets=tuple(raw["streets"]),
        towns=tuple((town["name"], town["postcode"]) for town in raw["towns"]),
        given=tuple((people[f"{kind}_title"], tuple(people[kind])) for kind in ("female", "male")),
        family=tuple(people["family"]),
        institution=_institution(raw["institution"]),
        merchants={category: tuple(names) for category, names in raw["merchants"].items()},
        patterns=raw["patterns"],
    )


def _institution(raw: Mapping[str, Any]) -> Institution:
    return Institution(
        heads=tuple(raw["heads"]),
        tails=tuple((tail["name"], tail["domain"]) for tail in raw["tails"]),
        legal_form=raw["legal_form"],
        registration=raw["registration"],
        mailbox=raw["mailbox"],
        products=tuple(raw["products"]),
    )
