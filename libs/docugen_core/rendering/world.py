"""The only door between a template and everything that is not its data.

A template sees the world of its document and nothing else: the fixed date, the locale, the time zone. There is no "now" in
here; a template that asks for today's date in a bundle without `document_date` is an error. Seeded values come as data, from
a generator: a template draws none, so a document with data of its own is the same under every seed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class World:
    """document_date: the document's own "today", or None. locale: BCP 47. time_zone: IANA name. specimen: print the mark."""

    document_date: dt.date | None
    locale: str
    time_zone: str
    specimen: bool
