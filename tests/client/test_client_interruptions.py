"""What the client does when things do not go smoothly: servers that restart, have no room, or send wrong bytes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docugen.client import BundleRun, CorruptDownload, DocugenClient, DocugenClientError, RunState, TryAgain
from docugen_core.adapters.local_store import LocalStore
from docugen_core.errors import Unavailable
from fakes import ScriptedRenderer
from redis_servers import free_port
from scheduler_server import Gate, Scheduler, note_settings, real_scheduler, scripted_core, scripted_scheduler


def bundle(text: str = "hello", documents: int = 1) -> dict[str, Any]:
    names = [f"note{n}.txt" for n in range(documents)]
    return {
        "documents": [{"name": name, "format": "txt", "template": "note/note"} for name in names],
        "data": {"text": text},
    }


async def test_a_watcher_sees_the_present_state_at_once_and_the_end_last(tmp_path: Path) -> None:
    gate = Gate()
    async with (
        scripted_scheduler(note_settings(tmp_path), ScriptedRenderer(gate)) as scheduler,
        DocugenClient(scheduler.address) as client,
    ):
        run = await client.submit(bundle())
        await gate.begun.wait()
        seen: list[BundleRun] = []
        async for snapshot in client.watch(run):
            seen.append(snapshot)
            gate.open.set()
    assert seen[0].state is RunState.RUNNING
    assert seen[-1].state is RunState.SUCCEEDED
    assert [s.revision for s in seen] == sorted({s.revision for s in seen})


async def test_a_watcher_comes_back_after_the_server_was_restarted(tmp_path: Path) -> None:
    gate = Gate()
    async with AsyncExitStack() as servers:
        address = f"127.0.0.1:{free_port()}"
        before = note_settings(tmp_path, grpc_address=address, grace_ms=0)
        await servers.enter_async_context(scripted_scheduler(before, ScriptedRenderer(gate)))
        async with DocugenClient(address) as client:
            run = await client.submit(bundle())
            await gate.begun.wait()
            watching = client.watch(run)
            assert (await anext(watching)).state is RunState.RUNNING
            await servers.aclose()
            async with scripted_scheduler(note_settings(tmp_path, grpc_address=address), ScriptedRenderer()):
                states = [snapshot.state async for snapshot in watching]
    assert states[-1] is RunState.SUCCEEDED


async def test_a_watcher_gives_up_when_nobody_comes_back(tmp_path: Path) -> None:
    gate = Gate()
    async with AsyncExitStack() as servers:
        only = scripted_scheduler(note_settings(tmp_path, grace_ms=0), ScriptedRenderer(gate))
        address = (await servers.enter_async_context(only)).address
        async with DocugenClient(address, patience=0.5) as client:
            run = await client.submit(bundle())
            await gate.begun.wait()
            watching = client.watch(run)
            await anext(watching)
            await servers.aclose()
            with pytest.raises(TryAgain):
                [snapshot async for snapshot in watching]


async def test_waiting_ends_after_its_time_and_the_run_goes_on(tmp_path: Path) -> None:
    gate = Gate()
    async with (
        scripted_scheduler(note_settings(tmp_path), ScriptedRenderer(gate)) as scheduler,
        DocugenClient(scheduler.address) as client,
    ):
        run = await client.submit(bundle())
        with pytest.raises(TryAgain, match=run.id) as late:
            await client.wait(run, timeout=0.1)
        assert late.value.reason == "WAIT_TIMED_OUT"
        gate.open.set()
        assert (await client.wait(run, timeout=60)).succeeded


async def test_a_server_without_room_is_asked_again_until_it_has_some(tmp_path: Path) -> None:
    gate = Gate()
    settings = note_settings(tmp_path, inline_concurrency=1, inline_waiting_max=0)
    async with (
        scripted_scheduler(settings, ScriptedRenderer(gate)) as scheduler,
        DocugenClient(scheduler.address, timeout=60) as client,
    ):
        await client.submit(bundle("first"))
        second = asyncio.create_task(client.submit(bundle("second"), wait=True))
        with pytest.raises(TimeoutError):  # refused by now, and asking again instead of raising that
            await asyncio.wait_for(asyncio.shield(second), 0.3)
        gate.open.set()
        assert (await second).succeeded


async def test_a_server_that_will_have_no_room_in_time_is_not_asked_again(tmp_path: Path) -> None:
    gate, waiting = Gate(), 40
    settings = note_settings(tmp_path, inline_concurrency=1, inline_waiting_max=waiting)
    # The delay is a second for each that waits, and so twice the timeout: the first answer decides.
    async with (
        scripted_scheduler(settings, ScriptedRenderer(gate)) as scheduler,
        DocugenClient(scheduler.address, timeout=20) as client,
    ):
        for number in range(1 + waiting):
            await client.submit(bundle(f"number {number}"))
        with pytest.raises(TryAgain) as busy:
            await client.submit(bundle("one more"))
        gate.open.set()
    assert (busy.value.reason, busy.value.retry_after) == ("EXECUTOR_BUSY", waiting)


async def test_a_cancelled_run_can_be_started_again(tmp_path: Path) -> None:
    gate = Gate()
    async with (
        scripted_scheduler(note_settings(tmp_path), ScriptedRenderer(gate)) as scheduler,
        DocugenClient(scheduler.address) as client,
    ):
        run = await client.submit(bundle())
        await gate.begun.wait()
        assert (await client.cancel(run, "changed my mind")).state is RunState.CANCELLED
        gate.open.set()
        await client.retry(run)
        assert (await client.wait(run, timeout=60)).succeeded


async def test_a_download_is_complete_proven_and_not_repeated(running_scheduler: Scheduler, tmp_path: Path) -> None:
    async with DocugenClient(running_scheduler.address) as client:
        run = await client.submit(bundle(documents=3), wait=True)
        first = await client.download(run, tmp_path / "out")
        assert first.written == ("note0.txt", "note1.txt", "note2.txt")
        assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["manifest.json", *first.written]
        assert (tmp_path / "out" / "manifest.json").read_bytes() == (await client.manifest(run)).json_bytes
        (tmp_path / "out" / "note1.txt").write_text("somebody was here")
        second = await client.download(run, tmp_path / "out")
        assert (second.written, second.unchanged) == (("note1.txt",), ("note0.txt", "note2.txt"))


async def test_a_part_left_behind_is_completed(running_scheduler: Scheduler, tmp_path: Path) -> None:
    async with DocugenClient(running_scheduler.address) as client:
        run = await client.submit(bundle("x" * 200_000), wait=True)
        (artefact,) = await client.artefacts(run)
        whole = (await client.download(run, tmp_path / "a")).directory / artefact.name
        part = tmp_path / "b" / f".{artefact.name}.{artefact.sha256[:16]}.part"
        part.parent.mkdir()
        part.write_bytes(whole.read_bytes()[:100_000])
        await client.download(run, tmp_path / "b")
        assert (tmp_path / "b" / artefact.name).read_bytes() == whole.read_bytes()
        assert not part.exists()


async def test_a_blob_damaged_on_the_servers_disk_is_not_delivered(
    running_scheduler: Scheduler, tmp_path: Path
) -> None:
    async with DocugenClient(running_scheduler.address, patience=0.2) as client:
        run = await client.submit(bundle("y" * 100_000), wait=True)
        (artefact,) = await client.artefacts(run)
        (blob,) = (tmp_path / "store" / "blobs").rglob(artefact.sha256)
        blob.chmod(0o600)
        blob.write_bytes(flipped(blob.read_bytes()))
        with pytest.raises(DocugenClientError):
            await client.download(run, tmp_path / "out")
    assert named_files(tmp_path / "out") == []


class FlippingStore(LocalStore):
    """A store whose bytes change on the way out: what a network or a memory fault does behind every check of the server."""

    async def read_blob(self, sha256: str, offset: int = 0, limit: int = -1) -> bytes:
        return flipped(await super().read_blob(sha256, offset, limit))


async def test_a_byte_that_changed_on_the_way_is_found_and_nothing_of_it_kept(tmp_path: Path) -> None:
    settings = note_settings(tmp_path)
    async with scripted_core(settings, ScriptedRenderer()) as core:
        faulty = replace(core, store=FlippingStore(tmp_path / "store"))
        async with real_scheduler(settings, faulty) as scheduler, DocugenClient(scheduler.address) as client:
            run = await client.submit(bundle(), wait=True)
            with pytest.raises(CorruptDownload, match=r"note0\.txt: its SHA-256 is"):
                await client.download(run, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


class BreakingStore(LocalStore):
    """A store that fails once, in the middle of an artefact, and remembers where it was read from."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.offsets: list[int] = []

    async def read_blob(self, sha256: str, offset: int = 0, limit: int = -1) -> bytes:
        self.offsets.append(offset)
        if len(self.offsets) == 2:
            raise Unavailable("the disk is away for a moment", code="STORE_UNAVAILABLE", retry_after_ms=10)
        return await super().read_blob(sha256, offset, limit)


