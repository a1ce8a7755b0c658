"""Use case 4: what to do about runs that failed for good. List, look, put back (redrive), remove (drop).

A dead letter is complete in itself: job, failure, history. Redriving keeps id and seed, counts, and starts from attempt 1; what
was put back `redrives_max` times is refused without `force`, or a poison would go round for ever. Both redrive and drop walk
the letters once, oldest first, up to the newest one there was when they began, so a run that fails again meanwhile is not met
twice. Both may be repeated after any error: what is done is done.

Filters are those of lists of runs (domain.run_filter), on reason, create_time, labels.KEY, template and tenant.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from docugen_core.domain.dead_letter import DeadLetter, Redriven
from docugen_core.domain.failure import Violation
from docugen_core.domain.run_filter import (
    LETTER_FIELDS,
    TENANT_FIELD,
    Comparison,
    Facts,
    fulfils,
    parse_filter,
    template_names,
)
from docugen_core.domain.run_query import filter_digest
from docugen_core.domain.run_record import decode_run
from docugen_core.domain.tenant import tenant_of
from docugen_core.errors import InvalidRequest, NotFound
from docugen_core.ports import Clock, QueueDesk

PAGE_ITEMS = 100
SCAN_MAX = 10_000
STEP_ITEMS = 100
RUNS_NAMED_MAX = 1_000
EVERY_LETTER = "*"
"""The filter that must be written out to drop all letters: an empty one is a slip too easily made."""


@dataclass(frozen=True, slots=True)
class LetterList:
    """A page of dead letters, oldest first. next_page_token: empty on the last page."""

    letters: tuple[DeadLetter, ...]
    next_page_token: str = ""


@dataclass(frozen=True, slots=True)
class RedriveOrder:
    """Which letters to put back, and how. limit: 0 for all that match. rate: letters a second, 0 for as fast as it goes."""

    filter: tuple[Comparison, ...] = ()
    limit: int = 0
    rate: int = 0
    dry_run: bool = False
    force: bool = False

    @classmethod
    def parse(
        cls, filter_text: str, *, limit: int = 0, rate: int = 0, dry_run: bool = False, force: bool = False
    ) -> RedriveOrder:
        """From a caller's words. Raises InvalidRequest at `filter`, `limit`, `rate`."""
        wrong = [
            Violation(name, f"must not be negative, and is {value}", "Leave it 0 for no bound.")
            for name, value in (("limit", limit), ("rate", rate))
            if value < 0
        ]
        if wrong:
            raise InvalidRequest.from_violations(wrong)
        return cls(parse_letter_filter(filter_text), limit, rate, dry_run, force)


@dataclass(frozen=True, slots=True)
class Redrive:
    """What was put back, or, in a dry run, would be. refused: put back too often, or not failed any more. run_ids: of the
    former, RUNS_NAMED_MAX at most."""

    redriven: int
    refused: int
    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """What was removed, or, in a dry run, would be. run_ids: RUNS_NAMED_MAX at most."""

    dropped: int
    run_ids: tuple[str, ...]


def parse_letter_filter(text: str) -> tuple[Comparison, ...]:
    """Raises InvalidRequest at `filter`."""
    return parse_filter(text, LETTER_FIELDS)


