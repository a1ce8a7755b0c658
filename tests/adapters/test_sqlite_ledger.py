"""The SQLite ledger: one owner, what is on disk when, and what becomes of files that are damaged or not ours."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import sys
from pathlib import Path

import pytest
from docugen_core.adapters.run_tables import SCHEMA_VERSION, page_statement
from docugen_core.adapters.sqlite_ledger import SqliteLedger
from docugen_core.domain.run import RunState
from docugen_core.domain.run_query import RunQuery
from docugen_core.errors import ConfigurationError, Unavailable
from run_examples import a_run
from structlog.testing import capture_logs

INSERTS_AND_DIES = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from docugen_core.adapters.sqlite_ledger import SqliteLedger
from run_examples import a_run

async def main():
    async with SqliteLedger(Path(sys.argv[1])) as ledger:
        n = 0
        while True:
            await ledger.insert(a_run(f"run-{n}", create_time_ms=n), b"spec %d" % n)
            print(n, flush=True)
            n += 1

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "ledger.sqlite3"


async def written(path: Path, *run_ids: str, spec_size: int = 4_000) -> None:
    async with SqliteLedger(path) as ledger:
        for run_id in run_ids:
            await ledger.insert(a_run(run_id), b"x" * spec_size)


def put_garbage(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)


def content(path: Path) -> bytes:
    return path.read_bytes()


async def test_acknowledged_runs_outlive_a_killed_process(path: Path) -> None:
    tests = str(Path(__file__).parents[1])
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", INSERTS_AND_DIES, path, tests, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    for _ in range(20):
        await child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    acknowledged = 20 + len((await child.stdout.read()).splitlines())
    await child.wait()

    async with SqliteLedger(path) as ledger:  # its lock died with it
        unfinished = await ledger.unfinished()

    kept = [(run.run_id, spec) for run, spec in unfinished]
    assert kept[:acknowledged] == [(f"run-{n}", b"spec %d" % n) for n in range(acknowledged)]
    assert len(kept) - acknowledged in (0, 1)  # the last one may have been committed, but not yet said so


async def test_an_insert_is_fsynced_and_an_update_need_not_be(path: Path) -> None:
    levels: list[int] = []
    async with SqliteLedger(path) as ledger:

        def note(statement: str) -> None:
            if statement == "COMMIT":
                # Asked on a cursor of the same connection, from its own trace: a pragma without a value changes nothing.
                ledger._db.set_trace_callback(None)
                levels.append(ledger._db.execute("PRAGMA synchronous").fetchone()[0])
                ledger._db.set_trace_callback(note)

        await ledger._on_thread(lambda: ledger._db.set_trace_callback(note))
        await ledger.insert(a_run(), b"spec")
        await ledger.update(a_run(revision=2))
        await ledger.insert(a_run("run-2"), b"spec")

    assert levels == [2, 1, 2]  # FULL, NORMAL, FULL


async def test_a_second_owner_is_refused_and_told_who_the_first_one_is(path: Path) -> None:
    async with SqliteLedger(path):
        with pytest.raises(ConfigurationError, match=f"in use by process {os.getpid()}") as caught:
            async with SqliteLedger(path):
                pytest.fail("two owners")
        assert "stop the other one" in caught.value.hint

    async with SqliteLedger(path) as ledger:  # and the refusal has left nothing behind
        assert await ledger.unfinished() == ()


async def test_a_reader_beside_the_owner_sees_the_runs(path: Path) -> None:
    async with SqliteLedger(path) as ledger:
        await ledger.insert(a_run(), b"spec")
        shell = sqlite3.connect(path)
        try:
            assert shell.execute("SELECT run_id, state FROM runs").fetchall() == [("run-1", "queued")]
        finally:
            shell.close()


async def test_a_file_that_is_no_database_is_moved_aside_with_a_warning(path: Path) -> None:
    for n in (1, 2):
        put_garbage(path, b"garbage %d" % n * 1_000)

        with capture_logs() as logs:
            await written(path, f"run-{n}")

        assert [(entry["event"], entry["log_level"], entry["moved_to"]) for entry in logs] == [
            ("run_ledger_moved_aside", "warning", f"ledger.sqlite3.corrupt-{n}")
        ]
        assert path.with_name(f"ledger.sqlite3.corrupt-{n}").read_bytes() == b"garbage %d" % n * 1_000
    async with SqliteLedger(path) as ledger:
        assert [run.run_id for run, _ in await ledger.unfinished()] == ["run-2"]


@pytest.mark.parametrize("page", [1, 2, 3, 8])
async def test_a_page_of_garbage_is_found_at_the_start(path: Path, page: int) -> None:
    await written(path, *(f"run-{n}" for n in range(20)))
    with path.open("r+b") as file:
        file.seek(page * 4_096)
        file.write(b"\xff" * 4_096)

    with capture_logs() as logs:
        await written(path, "run-1")

    assert [entry["event"] for entry in logs] == ["run_ledger_moved_aside"]
    async with SqliteLedger(path) as ledger:
        assert [run.run_id for run, _ in await ledger.unfinished()] == ["run-1"]


async def test_damage_met_while_running_is_an_error_that_says_to_restart(path: Path) -> None:
    # More than SQLite keeps in memory (2 MiB), so that it must read again.
    await written(path, *(f"run-{n}" for n in range(40)), spec_size=100_000)
    async with SqliteLedger(path) as ledger:
        with path.open("r+b") as file:
            file.write(b"\xff" * len(content(path)))

        with pytest.raises(Unavailable) as caught:
            await asyncio.gather(*(ledger.spec(f"run-{n}") for n in range(40)))

    assert caught.value.reason == "LEDGER_DAMAGED"
    assert "Restart" in caught.value.hint


async def test_a_ledger_of_a_newer_release_is_refused_and_left_alone(path: Path) -> None:
    await written(path, "run-1")
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    before = content(path)

    with pytest.raises(ConfigurationError, match=f"schema {SCHEMA_VERSION + 1}, this release reads up to") as caught:
        await written(path)

    assert "newer release" in caught.value.hint
    assert content(path) == before


async def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE accounts (name TEXT)")
    db.close()

    with pytest.raises(ConfigurationError, match="another program"):
        await written(path)

    db = sqlite3.connect(path)
    assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("accounts",)]
    db.close()


async def test_a_ledger_without_a_folder_to_be_in_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match="cannot be opened"):
        await written(tmp_path / "file" / "ledger.sqlite3")


async def test_a_full_disk_refuses_the_run_and_the_ledger_goes_on(path: Path) -> None:
    async with SqliteLedger(path) as ledger:
        await ledger.insert(a_run("run-1"), b"spec")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
        try:
            with pytest.raises(Unavailable) as caught:
                await ledger.insert(a_run("run-2"), b"x" * (4 << 20))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        assert caught.value.reason == "LEDGER_FULL"
        assert await ledger.get("run-2") is None
        assert await ledger.insert(a_run("run-2"), b"x" * (4 << 20)) is None
        assert [run.run_id for run, _ in await ledger.unfinished()] == ["run-1", "run-2"]


async def test_calls_whose_callers_gave_up_are_over_before_the_ledger_closes(path: Path) -> None:
    async with SqliteLedger(path) as ledger:
        calls = [asyncio.create_task(ledger.insert(a_run(f"run-{n}"), b"spec")) for n in range(50)]
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async with SqliteLedger(path) as ledger:
        for run, spec in await ledger.unfinished():
            assert (run.state, spec) == (RunState.QUEUED, b"spec")  # those that were begun are whole


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("", "runs_by_time"),
        ("state = FAILED", "runs_by_state"),
        ("template = letters", "templates_by_name"),
        ("labels.team = billing", "labels_by_value"),
        ("create_time > 2026-01-31T00:00:00Z", "runs_by_time"),
    ],
)
async def test_every_filter_is_served_by_an_index(path: Path, text: str, index: str) -> None:
    statement, values = page_statement(RunQuery.parse(text))
    async with SqliteLedger(path) as ledger:
        plan = await ledger._on_thread(lambda: ledger._db.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall())

    steps = " / ".join(step[3] for step in plan)
    assert index in steps, steps
