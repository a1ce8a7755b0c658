"""Looks for manifests travel together, and each caller gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from bundle_examples import manifest_of
from docugen_core.adapters.local_store import LocalStore
from docugen_core.adapters.manifest_lookup import LOOK_MAX, ManifestLookup
from docugen_core.errors import InvalidRequest


class WatchedStore(LocalStore):
    """A real store that notes who is looked for together; `gate` holds the looks up."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.looks: list[list[str]] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def read_manifests(self, run_ids: Sequence[str]) -> list[bytes | None]:
        self.looks.append(list(run_ids))
        self.begun.set()
        await self.gate.wait()
        return await super().read_manifests(run_ids)


@pytest.fixture
async def store(tmp_path: Path) -> WatchedStore:
    return WatchedStore(tmp_path)


async def published(store: LocalStore, run_id: str) -> bytes:
    await store.put_blob(run_id.encode())
    return await store.publish(run_id, manifest_of({"a.txt": run_id.encode()}))


async def test_a_lone_look_goes_at_once_and_those_that_come_meanwhile_go_together(store: WatchedStore) -> None:
    manifests = {f"run-{n}": await published(store, f"run-{n}") for n in (0, 2)}
    lookup = ManifestLookup(store)
    store.gate.clear()
    first = asyncio.create_task(lookup.read("run-0"))
    await store.begun.wait()
    rest = [asyncio.create_task(lookup.read(f"run-{n}")) for n in range(1, LOOK_MAX + 10)]
    await asyncio.sleep(0)
    store.gate.set()

    answers = await asyncio.gather(first, *rest)

    assert answers == [manifests.get(f"run-{n}") for n in range(LOOK_MAX + 10)]
    assert [len(look) for look in store.looks] == [1, LOOK_MAX, 9]


async def test_trouble_with_one_run_is_nobody_elses(store: WatchedStore) -> None:
    manifest = await published(store, "run-1")
    lookup = ManifestLookup(store)

    good, bad = await asyncio.gather(lookup.read("run-1"), lookup.read("../x"), return_exceptions=True)

    assert good == manifest
    assert isinstance(bad, InvalidRequest)


async def test_a_cancelled_look_gives_up_its_answer_alone(store: WatchedStore) -> None:
    lookup = ManifestLookup(store)
    store.gate.clear()
    tasks = [asyncio.create_task(lookup.read("run-0"))]
    await store.begun.wait()
    tasks += [asyncio.create_task(lookup.read(f"run-{n}")) for n in (1, 2)]
    await asyncio.sleep(0)
    tasks[0].cancel()  # on its way
    tasks[1].cancel()  # still waiting
    await asyncio.sleep(0)
    store.gate.set()
    await asyncio.wait(tasks)

    assert [task.cancelled() for task in tasks] == [True, True, False]
    assert store.looks == [["run-0"], ["run-2"]]
    assert await lookup.read("run-3") is None, "and it goes on"
