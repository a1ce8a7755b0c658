"""`docugen top` before a scheduler and a worker in processes of their own, in a terminal of its own."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_process import DOCUGEN, Ended, Server, environment, process
from deploy.services import SCHEDULER, WORKER, queue_settings, service, settings_in
from docugen.client import DocugenClient
from redis_servers import own_server
from terminal import CTRL_C, Terminal, terminal
from worker_world import bundle, until, write_pack

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Stack:
    """address: of the scheduler. running: the run that never ends. later: the one that is due in an hour."""

    address: str
    running: str
    later: str


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A worker with one slot, a run that keeps it busy, two that wait, one that is due in an hour, one dead letter."""
    folder = tmp_path_factory.mktemp("top")
    with ExitStack() as running:
        settings = settings_in(folder) | queue_settings(running.enter_context(own_server()).url)
        write_pack(Path(settings["DOCUGEN_TEMPLATE_PATH"]))
        settings |= {
            "DOCUGEN_QUEUE_CONCURRENCY": "1",
            "DOCUGEN_GRACE_MS": "1000",
            "DOCUGEN_QUEUE_LEASE_MS": "120000",  # its one run is held by the first attempt to the end
            "DOCUGEN_RENDER_TIMEOUT_MS": "600000",
        }
        with service(SCHEDULER, settings):
            running.enter_context(service(WORKER, settings))
            address = settings["DOCUGEN_GRPC_ADDRESS"]
            yield Stack(address, *asyncio.run(filled(address)))


async def filled(address: str) -> tuple[str, str]:
    async with DocugenClient(address) as client:
        assert not (await client.submit(bundle("broken"), max_attempts=1, wait=True)).succeeded
        running = await client.submit(bundle("hang", documents=3))
        for number in range(2):
            await client.submit(bundle("note", f"waits {number}"))
        in_an_hour = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)  # noqa: TID251 - the caller's clock
        later = await client.submit(bundle("note", "later"), not_before=in_an_hour)

        async def told() -> bool:
            return any(job.document for worker in await client.queue.workers() for job in worker.jobs)

        await until("the worker tells what it renders", told)
        return running.id, later.id


@contextmanager
def top(address: str, columns: int = 80, lines: int = 24, term: str = "xterm", **env: str) -> Iterator[Terminal]:
    command = [str(DOCUGEN), "top", "--server", address, "--interval", "0.5"]
    with terminal(command, environment() | {"TERM": term} | env, columns, lines) as running:
        yield running


def shows(running: Terminal, *words: str) -> str:
    """The text of the screen, once all the words are on it and the scheduler has just answered.

    A machine that stalls for seconds makes an answer late; until the next one the screen has a line about that.
    """
    return running.until(
        f"all of {words}", lambda text: "no answer" not in text and all(word in text for word in words)
    )


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (120, 40)])
def test_it_shows_what_waits_who_renders_what_and_what_failed_until_q(stack: Stack, columns: int, lines: int) -> None:
    with top(stack.address, columns, lines) as running:
        words = ("waiting 2", "parked 1", "in hand 1", "dead 1", "hang0.pdf", "TEMPLATE_FAILED", "in 0.0/s", "q quits")
        text = shows(running, *words)
        shown = running.lines
        assert shown[0].startswith(f"docugen top   {stack.address}   queue   running")
        assert shown[2] == "lanes   high 0   normal 2   low 0   later 1"
        assert "WORKERS: 1, 1 of 1 slots busy" in text
        assert f"{stack.running}  #1" in text
        assert re.search(rf"{stack.later}  in \d+ min  start time", text)
        assert shown[-1] == "q quits"
        running.type("q")
        assert running.ended() == 0
        assert running.is_as_before()
        assert running.written.rstrip().endswith(b"\x1b[?1049l"), "the screen that was there before is back"


def test_ctrl_c_leaves_the_terminal_as_it_was(stack: Stack) -> None:
    with top(stack.address) as running:
        running.shows("waiting 2")
        running.type(CTRL_C)
        assert running.ended() == 130
        assert running.is_as_before()
        assert b"\x1b[?1049l" in running.written
        assert b"Traceback" not in running.written


