"""Listing runs: the filter language and pages.

A filter is comparisons joined by AND (the subset of AIP-160 that an index can serve):

    state = FAILED AND create_time >= "2026-01-31T00:00:00Z" AND labels.team = "billing" AND template = "invoice"

Fields: state (= !=), create_time (= < <= > >=, RFC 3339), labels.KEY (= !=), template (= !=; a pack or `pack/template`).
"""

from __future__ import annotations

from dataclasses import dataclass

from docugen_core.domain.run import BundleRun

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """One condition of a filter. value: a RunState value, milliseconds since the epoch, or text, by field."""

    field: str
    operator: str
    value: str | int


@dataclass(frozen=True, slots=True)
class RunQuery:
    """filter: conditions that must all hold. page_size: 1 to PAGE_SIZE_MAX. page_token: from the page before, or empty."""

    filter: tuple[Comparison, ...] = ()
    page_size: int = PAGE_SIZE_DEFAULT
    page_token: str = ""


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs, newest first. next_page_token is empty on the last page."""

    runs: tuple[BundleRun, ...]
    next_page_token: str = ""
