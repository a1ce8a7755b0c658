"""A board of `docugen top` as lines for a terminal of any size: ASCII, no colour needed to read it, nothing wider than it.

What does not fit is cut, and it is said how much: the sections share the lines that are there fairly.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from docugen.cli.top_board import INLINE, Board, DueRow, JobRow, LetterRow, WorkerRow

WIDE = 72
"""From this width on there is room for whole run ids."""
SHORT_ID = 14
GAP = "   "


@dataclass(frozen=True, slots=True)
class News:
    """How the last look went. age_s: of the board. problem: why there is no newer one, empty while all is well."""

    age_s: float = 0.0
    problem: str = ""


def lines(board: Board | None, news: News, width: int, height: int | None = None, keys: str = "") -> list[Text]:
    """The whole screen: exactly `height` lines (None: as many as there are), each at most `width` wide. keys: its last line."""
    if board is None:
        head, sections = _note(news, width) or [Text("waiting for the first answer")], list[list[Text]]()
    else:
        head = [*_title(board, width), *_note(news, width), *_numbers(board, width)]
        sections = [some for some in (_workers(board, width), _due(board, width), _letters(board, width)) if some]
    if height is None:
        return _cut([*head, *_apart(sections)], width)
    room = max(0, height - len(head) - 1)
    roomy = sum(map(len, sections)) + len(sections) <= room
    body = _apart(sections) if roomy else [line for some in _share(sections, room) for line in some]
    shown = [*head, *body][: max(0, height - 1)]
    return _cut([*shown, *(Text() for _ in range(height - 1 - len(shown))), Text(keys, style="dim")], width)[-height:]


def as_text(board: Board, width: int) -> str:
    """The same as one string with colours, for a terminal or a file."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="standard", no_color=False)
    for line in lines(board, News(), width):
        console.print(line, no_wrap=True, crop=False, overflow="ignore")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().rstrip("\n")


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min`, `2 h`, `5 d`."""
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f} s"
    for unit, length, until in (("s", 1, 120), ("min", 60, 7_200), ("h", 3_600, 172_800)):
        if seconds < until:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def _title(board: Board, width: int) -> list[Text]:
    mode = "no queue: renders by itself" if board.mode == INLINE else "queue"
    state = Text("PAUSED", style="bold yellow") if board.paused else Text("running", style="green")
    time = board.observe_time.strftime("%H:%M:%S UTC") if board.observe_time else ""
    words = [
        Text("docugen top", style="bold"),
        Text(board.server),
        Text(mode),
        *([] if board.mode == INLINE else [state]),
    ]
    return _flow([*words, Text(time, style="dim")], width)


def _note(news: News, width: int) -> list[Text]:
    if not news.problem:
        return []
    what = f"no answer for {duration(news.age_s)}, trying again: {news.problem}"
    return _flow([Text(_fit(what, width), style="bold red")], width)


def _numbers(board: Board, width: int) -> list[Text]:
    more = "+" if board.capped else ""
    facts = [
        _fact("waiting", f"{board.waiting}{more}", "yellow" if board.waiting else ""),
        _fact("parked", board.parked),
        _fact("in hand", board.in_flight),
        _fact("failed" if board.mode == INLINE else "dead", f"{board.dead}{more}", "red" if board.dead else ""),
        _fact(
            "oldest", duration(board.oldest_age) if board.oldest_age else "-", "red" if board.oldest_age > 300 else ""
        ),
        _fact("in", _rate(board.rates.entered)),
        _fact("out", _rate(board.rates.left)),
    ]
    lanes = [
        _fact(lane.name, lane.parked + lane.waiting if lane.name == "later" else lane.waiting) for lane in board.lanes
    ]
    return [*_flow(facts, width), *(_flow([Text("lanes", style="dim"), *lanes], width) if lanes else [])]


def _workers(board: Board, width: int) -> list[Text]:
    busy, slots = sum(len(w.jobs) for w in board.workers), sum(w.slots for w in board.workers)
    of = f", {busy} of {slots} slots busy" if slots else ""
    heading = f"RENDERING: {busy}" if board.mode == INLINE else f"WORKERS: {len(board.workers) or 'none'}{of}"
    found = [_heading(heading, bad=not board.workers)]
    for worker in board.workers:
        if board.mode != INLINE:
            found.append(_worker(worker, width))
        found += [_job(job, width) for job in worker.jobs]
    return found


def _worker(worker: WorkerRow, width: int) -> Text:
    state = "draining" if worker.draining else "working" if worker.jobs else "idle"
    facts = f"{len(worker.jobs)}/{worker.slots}  {state}  seen {duration(worker.silent)} ago"
    name = worker.id if worker.host in worker.id else f"{worker.id} on {worker.host}"
    return Text(
        f"  {_fit(name, max(8, width - len(facts) - 4))}  {facts}", style="yellow" if worker.silent > 10 else ""
    )


def _job(job: JobRow, width: int) -> Text:
    done = f"{job.documents_ended}/{job.documents}" if job.documents else "-"
    return Text(f"    {_id(job.bundle_run, width)}  #{job.attempt}  {duration(job.age):>7}  {done:>5}  {job.document}")


def _due(board: Board, width: int) -> list[Text]:
    rows = [_due_row(run, width) for run in board.upcoming]
    return [_heading(f"DUE NEXT, of {board.parked} parked"), *rows] if rows else []


def _due_row(run: DueRow, width: int) -> Text:
    when = f"in {duration(run.due_in)}" if run.due_in > 0 else "now"
    why = f"#{run.attempt}  {run.reason}" if run.reason else "start time" if not run.attempt else "handed back"
    return Text(f"    {_id(run.bundle_run, width)}  {when:>9}  {why}")


def _letters(board: Board, width: int) -> list[Text]:
    if not board.letters:
        return []
    heading = "FAILED, newest first" if board.mode == INLINE else f"DEAD LETTERS: {board.dead}, oldest first"
    return [_heading(heading, bad=True), *(_letter(letter, width) for letter in board.letters)]


def _letter(letter: LetterRow, width: int) -> Text:
    when = f"{duration(letter.ago)} ago"
    return Text(f"    {_id(letter.bundle_run, width)}  {when:>10}  {letter.reason}  {letter.message}")


def _heading(text: str, *, bad: bool = False) -> Text:
    return Text(text, style="bold red" if bad else "bold")


def _fact(name: str, value: object, style: str = "") -> Text:
    return Text.assemble((f"{name} ", "dim"), (str(value), f"bold {style}".strip()))


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}/s"


def _id(run_id: str, width: int) -> str:
    return run_id if width >= WIDE else _fit(run_id, SHORT_ID)


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 2)] + ".."


def _flow(words: Iterable[Text], width: int) -> list[Text]:
    """Words one after the other, on as many lines as they need."""
    found: list[Text] = []
    for word in words:
        if found and found[-1].cell_len + len(GAP) + word.cell_len <= width:
            found[-1].append(GAP)
            found[-1].append_text(word)
        elif word.cell_len:
            found.append(word.copy())
    return found


def _apart(sections: Iterable[list[Text]]) -> list[Text]:
    """Each after an empty line."""
    return [line for some in sections for line in (Text(), *some)]


def _share(sections: Sequence[list[Text]], room: int) -> list[list[Text]]:
    """Sections cut to `room` lines together: one line each in turn, so that a long one takes what short ones leave."""
    given = [0] * len(sections)
    while room and any(g < len(s) for g, s in zip(given, sections, strict=True)):
        for index, section in enumerate(sections):
            if room and given[index] < len(section):
                given[index] += 1
                room -= 1
    return [_ended(section, lines) for section, lines in zip(sections, given, strict=True)]


def _ended(section: list[Text], lines: int) -> list[Text]:
    """The first lines; the heading says what is missing."""
    if 0 < lines < len(section):
        section[0].append(f" ({len(section) - lines} lines more)")
    return section[:lines]


def _cut(some: Iterable[Text], width: int) -> list[Text]:
    """Each on one line of at most `width`; control characters of a message are blanks."""
    found = []
    for line in some:
        line.plain = "".join(c if c.isprintable() else " " for c in line.plain)
        if line.cell_len > width:
            line.truncate(max(0, width - 2))
            line.append("..")
        found.append(line)
    return found