def test_sigterm_does_too(stack: Stack) -> None:
    with top(stack.address) as running:
        running.shows("waiting 2")
        running.process.terminate()
        assert running.ended() == 143
        assert running.is_as_before()
        assert b"\x1b[?1049l" in running.written


def test_it_follows_a_terminal_that_changes_its_size_whatever_the_environment_says(stack: Stack) -> None:
    with top(stack.address, COLUMNS="200", LINES="9") as running:
        running.shows("waiting 2", "q quits")
        running.resize(100, 30)
        running.until("the last line is the last line again", lambda _: running.lines[-1] == "q quits")
        running.resize(60, 15)
        running.until("it fits again", lambda _: running.lines[-1] == "q quits" and len(running.lines) == 15)
        running.type("q")
        assert running.ended() == 0


def test_without_colours_and_on_a_dumb_terminal_it_says_the_same(stack: Stack) -> None:
    with top(stack.address, NO_COLOR="1") as running:
        running.shows("waiting 2", "TEMPLATE_FAILED")
        assert not any(b"\x1b[%dm" % colour in running.written for colour in range(31, 38))
        running.type("q")
        assert running.ended() == 0
    with top(stack.address, term="dumb") as running:
        running.shows("waiting 2", "TEMPLATE_FAILED")
        assert b"\x1b" not in running.written
        running.type("q")
        assert running.ended() == 0


def test_forty_columns_and_ten_lines_are_enough(stack: Stack) -> None:
    with top(stack.address, 40, 10) as running:
        shows(running, "waiting 2", "WORKERS", "q quits")
        assert running.lines[-1] == "q quits"
        running.type("q")
        assert running.ended() == 0


def test_it_says_that_the_scheduler_is_away_and_comes_back_with_it(tmp_path: Path) -> None:
    with own_server() as redis:
        settings = settings_in(tmp_path) | queue_settings(redis.url)
        address = settings["DOCUGEN_GRPC_ADDRESS"]
        with ExitStack() as running:
            screen = running.enter_context(top(address))
            screen.shows("no answer for", "trying again")
            with service(SCHEDULER, settings):
                screen.until("it was found", lambda text: "waiting 0" in text and "no answer" not in text)
            screen.shows("waiting 0", "no answer for", "trying again")
            with service(SCHEDULER, settings | {"DOCUGEN_QUEUE_ENABLED": "false"}):
                screen.until("it is back, without a queue", lambda t: "no queue" in t and "no answer" not in t)
                screen.type("q")
                assert screen.ended() == 0


def test_once_prints_what_can_be_piped_and_json_what_scripts_read(stack: Stack, tmp_path: Path) -> None:
    plain = process("top", "--once", "--server", stack.address, cwd=tmp_path)
    assert (plain.code, plain.err) == (0, "")
    assert "\x1b" not in plain.out
    assert "dead 1" in plain.out
    assert stack.running in plain.out
    found = process("top", "--once", "--json", "--server", stack.address, cwd=tmp_path).json()["top"]
    assert (found["mode"], found["waiting"], found["in_flight"], found["dead"]) == ("queue", 2, 1, 1)
    assert found["rates"] == {"entered": 0.0, "left": 0.0}
    assert [run["bundle_run"] for run in found["upcoming"]] == [stack.later]
    assert 3_000 < found["upcoming"][0]["due_in"] <= 3_600
    (worker,) = found["workers"]
    (job,) = worker["jobs"]
    assert (job["bundle_run"], job["attempt"], job["documents"]) == (stack.running, 1, 3)
    (letter,) = found["letters"]
    assert letter["reason"] == "TEMPLATE_FAILED"
    assert json.dumps(found).isascii()


def test_a_server_without_a_queue_is_shown_by_its_runs(server: Server, docugen: Callable[..., Ended]) -> None:
    found = docugen("top", "--json", "--server", server.address).json()["top"]
    assert (found["mode"], found["server"], found["in_flight"]) == ("inline", server.address, 0)
    assert "no queue: renders by itself" in docugen("top", "--once", "--server", server.address).out


def test_once_without_a_server_fails_and_says_why(docugen: Callable[..., Ended]) -> None:
    ended = docugen("top", "--once", "--json", "--server", "127.0.0.1:1")
    assert ended.code == 1
    assert ended.error()["reason"] == "UNAVAILABLE"