class DeadLetters:
    """The dead letters of one queue. redrives_max: what the queue refuses beyond; dry runs foretell it."""

    def __init__(self, desk: QueueDesk, clock: Clock, *, redrives_max: int) -> None:
        self._desk = desk
        self._clock = clock
        self._redrives_max = redrives_max

    async def page(self, conditions: Sequence[Comparison], *, page_size: int, page_token: str = "") -> LetterList:
        """A page of the letters that match. After SCAN_MAX letters it ends, short or empty, and its token goes on from there.

        Raises InvalidRequest for a token of another filter, Unavailable.
        """
        found: list[DeadLetter] = []
        scanned, after = 0, _read_token(page_token, conditions)
        async for letter in self._letters(after):
            if len(found) == page_size or scanned == SCAN_MAX:
                return LetterList(tuple(found), _token(after, conditions))
            scanned += 1
            after = letter.letter_id
            if fulfils(letter_facts(letter), conditions):
                found.append(letter)
        return LetterList(tuple(found))

    async def inspect(self, letter_id: str) -> DeadLetter:
        """One letter. Raises NotFound (DEAD_LETTER_NOT_FOUND)."""
        letter = await self._desk.letter(letter_id)
        if letter is None:
            raise NotFound(
                f"no dead letter {letter_id!r}",
                code="DEAD_LETTER_NOT_FOUND",
                hint="`docugen dlq ls` lists them; one that was redriven or dropped is gone.",
                details={"dead_letter": letter_id},
            )
        return letter

    async def redrive(self, order: RedriveOrder) -> Redrive:
        """Put letters back into the queue, oldest first, paced by order.rate. Cancelling it keeps what is done."""
        redriven, refused, run_ids = 0, 0, list[str]()
        step = min(STEP_ITEMS, order.rate or STEP_ITEMS)
        async for batch in self._batches(order.filter, step):
            room = order.limit - redriven if order.limit else len(batch)
            answers = await self._redriven(batch, room, order)
            for letter, answer in answers:
                redriven += answer is Redriven.REDRIVEN
                refused += answer is Redriven.REFUSED
                run_ids += [letter.run_id] if answer is Redriven.REDRIVEN else []
            if order.limit and redriven >= order.limit:
                break
            if order.rate and not order.dry_run:
                await self._clock.sleep_ms(1_000 * len(answers) // order.rate)
        return Redrive(redriven, refused, tuple(run_ids[:RUNS_NAMED_MAX]))

    async def drop(self, filter_text: str, *, dry_run: bool = False) -> Drop:
        """Remove letters for good. filter_text: EVERY_LETTER for all. Raises InvalidRequest at `filter`, or without one."""
        if not filter_text.strip():
            violation = Violation("filter", "is required", f"Write {EVERY_LETTER} to drop every dead letter.")
            raise InvalidRequest.from_violations([violation])
        conditions = () if filter_text.strip() == EVERY_LETTER else parse_letter_filter(filter_text)
        dropped, run_ids = 0, list[str]()
        async for batch in self._batches(conditions, STEP_ITEMS):
            ids = [letter.letter_id for letter in batch]
            dropped += len(ids) if dry_run else await self._desk.drop(ids)
            run_ids += [letter.run_id for letter in batch]
        return Drop(dropped, tuple(run_ids[:RUNS_NAMED_MAX]))

    # --- how --------------------------------------------------------------------------------------------------------

    async def _redriven(
        self, batch: Sequence[DeadLetter], room: int, order: RedriveOrder
    ) -> list[tuple[DeadLetter, Redriven]]:
        """Answers for as many of `batch` as it takes to redrive `room` of them: what is surely refused takes no room."""
        sure = [not order.force and letter.redrive_count >= self._redrives_max for letter in batch]
        chosen: list[DeadLetter] = []
        for letter, is_refused in zip(batch, sure, strict=True):
            if room <= 0 and not is_refused:
                break
            room -= not is_refused
            chosen.append(letter)
        if order.dry_run:
            foretold = (Redriven.REFUSED if is_refused else Redriven.REDRIVEN for is_refused in sure)
            return list(zip(chosen, foretold, strict=False))
        pairs = [(letter.letter_id, letter.run_id) for letter in chosen]
        return list(zip(chosen, await self._desk.redrive(pairs, force=order.force), strict=True))

    async def _batches(self, conditions: Sequence[Comparison], size: int) -> AsyncIterator[list[DeadLetter]]:
        """The letters that match among those there are now, in batches."""
        last = await self._desk.newest_letter()
        batch: list[DeadLetter] = []
        async for letter in self._letters(""):
            if _order(letter.letter_id) > _order(last):
                break
            if fulfils(letter_facts(letter), conditions):
                batch.append(letter)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    async def _letters(self, after: str) -> AsyncIterator[DeadLetter]:
        while True:
            page = await self._desk.letters(after=after, limit=PAGE_ITEMS)
            for letter in page.letters:
                yield letter
            after = page.next_after
            if not after:
                return


def letter_facts(letter: DeadLetter) -> Facts:
    """What a filter can ask of a letter. Labels and templates are none where another release wrote them unreadably."""
    words = {
        "reason": frozenset({letter.failure.code}),
        "template": frozenset[str](),
        TENANT_FIELD: frozenset({tenant_of(letter.run_id)}),
    }
    try:
        run = decode_run(letter.about)
    except (KeyError, TypeError, ValueError):
        return Facts(letter.create_time_ms, words, frozenset())
    return Facts(letter.create_time_ms, words | {"template": template_names(run)}, frozenset(run.policy.labels))


def _order(letter_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = letter_id.partition("-")
    return int(milliseconds or 0), int(sequence or 0)


def _token(after: str, conditions: Sequence[Comparison]) -> str:
    content = json.dumps([after, filter_digest(conditions)]).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _read_token(token: str, conditions: Sequence[Comparison]) -> str:
    if not token:
        return ""
    try:
        after, digest = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), b"-_", True))
        _order(after)
    except (ValueError, TypeError, AttributeError, RecursionError):
        after, digest = "", ""
    if not after or digest != filter_digest(conditions):
        hint = "Send next_page_token of the page before, with the same filter; leave it empty for the first page."
        raise InvalidRequest.from_violations([Violation("page_token", "is not a token of this list", hint)])
    return str(after)
