"""Render processes: what they may do, how they end, and that nothing of them stays. Real processes, real faults."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from docugen_core.adapters import render_child
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.config import Settings
from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed, RenderInterrupted, Unavailable
from docugen_core.rendering.task import Rendering, RenderLimits, RenderTask
from pack_examples import HANG, PLEX, a_task

TESTS = Path(__file__).parent.parent
HELLO = a_task(PLEX + "Hello")
ENDLESS = a_task(HANG)
ENDLESS_WORD = a_task("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", Format.DOCX)


@pytest.fixture
async def pool() -> AsyncIterator[RenderPool]:
    """One render process: what happens to it is what happens to the next document."""
    async with RenderPool(Settings(render_processes=1)) as made:
        await made.render(HELLO)
        yield made


async def until(what: str, happened: Callable[[], object]) -> None:
    """Wait for a condition on the machine, which signals nothing; the test's own timeout bounds it and shows `what`."""
    while not happened():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


def kernel(pid: int, name: str) -> str:
    """What the kernel says about a process."""
    return Path(f"/proc/{pid}/{name}").read_text()


def exists(pid: int) -> bool:
    """Whether `pid` runs. A zombie does not."""
    with suppress(OSError):
        return "\nState:\tZ" not in kernel(pid, "status")
    return False


def parent(pid: int) -> int:
    return int(kernel(pid, "stat").rpartition(") ")[2].split()[1])


def ticks(pid: int) -> int:
    """CPU time a process has burnt."""
    return int(kernel(pid, "stat").rpartition(") ")[2].split()[11])


async def begun(pool: RenderPool, task: RenderTask) -> tuple[asyncio.Task[Rendering], int]:
    """`task` on its way, and the process that burns time for it: more than one that only puts its last document away."""
    before = {pid: ticks(pid) for pid in pool.process_ids}
    rendering = asyncio.create_task(pool.render(task))
    busy: list[int] = []

    def burning() -> bool:
        busy[:] = [pid for pid in before if ticks(pid) > before[pid] + 50]
        return bool(busy)

    await until("the document burns time", burning)
    return rendering, busy[0]


@pytest.mark.slow
@pytest.mark.parametrize("endless", [ENDLESS, ENDLESS_WORD], ids=["pdf", "docx"])
async def test_a_document_past_its_deadline_is_killed_and_the_next_one_renders(endless: RenderTask) -> None:
    # The deadline is the next document's too, which comes to a new process, maybe of a machine that stalls for seconds.
    async with RenderPool(Settings(render_processes=1, render_timeout_ms=6_000)) as pool:
        with pytest.raises(RenderInterrupted) as caught:
            await pool.render(endless)

        assert caught.value.reason == "RENDER_TIMEOUT"
        assert caught.value.details == {"limit_ms": "6000"}
        assert "DOCUGEN_RENDER_TIMEOUT_MS" in caught.value.hint
        assert (await pool.render(HELLO)).pages == 1


async def test_cancelling_kills_the_render_at_once(pool: RenderPool) -> None:
    rendering, pid = await begun(pool, ENDLESS)

    rendering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await rendering

    await until("the process is gone", lambda: not exists(pid))
    assert (await pool.render(HELLO)).pages == 1


async def test_memory_has_an_end_and_the_service_survives_it(pool: RenderPool) -> None:
    with pytest.raises(RenderInterrupted) as caught:
        await pool.render(a_task('#let bomb = "x" * 4000000000\n#bomb.len()'))

    assert (caught.value.reason, caught.value.details) == ("RENDER_OUT_OF_MEMORY", {"limit_mb": "1536"})
    assert caught.value.failure().document == "notice.pdf"
    assert "DOCUGEN_RENDER_MEMORY_MB" in caught.value.hint
    assert (await pool.render(HELLO)).pages == 1


@pytest.mark.parametrize("fault", [signal.SIGSEGV, signal.SIGKILL, signal.SIGXCPU])
async def test_a_process_that_dies_fails_its_own_task_only(fault: signal.Signals) -> None:
    async with RenderPool(Settings(render_processes=2)) as pool:
        await asyncio.gather(pool.render(HELLO), pool.render(HELLO))
        rendering, pid = await begun(pool, ENDLESS)

        os.kill(pid, fault)
        neighbour = asyncio.create_task(pool.render(HELLO))

        with pytest.raises(RenderInterrupted) as caught:
            await rendering
        assert caught.value.details == {"signal": fault.name}
        assert (await neighbour).pages == 1


async def test_a_process_that_died_while_idle_costs_no_document(pool: RenderPool) -> None:
    """The next document used to fail once, since only handing it over showed that nobody was there."""
    for _ in range(5):
        (pid,) = pool.process_ids
        os.kill(pid, signal.SIGKILL)
        assert (await pool.render(HELLO)).pages == 1


