"""The only door between a template and everything that is not its data.

A template sees the world of its document and nothing else: the fixed date, the locale, the time zone, seeded values. There
is no "now" in here; a template that asks for today's date in a bundle without `document_date` is an error.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from docugen_core.domain.seed import SeedStream


@dataclass(frozen=True, slots=True)
class World:
    """document_date: the document's own "today", or None. locale: BCP 47. time_zone: IANA name. specimen: print the mark.

    seed: the stream of this document, rooted at ("documents", name).
    """

    document_date: dt.date | None
    locale: str
    time_zone: str
    specimen: bool
    seed: SeedStream
