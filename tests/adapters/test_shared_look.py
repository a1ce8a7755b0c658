"""Looks at files travel together, and each caller gets its own answer."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from bundle_examples import manifest_of
from docugen_core.adapters.local_store import LocalStore
from docugen_core.adapters.shared_look import LOOK_MAX, SharedLook


class Shelf:
    """Places that hold their own name. seen: every place that was read, by thread; the first reader waits at `gate`."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.threads: list[int] = []
        self.begun = threading.Event()
        self.gate = threading.Event()

    def read(self, place: str) -> str:
        if not self.begun.is_set():
            self.begun.set()
            assert self.gate.wait(60)
        self.seen.append(place)
        self.threads.append(threading.get_ident())
        if place == "torn":
            raise OSError("this page is torn")
        return place


async def held_up(look: SharedLook[str, str], shelf: Shelf) -> asyncio.Task[str]:
    """A look that is under way, and waits at the gate."""
    first = asyncio.create_task(look.at("first"))
    await asyncio.to_thread(shelf.begun.wait, 60)
    return first


async def test_those_who_ask_while_a_look_is_under_way_go_together_and_get_their_own_answers() -> None:
    shelf = Shelf()
    look = SharedLook(shelf.read)
    first = await held_up(look, shelf)
    rest = [asyncio.create_task(look.at(f"{n}")) for n in range(LOOK_MAX + 10)]
    await asyncio.sleep(0)
    shelf.gate.set()

    assert await asyncio.gather(first, *rest) == ["first", *(f"{n}" for n in range(LOOK_MAX + 10))]
    assert shelf.seen == ["first", *(f"{n}" for n in range(LOOK_MAX + 10))]
    assert len(set(shelf.threads[1 : LOOK_MAX + 1])) == 1


async def test_trouble_with_one_place_is_nobody_elses() -> None:
    shelf = Shelf()
    shelf.gate.set()
    look = SharedLook(shelf.read)

    good, bad, other = await asyncio.gather(look.at("a"), look.at("torn"), look.at("b"), return_exceptions=True)

    assert (good, other) == ("a", "b")
    assert isinstance(bad, OSError)
    assert await look.at("c") == "c", "and it goes on"


async def test_without_a_thread_everybody_is_told_why() -> None:
    shelf = Shelf()
    shelf.gate.set()
    look = SharedLook(shelf.read)
    await asyncio.get_running_loop().shutdown_default_executor()

    answers = await asyncio.gather(look.at("a"), look.at("b"), return_exceptions=True)

    assert [type(answer) for answer in answers] == [RuntimeError, RuntimeError]


async def test_a_cancelled_look_gives_up_its_answer_alone() -> None:
    shelf = Shelf()
    look = SharedLook(shelf.read)
    tasks = [await held_up(look, shelf)]
    tasks += [asyncio.create_task(look.at(place)) for place in ("a", "b")]
    await asyncio.sleep(0)
    tasks[0].cancel()  # under way
    tasks[1].cancel()  # still waiting
    await asyncio.sleep(0)
    shelf.gate.set()
    await asyncio.wait(tasks)

    assert [task.cancelled() for task in tasks] == [True, True, False]
    assert shelf.seen == ["first", "b"]


def test_nobody_waits_for_ever_when_the_loop_ends() -> None:
    shelf = Shelf()

    async def leaves_them_behind() -> list[asyncio.Task[str]]:
        look = SharedLook(shelf.read)
        return [await held_up(look, shelf), asyncio.create_task(look.at("a"))]

    runner = asyncio.Runner()
    tasks = runner.run(leaves_them_behind())
    shelf.gate.set()
    runner.close()
    assert all(task.cancelled() for task in tasks)


@pytest.mark.parametrize("count", [1, 40])
async def test_a_store_answers_many_at_once_as_it_answers_one(tmp_path: Path, count: int) -> None:
    store = LocalStore(tmp_path)
    await store.put_blob(b"x")
    manifest = await store.publish("run-0", manifest_of({"a.txt": b"x"}))

    found = await asyncio.gather(*(store.read_manifest(f"run-{n}") for n in range(count)))

    assert found == [manifest, *[None] * (count - 1)]
