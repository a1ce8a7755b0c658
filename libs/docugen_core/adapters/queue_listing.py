"""Lists of runs from the queue's records: filtered here, page by page, and never more than SCAN_MAX records a call.

Redis keeps runs in one index, by (create time, id). Conditions on create_time bound the scan at both ends; one on the tenant is
decided there, by the ids, so that others' records are neither read nor counted; all else is decided on the records read.
When the bound is reached first, the page is short or even empty, and its token goes on from there. Runs whose records expired
are not listed; they are still found by their id, through their manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from docugen_core.adapters.queue_records import queued_run
from docugen_core.adapters.redis_queue import PAGE_ITEMS, list_position
from docugen_core.domain.job import JobRecord
from docugen_core.domain.run import BundleRun
from docugen_core.domain.run_filter import TENANT_FIELD, Comparison, matches
from docugen_core.domain.run_query import Position, RunQuery, encode_page_token, position
from docugen_core.ports import JobQueue

SCAN_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Scan:
    """Records that match, newest first, with all others above `end` looked at; end: None when there is nothing below."""

    records: tuple[JobRecord, ...]
    end: Position | None

    def next_page_token(self, query: RunQuery) -> str:
        return encode_page_token(self.end, query.filter) if self.end else ""


async def scan(queue: JobQueue, query: RunQuery) -> Scan:
    """One page of `query`. Raises InvalidRequest for a token of another query, Unavailable."""
    found: list[JobRecord] = []
    before, oldest_ms = _start(query), _oldest_ms(query.filter)
    tenants = {str(c.value) for c in query.filter if (c.field, c.operator) == (TENANT_FIELD, "=")}
    if len(tenants) > 1:  # a caller's own condition beside the one that its rights add: nothing of theirs is looked at
        return Scan((), None)
    tenant = next(iter(tenants), "")
    start, pages_read = before, 0
    while True:
        # Without a filter every record matches: reading more than the page, and one to know whether there is another, is waste.
        wanted = PAGE_ITEMS if query.filter else min(PAGE_ITEMS, query.page_size + 1 - len(found))
        page = await queue.runs(before=before, limit=wanted, tenant=tenant)
        pages_read += 1
        for record in page.records:
            if record.create_time_ms < oldest_ms:
                return Scan(tuple(found), None)
            if matches(queued_run(record), query.filter):
                if len(found) == query.page_size:
                    return Scan(tuple(found), _position(found[-1]))
                found.append(record)
        before = page.next_before
        if not before:
            return Scan(tuple(found), None)
        if pages_read >= SCAN_MAX // PAGE_ITEMS and (end := _below(before, start)):
            return Scan(tuple(r for r in found if r.create_time_ms >= end.create_time_ms), end)


def merged(
    lists: Iterable[tuple[Sequence[BundleRun], Position | None]], query: RunQuery
) -> tuple[list[BundleRun], str]:
    """One page and its token from several lists of the same query, each complete down to its end."""
    ends: list[Position] = []
    runs: list[BundleRun] = []
    for some, end in lists:
        runs += some
        ends += [end] if end else []
    frontier = max(ends, default=None)
    ordered = sorted(runs, key=position, reverse=True)
    shown = [run for run in ordered if frontier is None or position(run) >= frontier]
    if len(shown) > query.page_size:
        shown = shown[: query.page_size]
        frontier = position(shown[-1])
    return shown, encode_page_token(frontier, query.filter) if frontier else ""


def _start(query: RunQuery) -> str:
    """The place in the index to go down from, as `before`; empty for the top."""
    starts = [list_position(_end_ms(c), "") for c in query.filter if c.field == "create_time" and c.operator in _UPPER]
    after = query.after()
    if after is not None:
        starts.append(list_position(after.create_time_ms, after.run_id))
    return min(starts, default="")


_UPPER = {"<": 0, "<=": 1, "=": 1}
_LOWER = {">": 1, ">=": 0, "=": 0}


def _end_ms(condition: Comparison) -> int:
    """The first millisecond above all that a condition from above lets through."""
    return int(condition.value) + _UPPER[condition.operator]


def _oldest_ms(conditions: Iterable[Comparison]) -> int:
    """The oldest create time that the conditions let through."""
    bounds = (
        int(c.value) + _LOWER[c.operator] for c in conditions if c.field == "create_time" and c.operator in _LOWER
    )
    return max(bounds, default=0)


def _position(record: JobRecord) -> Position:
    return Position(record.create_time_ms, record.run_id)


def _below(before: str, start: str) -> Position | None:
    """Where a scan that began at `start` and came to `before` may be cut: above all of `before`'s millisecond.

    `before` may be another tenant's run, and tokens can be read: so the token says its time alone, and the next page looks at
    that millisecond again. None within the first one: a page that is cut there would come no further.
    """
    end = Position(int(before.partition(":")[0]) + 1, "")
    return end if not start or list_position(end.create_time_ms, "") < start else None