async def test_a_process_that_died_while_idle_is_replaced_without_being_asked(pool: RenderPool) -> None:
    (pid,) = pool.process_ids
    os.kill(pid, signal.SIGKILL)

    await until("another process is ready", lambda: pool.process_ids and pool.process_ids != (pid,))


async def test_processes_that_cannot_live_are_not_started_for_ever() -> None:
    unsettable = 1 << 50
    async with RenderPool(Settings(render_processes=2, render_memory_mb=unsettable)) as pool:
        with pytest.raises(RenderInterrupted, match="no render process could start") as caught:
            await pool.render(HELLO)
        assert caught.value.details == {"exit_code": "1"}
        assert "ulimit -n" in caught.value.hint
        assert "DOCUGEN_RENDER_MEMORY_MB" in caught.value.hint

        await until("no process is left", lambda: not pool.process_ids)


async def test_a_fork_server_that_died_is_started_again(pool: RenderPool) -> None:
    (pid,) = pool.process_ids
    os.kill(parent(pid), signal.SIGKILL)

    await until("its processes are gone", lambda: not exists(pid))
    assert (await pool.render(HELLO)).pages == 1


async def test_a_document_that_meets_a_fork_server_whose_end_is_not_noticed_yet_is_rendered() -> None:
    """It used to fail with "its fork server ended": the request for a process was on its way to a server that was gone."""
    for _ in range(5):
        async with RenderPool(Settings(render_processes=1)) as pool:
            await pool.render(HELLO)
            (pid,) = pool.process_ids
            os.kill(parent(pid), signal.SIGKILL)
            while exists(pid):
                pass  # without an await, so that the pool cannot notice before it is asked
            assert (await pool.render(HELLO)).pages == 1


async def test_a_process_is_recycled_after_its_number_of_documents() -> None:
    async with RenderPool(Settings(render_processes=1, render_recycle_documents=2)) as pool:
        seen: list[int] = []
        for _ in range(4):
            await pool.render(HELLO)
            await until("a process is ready", lambda: pool.process_ids)
            seen += pool.process_ids

    assert seen[0] != seen[1]
    assert seen[1] == seen[2]
    assert seen[2] != seen[3]


async def test_a_process_that_grew_is_recycled_after_its_document() -> None:
    grow = a_task(PLEX + "#let rows = range(4000000)\n#rows.len()" + "#lorem(60000)")
    async with RenderPool(Settings(render_processes=1, render_recycle_rss_mb=120)) as pool:
        await pool.render(HELLO)
        small = pool.process_ids
        await pool.render(HELLO)
        assert pool.process_ids == small

        await pool.render(grow)
        await until("another process is ready", lambda: pool.process_ids and pool.process_ids != small)


async def test_waiting_documents_are_served_in_order(pool: RenderPool) -> None:
    finished: list[int] = []

    async def one(number: int) -> None:
        await pool.render(a_task(f"{number}", Format.TXT))
        finished.append(number)

    await asyncio.gather(*(one(number) for number in range(10)))

    assert finished == list(range(10))


async def test_a_waiting_document_can_be_cancelled(pool: RenderPool) -> None:
    busy, _ = await begun(pool, ENDLESS)
    waiting = asyncio.create_task(pool.render(HELLO))
    await asyncio.sleep(0)

    waiting.cancel()
    busy.cancel()
    await asyncio.gather(waiting, busy, return_exceptions=True)

    assert (await pool.render(HELLO)).pages == 1


async def test_closing_ends_every_process_and_interrupts_its_document() -> None:
    async with RenderPool(Settings(render_processes=1)) as pool:
        await pool.render(HELLO)
        rendering, pid = await begun(pool, ENDLESS)
        server = parent(pid)

    with pytest.raises(RenderInterrupted):
        await rendering
    with pytest.raises(Unavailable, match="closed"):
        await pool.render(HELLO)
    assert not exists(server)
    await until("the process is gone", lambda: not exists(pid))


async def test_a_pool_that_was_never_used_closes() -> None:
    async with RenderPool(Settings(render_processes=2)):
        pass


SERVICE = """
import asyncio, sys
import grpc
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.config import Settings
from pack_examples import HANG, PLEX, a_task

async def main():
    async with RenderPool(Settings(render_processes=1)) as pool:
        await pool.render(a_task(PLEX + "Hello"))
        print(pool.process_ids[0], flush=True)
        await pool.render(a_task(HANG))

asyncio.run(main())
"""


