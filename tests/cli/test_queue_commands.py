"""`docugen queue` and `docugen dlq`, before a scheduler and a worker in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_process import BROKEN, DOCUGEN, Ended, Server, broken_pack, environment, process
from redis_servers import own_server
from scheduler_server import note_settings


@dataclass(frozen=True, slots=True)
class Stack:
    """address: of the scheduler. env: settings under which `docugen render` sees the same templates. worker: its name."""

    address: str
    env: dict[str, str]
    worker: str


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = note_settings(tmp_path_factory.mktemp("queue"))
    broken_pack(Path(settings.template_path))
    packs = {"DOCUGEN_TEMPLATE_PATH": settings.template_path}
    with ExitStack() as running:
        redis = running.enter_context(own_server())
        env = packs | {
            "DOCUGEN_QUEUE_ENABLED": "true",
            "DOCUGEN_REDIS_URL": redis.url,
            "DOCUGEN_STORE_URL": settings.store_url,
            "DOCUGEN_GRPC_ADDRESS": "127.0.0.1:0",
            "DOCUGEN_WORKER_GRPC_ADDRESS": "127.0.0.1:0",
            "DOCUGEN_METRICS_ADDRESS": "",
            "DOCUGEN_WORKER_METRICS_ADDRESS": "",
            "DOCUGEN_RENDER_PROCESSES": "1",
        }
        scheduler = running.enter_context(service([DOCUGEN, "serve"], env))
        worker = running.enter_context(service([sys.executable, "-m", "docugen_worker"], env))
        yield Stack(scheduler["address"], packs, worker["consumer"])


class service:  # noqa: N801 - a context manager
    """A process that says on one line of its stdout that it has started; ended at the end."""

    def __init__(self, command: list[str | Path], env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, env=environment() | env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __enter__(self) -> dict[str, str]:
        assert self._process.stdout is not None
        started: dict[str, str] = json.loads(self._process.stdout.readline())
        return started

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        assert self._process.wait(60) == 0
        if self._process.stdout:
            self._process.stdout.close()


@pytest.fixture
def ask(stack: Stack, docugen: Callable[..., Ended]) -> Callable[..., Ended]:
    """`docugen(ARGUMENTS --server ...)` in this process."""
    return lambda *arguments: docugen(*arguments, "--server", stack.address)


@pytest.fixture
def letter(ask: Callable[..., Ended], tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Id of the one dead letter there is."""
    ask("dlq", "drop", "--filter", "*", "--yes")
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(BROKEN | {"data": {"text": request.node.name}}))
    assert ask("submit", path, "--watch", "--quiet", "--label", "team=billing").code == 1
    (found,) = ask("dlq", "ls", "--json").json()["dead_letters"]
    return str(found["id"])


def test_the_queue_is_shown_paused_and_resumed(ask: Callable[..., Ended]) -> None:
    assert ask("queue", "stats", "--json").json()["stats"]["paused"] is False
    assert ask("queue", "pause", "--reason", "moving", "--json").json()["stats"]["paused"] is True
    assert "paused" in ask("queue", "stats").out
    assert ask("queue", "resume", "--json").json()["stats"]["paused"] is False
    assert "running" in ask("queue", "stats").out


def test_workers_are_listed_and_an_unknown_one_cannot_be_drained(stack: Stack, ask: Callable[..., Ended]) -> None:
    (worker,) = ask("queue", "workers", "--json").json()["workers"]
    assert (worker["id"], worker["draining"]) == (stack.worker, False)
    assert stack.worker in ask("queue", "workers").out
    ended = ask("queue", "drain", "nobody", "--json")
    assert (ended.code, ended.error()["reason"]) == (2, "WORKER_NOT_FOUND")


