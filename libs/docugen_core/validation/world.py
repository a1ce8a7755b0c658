"""Reading the fields that fix a document's surroundings: locale, time zone, date, seed.

Each reader returns the one canonical value, or raises Unfit with what is wrong and the nearest right value. Known locales are
those of the pinned Babel, known time zones those of the `tzdata` package: never the host's, or two machines would disagree
about which request is valid.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import cache, lru_cache
from importlib.resources import files

from babel import Locale, UnknownLocaleError
from babel.localedata import locale_identifiers

from docugen_core.domain.seed import SEED_BYTES_MAX
from docugen_core.strict_json.findings import did_you_mean

_LOCALE = re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,3}")
NAME_CHARS_MAX = 64


class Unfit(ValueError):
    """The text is no such thing. description and hint are those of the Violation to report."""

    def __init__(self, description: str, hint: str = "") -> None:
        super().__init__(description)
        self.description = description
        self.hint = hint


@lru_cache(maxsize=512)
def canonical_locale(text: str) -> str:
    """`text` as BCP 47 with the subtags Babel knows: `fr_FR` and `fr-fr` give `fr-FR`, `zh_TW` gives `zh-Hant-TW`."""
    if _LOCALE.fullmatch(text) and text.lower() != "und":
        try:
            return str(Locale.parse(text.replace("-", "_"))).replace("_", "-")
        except (UnknownLocaleError, ValueError):
            pass
    raise Unfit("is not a known locale", _nearest(text.replace("_", "-"), _locale_names()) or "write one like en-GB")


def known_time_zone(text: str) -> str:
    """`text`, if it is an IANA time zone name, spelt exactly."""
    if text in _time_zone_names():
        return text
    raise Unfit("is not a known time zone", _nearest(text, _time_zone_names()) or "write one like Europe/Paris")


def real_date(text: str) -> dt.date:
    """The day `text` (YYYY-MM-DD) names, in the years 1 to 9999."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise Unfit("is not a real date", "write a day like 2026-03-31") from None


def usable_seed(text: str) -> str:
    """`text`, if its UTF-8 form has 1 to 128 bytes."""
    size = len(text.encode())
    if not 1 <= size <= SEED_BYTES_MAX:
        raise Unfit(f"has {size} bytes, a seed has 1 to {SEED_BYTES_MAX}", "hash it first, or leave it out")
    return text


@cache
def _locale_names() -> frozenset[str]:
    return frozenset(name.replace("_", "-") for name in locale_identifiers() if name != "root")


@cache
def _time_zone_names() -> frozenset[str]:
    return frozenset((files("tzdata") / "zones").read_text(encoding="utf-8").split())


def _nearest(text: str, names: frozenset[str]) -> str:
    return did_you_mean(text, sorted(names)) if len(text) <= NAME_CHARS_MAX else ""
