"""Pages of lists that are whole in memory (artefacts of a run). Runs have pages of their own, made by the ledger.

A page token is opaque to callers: the position, bound to what was listed, so that a token of another list is refused instead of
silently skipping entries.
"""

from __future__ import annotations

import base64
import hashlib

from docugen_core.domain.failure import Violation
from docugen_core.domain.run_query import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from docugen_core.errors import InvalidRequest

__all__ = ["PAGE_SIZE_MAX", "next_page_token", "page_size", "page_start"]


def page_size(asked: int, largest: int = PAGE_SIZE_MAX, default: int = PAGE_SIZE_DEFAULT) -> int:
    """Entries on a page: `default` for 0, at most `largest`. Raises InvalidRequest at `page_size` for a negative one."""
    if asked < 0:
        raise InvalidRequest.from_violations([Violation("page_size", "must not be negative", "Leave it 0.")])
    return min(asked or default, largest)


def next_page_token(listed: str, start: int) -> str:
    """A token for the page of `listed` (whatever identifies the list) that begins at entry `start`."""
    raw = start.to_bytes(8, "big") + _binding(listed)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def page_start(token: str, listed: str) -> int:
    """Where the page begins; 0 without a token. Raises InvalidRequest at `page_token` for a token of another list."""
    if not token:
        return 0
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 16 or raw[8:] != _binding(listed):
        hint = "Send next_page_token of the page before, with the same other fields; leave it empty for the first page."
        raise InvalidRequest.from_violations([Violation("page_token", "is not a token of this list", hint)])
    return int.from_bytes(raw[:8], "big")


def _binding(listed: str) -> bytes:
    return hashlib.sha256(listed.encode()).digest()[:8]