async def test_a_download_that_breaks_in_the_middle_goes_on_from_there(tmp_path: Path) -> None:
    settings = note_settings(tmp_path)
    text = "SPECIMEN " * 300_000  # more than the server reads at once
    async with scripted_core(settings, ScriptedRenderer()) as core:
        store = BreakingStore(tmp_path / "store")
        async with (
            real_scheduler(settings, replace(core, store=store)) as scheduler,
            DocugenClient(scheduler.address) as client,
        ):
            run = await client.submit(bundle(text), wait=True)
            await client.download(run, tmp_path / "out")
    assert text in (tmp_path / "out" / "note0.txt").read_text()
    assert store.offsets[2] == store.offsets[1] > 0, "what had come is not asked for again"


def flipped(data: bytes) -> bytes:
    """`data` with one bit changed."""
    return data[:-1] + bytes([data[-1] ^ 1])


def named_files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")]


async def test_a_part_that_was_damaged_is_not_built_upon_twice(running_scheduler: Scheduler, tmp_path: Path) -> None:
    async with DocugenClient(running_scheduler.address) as client:
        run = await client.submit(bundle("z" * 100_000), wait=True)
        (artefact,) = await client.artefacts(run)
        part = tmp_path / f".{artefact.name}.{artefact.sha256[:16]}.part"
        part.write_bytes(b"not what was sent")
        with pytest.raises(CorruptDownload):
            await client.download(run, tmp_path)
        download = await client.download(run, tmp_path)
        assert download.written == (artefact.name,)