async def test_no_process_outlives_a_service_that_is_killed_and_none_loads_grpc(tmp_path: Path) -> None:
    program = tmp_path / "service.py"
    program.write_text(SERVICE)
    environment = {"PYTHONPATH": str(TESTS), "DOCUGEN_TEST_SECRET": "hunter2", "PATH": "/usr/bin:/bin"}
    service = await asyncio.create_subprocess_exec(
        sys.executable, str(program), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert service.stdout is not None
    pid = int(await service.stdout.readline())
    server, begin = parent(pid), ticks(pid)
    maps, seen = kernel(pid, "maps"), kernel(pid, "environ")
    await until("the document burns time", lambda: ticks(pid) > begin + 5)
    service.kill()
    await service.wait()

    assert "cygrpc" not in maps
    assert "typst" in maps
    assert "hunter2" not in seen
    await until("render process and fork server are gone", lambda: not exists(pid) and not exists(server))


async def test_a_render_process_is_confined(pool: RenderPool) -> None:
    (pid,) = pool.process_ids
    limits = {line[:26].strip(): line[26:].split()[0] for line in kernel(pid, "limits").splitlines()[1:]}
    status = kernel(pid, "status")

    assert limits["Max core file size"] == "0"
    assert limits["Max file size"] == "0"
    assert limits["Max open files"] == "64"
    assert limits["Max address space"] == str(1_536 << 20)
    assert int(limits["Max cpu time"]) <= 60 + 60
    assert "NoNewPrivs:\t1" in status


async def test_a_render_process_sees_a_pinned_environment_only(pool: RenderPool) -> None:
    (pid,) = pool.process_ids
    environment = dict(entry.split("=", 1) for entry in kernel(pid, "environ").split("\0") if entry)

    del environment["PYTHONPATH"]
    assert environment == {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "LC_ALL": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        "PYTHONHASHSEED": "0",
        "RAYON_NUM_THREADS": "1",
        "TZ": "NODATE12",
    }


async def test_asking_for_today_without_a_document_date_is_an_error(pool: RenderPool) -> None:
    with pytest.raises(RenderFailed) as caught:
        await pool.render(a_task(PLEX + "\nToday: #datetime.today().display()", day=None))

    assert caught.value.message == "the template asks for today's date, but the bundle has no document_date"
    assert str(caught.value.where) == "notice.typ:3:9"
    assert caught.value.hint == "Set document_date in the bundle."


async def test_importing_a_package_fails_without_a_network(pool: RenderPool) -> None:
    with pytest.raises(RenderFailed) as caught:
        await pool.render(a_task('#import "@preview/fable:1.0.0": *'))

    assert caught.value.message == "the template imports a package from the network"
    assert str(caught.value.where) == "notice.typ:1:9"


async def test_documents_leave_nothing_for_the_next_one(pool: RenderPool) -> None:
    await pool.render(a_task(PLEX + '#read("secret.txt")', files={"secret.txt": "x"}))

    with pytest.raises(RenderFailed, match="file not found"):
        await pool.render(a_task(PLEX + '#read("secret.txt")'))
    with pytest.raises(RenderFailed, match="does not contain key"):
        await pool.render(a_task(PLEX + "#sys.inputs.name"))


async def test_the_byte_limit_is_the_documents_own(pool: RenderPool) -> None:
    task = a_task("{{ data.name }}" * 1_000, Format.TXT)
    small = replace(task, limits=RenderLimits(bytes_max=10))

    with pytest.raises(RenderFailed, match="limit is 10"):
        await pool.render(small)
    assert len((await pool.render(task)).data) > 10


def test_a_defect_of_a_renderer_is_reported_without_the_documents_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(task: RenderTask) -> Rendering:
        raise KeyError(str(task.data))

    monkeypatch.setattr(render_child, "render", broken)
    head, data, sound = render_child.answer(pickle.dumps(HELLO))

    assert (data, sound) == (b"", True)
    assert head["failure"]["code"] == "INTERNAL"
    assert "KeyError" in head["failure"]["message"]
    assert "Wren" not in str(head)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (MemoryError, "RENDER_OUT_OF_MEMORY"),
        (type("PanicException", (BaseException,), {}), "RENDER_PROCESS_DIED"),
    ],
)
def test_after_a_panic_or_exhausted_memory_a_process_does_not_go_on(
    monkeypatch: pytest.MonkeyPatch, end: type[BaseException], code: str
) -> None:
    def panic(task: RenderTask) -> Rendering:
        raise end(str(task.data))

    monkeypatch.setattr(render_child, "render", panic)
    head, _, sound = render_child.answer(pickle.dumps(HELLO))

    assert not sound
    assert (head["failure"]["code"], head["failure"]["retryable"]) == (code, True)
    assert "Wren" not in str(head)
