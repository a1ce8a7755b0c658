"""What `docugen top` computes and how it is laid out: rates from samples, and a screen that fits every terminal."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from docugen.cli.top_board import (
    RATE_S,
    Board,
    DueRow,
    InlineRuns,
    JobRow,
    LaneRow,
    LetterRow,
    RateMeter,
    Rates,
    WorkerRow,
    inline_board,
)
from docugen.cli.top_screen import News, as_text, duration, lines
from docugen.client import BundleRun, RunState
from docugen.client.queue_results import QueueStats
from hypothesis import given
from hypothesis import strategies as st

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
RUN = "br-abcdefghijklmnopqrstuvwxyz234567"
BUSY = Board(
    server="127.0.0.1:50051",
    mode="queue",
    observe_time=NOON,
    waiting=12,
    parked=3,
    in_flight=24,
    dead=7,
    oldest_age=301.0,
    paused=False,
    rates=Rates(3.44, 2.0),
    lanes=tuple(LaneRow(name, 3, 6, 0) for name in ("high", "normal", "low", "later")),
    workers=tuple(
        WorkerRow(f"render-{n}-41", "render", 4, 1.0, n == 2, (JobRow(RUN, 1, 4.2, 7, 3, "statement.pdf"),) * 2)
        for n in range(12)
    ),
    upcoming=tuple(DueRow(RUN, 2, 12.0, "STORE_FULL") for _ in range(10)),
    letters=tuple(LetterRow(RUN, 90.0, "TEMPLATE_FAILED", "unknown variable: balnce\n\x1b[31mred") for _ in range(7)),
)  # fmt: skip
IDLE = replace(BUSY, waiting=0, parked=0, in_flight=0, dead=0, oldest_age=0.0, workers=(), upcoming=(), letters=())


def shown(board: Board | None, width: int = 80, height: int | None = 24, news: News | None = None) -> list[str]:
    return [line.plain for line in lines(board, news or News(), width, height, "q quits")]


@given(
    st.sampled_from([BUSY, IDLE, None]), st.integers(10, 200), st.integers(1, 60), st.sampled_from(["", "gone " * 50])
)
def test_a_screen_fits_every_terminal_and_its_last_line_says_how_to_leave(
    board: Board | None, width: int, height: int, problem: str
) -> None:
    found = shown(board, width, height, News(3.0, problem))
    assert len(found) == height
    assert all(len(line) <= width and line.isprintable() for line in found)
    assert found[-1] == "q quits"


def test_a_small_screen_shows_a_row_of_each_section_and_says_what_is_missing() -> None:
    found = "\n".join(shown(BUSY, 80, 24))
    assert "WORKERS: 12, 24 of 48 slots busy (" in found
    assert "DUE NEXT, of 3 parked (" in found
    assert "DEAD LETTERS: 7, oldest first" in found
    assert f"{RUN}  #1    4.2 s    3/7  statement.pdf" in found
    assert "in 12 s  #2  STORE_FULL" in found
    assert "TEMPLATE_FAILED  unknown .." in found
    assert "lines more)" not in "\n".join(shown(BUSY, 120, 100))


def test_nothing_is_told_by_colour_alone() -> None:
    assert "PAUSED" in "\n".join(shown(replace(BUSY, paused=True)))
    assert "draining" in "\n".join(shown(BUSY, 80, 60))
    assert "WORKERS: none" in "\n".join(shown(IDLE))
    assert "no answer for 9.0 s, trying again: gone" in "\n".join(shown(BUSY, news=News(9.0, "gone")))


def test_as_text_nothing_is_left_out() -> None:
    text = as_text(BUSY, 160)
    assert text.count("statement.pdf") == 24
    assert "lines more" not in text
    assert "q quits" not in text


def test_a_narrow_screen_shortens_run_ids() -> None:
    found = "\n".join(shown(BUSY, 60, 40))
    assert RUN not in found
    assert f"{RUN[:12]}..  #1" in found


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.0 s"), (0.04, "0.0 s"), (9.9, "9.9 s"), (9.97, "10 s"), (119.4, "119 s"), (121, "2 min"), (7_300, "2 h")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def stats(second: float, entered: int, depth: int = 0, in_flight: int = 0) -> QueueStats:
    return QueueStats(NOON + dt.timedelta(seconds=second), depth, 0, in_flight, 0, 0.0, 1, 1, False, entered)


def test_rates_are_means_over_the_last_ten_seconds() -> None:
    meter = RateMeter()
    assert meter.add(stats(0, 100, depth=100)) == Rates()
    assert meter.add(stats(1, 110, depth=90)) == Rates(10.0, 20.0)
    assert meter.add(stats(2, 110, depth=88, in_flight=2)) == Rates(5.0, 10.0)
    for second in range(3, 3 + int(RATE_S) + 1):
        rates = meter.add(stats(second, 110, depth=88, in_flight=2))
    assert rates == Rates(0.0, 0.0)


def test_a_counter_that_fell_is_another_queue_and_no_negative_rate() -> None:
    meter = RateMeter()
    meter.add(stats(0, 1_000, depth=10))
    assert meter.add(stats(1, 3)) == Rates()
    assert meter.add(stats(2, 5)) == Rates(2.0, 2.0)


def test_without_a_queue_the_board_is_made_of_runs() -> None:
    def run(state: RunState, created: float, **more: object) -> BundleRun:
        then = NOON - dt.timedelta(seconds=created)
        return BundleRun(f"{state.value}-{created}", state, "d", "s", attempt=1, create_time=then, **more)  # type: ignore[arg-type]

    waiting = tuple(run(RunState.QUEUED, n) for n in range(3))
    done = run(RunState.SUCCEEDED, 60, finish_time=NOON - dt.timedelta(seconds=1))
    later = run(RunState.RETRYING, 9, next_attempt_time=NOON + dt.timedelta(seconds=9))
    sooner = run(RunState.RETRYING, 8, next_attempt_time=NOON + dt.timedelta(seconds=2))
    board = inline_board("s", InlineRuns(waiting, (), (later, sooner), (), (*waiting, done), most=2), NOON)
    assert (board.mode, board.waiting, board.capped, board.oldest_age) == ("inline", 2, True, 2.0)
    assert [row.due_in for row in board.upcoming] == [2.0, 9.0]
    assert board.rates == Rates(0.3, 0.1)
    assert "no queue: renders by itself" in "\n".join(shown(board))
    assert "waiting 2+" in "\n".join(shown(board))
