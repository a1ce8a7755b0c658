"""Listing runs: queries, pages and page tokens.

Pages run newest first, by (create_time_ms, run_id) descending. A page token is the position of the last run shown and a
digest of the filter, so that a token cannot be carried over to another filter. It is opaque, not secret.

The filter language is in `run_filter`; its names are offered here too.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

from docugen_core.domain.failure import Violation
from docugen_core.domain.identity import canonical_json, content_digest
from docugen_core.domain.run import BundleRun
from docugen_core.domain.run_filter import Comparison, matches, parse_filter
from docugen_core.domain.tenant import is_kept_id
from docugen_core.errors import InvalidRequest

__all__ = [
    "PAGE_SIZE_DEFAULT",
    "PAGE_SIZE_MAX",
    "Comparison",
    "Position",
    "RunPage",
    "RunQuery",
    "decode_page_token",
    "encode_page_token",
    "filter_digest",
    "matches",
    "parse_filter",
    "position",
]

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 1_000
PAGE_TOKEN_LENGTH_MAX = 512


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A run's place in a list: later in time, then greater id, comes first. run_id: as it is kept; empty for below all of its
    time."""

    create_time_ms: int
    run_id: str


@dataclass(frozen=True, slots=True)
class RunQuery:
    """filter: conditions that must all hold. page_size: 1 to PAGE_SIZE_MAX. page_token: from the page before, or empty."""

    filter: tuple[Comparison, ...] = ()
    page_size: int = PAGE_SIZE_DEFAULT
    page_token: str = ""

    @classmethod
    def parse(cls, filter_text: str = "", page_size: int = 0, page_token: str = "") -> RunQuery:
        """A query from a caller's words. page_size: 0 for PAGE_SIZE_DEFAULT, more than PAGE_SIZE_MAX is taken as that.

        Raises InvalidRequest; its violations have the paths `filter`, `page_size`, `page_token`.
        """
        if page_size < 0:
            raise _invalid("page_size", f"must not be negative, and is {page_size}", "Leave it out, or 0, for 50.")
        conditions = parse_filter(filter_text)
        query = cls(conditions, min(page_size or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX), page_token)
        query.after()
        return query

    def after(self) -> Position | None:
        """Where the page before ended; None for the first page. Raises InvalidRequest for a token of another filter."""
        return decode_page_token(self.page_token, self.filter) if self.page_token else None


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs, newest first. next_page_token is empty on the last page."""

    runs: tuple[BundleRun, ...]
    next_page_token: str = ""

    @classmethod
    def of(cls, runs: Sequence[BundleRun], query: RunQuery) -> RunPage:
        """The page of `query` from the runs that follow its position; one run more than fits says that there is another."""
        shown = tuple(runs[: query.page_size])
        if len(runs) <= query.page_size:
            return cls(shown)
        return cls(shown, encode_page_token(position(shown[-1]), query.filter))


def position(run: BundleRun) -> Position:
    """The run's place in every list."""
    return Position(run.create_time_ms, run.run_id)


def encode_page_token(last: Position, conditions: Sequence[Comparison]) -> str:
    """The token of the page after `last`: unpadded URL-safe base64."""
    content = canonical_json([last.create_time_ms, last.run_id, filter_digest(conditions)])
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decode_page_token(token: str, conditions: Sequence[Comparison]) -> Position:
    """Where the page before ended. Raises InvalidRequest, path `page_token`, unless this filter's pages gave the token."""
    try:
        create_time_ms, run_id, given_digest = _token_content(token)
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise _invalid(
            "page_token", "is not a page token", "Pass next_page_token of the page before, unchanged."
        ) from None
    if given_digest != filter_digest(conditions):
        raise _invalid(
            "page_token", "belongs to another filter", "Repeat the filter of the page before, or start anew."
        )
    return Position(create_time_ms, run_id)


def filter_digest(conditions: Sequence[Comparison]) -> str:
    """The same for the same conditions in another order. 64 bits: it guards against mix-ups, not against forgers."""
    listed = sorted((c.field, c.operator, str(c.value)) for c in conditions)
    return content_digest(json.dumps(listed).encode())[:16]


def _token_content(token: str) -> tuple[int, str, str]:
    """Raises ValueError, TypeError or binascii.Error for anything `encode_page_token` would not have written."""
    if len(token) > PAGE_TOKEN_LENGTH_MAX:
        raise ValueError("too long")
    create_time_ms, run_id, filter_digest = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), b"-_", True))
    if type(create_time_ms) is not int or not isinstance(run_id, str) or not isinstance(filter_digest, str):
        raise TypeError("not a position")
    if run_id and not is_kept_id(run_id):
        raise ValueError("not a position")
    if abs(create_time_ms) >= 1 << 53:
        raise ValueError("not a time")
    return create_time_ms, run_id, filter_digest


def _invalid(path: str, description: str, hint: str = "") -> InvalidRequest:
    return InvalidRequest.from_violations([Violation(path, description, hint)])