def test_a_dead_letter_is_listed_and_shown_with_its_history(letter: str, ask: Callable[..., Ended]) -> None:
    (listed,) = ask("dlq", "ls", "--filter", 'labels.team = "billing"', "--json").json()["dead_letters"]
    assert (listed["id"], listed["error"]["reason"], listed["spec"]) == (letter, "TEMPLATE_FAILED", None)
    assert ask("dlq", "ls", "--filter", "reason = OTHER").out.strip() == "no dead letters"
    shown = ask("dlq", "show", letter, "--json").json()["dead_letter"]
    assert [attempt["number"] for attempt in shown["attempts"]] == [1]
    assert shown["spec"]["documents"][0]["name"] == "broken.txt"
    text = ask("dlq", "show", letter).out
    assert "TEMPLATE_FAILED" in text
    assert shown["spec"]["data"]["text"] not in text, "data is not for the terminal"


def test_a_wrong_filter_is_wrong_input_and_says_what_it_takes(ask: Callable[..., Ended]) -> None:
    ended = ask("dlq", "ls", "--filter", "state = FAILED", "--json")
    assert ended.code == 2
    assert "reason, create_time, template, tenant, labels.KEY" in ended.error()["message"]


def test_the_failure_can_be_reproduced_without_a_server(
    stack: Stack, letter: str, ask: Callable[..., Ended], tmp_path: Path
) -> None:
    written = ask("dlq", "repro", letter, "--out", tmp_path / "again.json", "--json").json()
    assert [difference.partition(":")[0] for difference in written["differences"]] == [
        "template broken/broken@1.0.0",
        "documents[0].template",
    ], "the pack is not installed here, and that is said"
    env = stack.env
    ended = process("dlq", "repro", letter, "--server", stack.address, "--json", cwd=tmp_path, **env)
    same = ended.json()
    assert same["differences"] == []
    bundle = json.loads((tmp_path / same["path"]).read_text())
    assert bundle["documents"][0]["template"] == "broken/broken@1.0.0"
    assert "seed" not in bundle, "the identity of the run, not a likeness"
    rendered = process("render", same["path"], "--quiet", "--json", cwd=tmp_path, **env)
    assert rendered.code == 1
    error = rendered.error()
    assert (error["reason"], error["message"]) == (same["error"]["reason"], same["error"]["message"])
    assert error["location"]["line"] == 2
    checked = process("validate", same["path"], "--json", cwd=tmp_path, **env).json()
    assert checked["spec_digest"] == same["spec_digest"]


def test_redriving_shows_first_and_does_then(letter: str, ask: Callable[..., Ended]) -> None:
    would = ask("dlq", "redrive", "--dry-run", "--json").json()
    assert (would["dry_run"], would["redriven"]) == (True, 1)
    assert ask("dlq", "ls", "--json").json()["dead_letters"][0]["id"] == letter
    done = ask("dlq", "redrive", "--rate", "50", "--json").json()
    assert (done["redriven"], done["refused"]) == (1, 0)
    (run,) = done["bundle_runs"]
    assert ask("runs", "wait", run, "--quiet").code == 1
    (again,) = ask("dlq", "ls", "--json").json()["dead_letters"]
    assert (again["bundle_run"], again["redrive_count"]) == (run, 1)


def test_dropping_asks_unless_told_not_to(stack: Stack, letter: str, ask: Callable[..., Ended], tmp_path: Path) -> None:
    drop = ("dlq", "drop", "--filter", "reason = TEMPLATE_FAILED", "--server", stack.address)
    declined = process(*drop, cwd=tmp_path, stdin="n\n")
    assert declined.code == 130
    assert "1 would be dropped" in declined.err
    assert ask("dlq", "drop", "--filter", "*", "--dry-run", "--json").json()["dropped"] == 1
    assert ask("dlq", "show", letter).code == 0
    accepted = process(*drop, "--json", cwd=tmp_path, stdin="y\n")
    assert (accepted.json()["dropped"], accepted.json()["dry_run"]) == (1, False)
    gone = ask("dlq", "show", letter, "--json")
    assert (gone.code, gone.error()["reason"]) == (2, "DEAD_LETTER_NOT_FOUND")


def test_a_server_without_a_queue_says_so(server: Server, docugen: Callable[..., Ended]) -> None:
    ended = docugen("queue", "stats", "--json", "--server", server.address)
    assert (ended.code, ended.error()["reason"]) == (1, "QUEUE_DISABLED")
