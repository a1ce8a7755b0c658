"""The local store when processes die or race: what is synced before what, and what a successor finds and finishes."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from bundle_examples import LETTERS, manifest_of
from docugen_core.adapters.local_store import LocalStore
from docugen_core.domain.identity import content_digest
from store_files import LETTER, blob, files, publish

DRILL = Path(__file__).with_name("store_drill.py")


async def drill(*arguments: str | Path) -> list[str]:
    """The words that the drill printed; see store_drill.py."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, DRILL, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode().split()


async def test_a_name_is_given_only_to_synced_bytes_and_the_manifest_only_after_synced_artefacts(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a power cut may undo is what was not synced; so the order of these calls is the promise.
    calls: list[tuple[str, str]] = []
    real_fsync, real_link = os.fsync, os.link

    def path(fd: int) -> str:
        return str(Path(f"/proc/self/fd/{fd}").readlink().relative_to(root))

    def fsync(fd: int) -> None:
        real_fsync(fd)
        calls.append(("synced", path(fd)))

    def link(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int, follow_symlinks: bool) -> None:
        if path(src_dir_fd) == "staging":
            assert ("synced", f"staging/{source}") in calls
        real_link(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=follow_symlinks)
        calls.append(("named", f"{path(dst_dir_fd)}/{target}"))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", link)
    await publish(store)

    later = [call for call in calls if not call[1].startswith("staging/")]
    order = later[later.index(("named", "claims/run-1.json")) :]
    assert order == [
        ("named", "claims/run-1.json"),
        ("synced", "claims"),
        ("synced", "artefacts"),
        ("named", "artefacts/run-1/letter.txt"),
        ("named", "artefacts/run-1/terms.txt"),
        ("synced", "artefacts/run-1"),
        ("synced", "artefacts"),
        ("named", "manifests/run-1.json"),
        ("synced", "manifests"),
    ]
    for data in LETTERS.values():
        place = f"blobs/{content_digest(data)[:2]}"
        named = later.index(("named", f"{place}/{content_digest(data)}"))
        assert later[named + 1] == ("synced", place)


async def test_a_blob_that_another_process_named_is_synced_before_it_is_reported(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its maker may have died between giving the name and syncing the folder.
    await store.put_blob(LETTER)
    synced: list[Path] = []
    real_fsync = os.fsync

    def fsync(fd: int) -> None:
        real_fsync(fd)
        synced.append(Path(f"/proc/self/fd/{fd}").readlink())

    monkeypatch.setattr(os, "fsync", fsync)
    await store.put_blob(LETTER)

    assert blob(root).parent in synced


async def test_what_a_late_attempt_leaves_of_a_deleted_run_is_listed_and_can_be_deleted(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_fsync = os.fsync

    def deleting(fd: int) -> None:
        """The run is deleted when its artefacts are in place, and its manifest is not."""
        real_fsync(fd)
        if Path(f"/proc/self/fd/{fd}").readlink() == root / "artefacts" / "run-1":
            monkeypatch.setattr(os, "fsync", real_fsync)
            asyncio.run(LocalStore(root).withdraw("run-1"))

    monkeypatch.setattr(os, "fsync", deleting)
    assert await publish(store) == manifest_of(LETTERS)

    assert await store.run_ids() == ("run-1",)
    await store.withdraw("run-1")
    await store.unpublish("run-1")
    assert not [place for place in files(root) if "run-1" in place]


@pytest.mark.slow
async def test_a_process_killed_at_any_change_leaves_nothing_half_done_and_a_successor_finishes(tmp_path: Path) -> None:
    died_at = await drill("crash", tmp_path)

    assert len(died_at) > 30
    assert set(died_at) == {"mkdir", "write", "fsync", "link", "unlink"}
    for n in range(1, len(died_at) + 1):
        root = tmp_path / str(n)
        store = LocalStore(root)
        there = {place: data for place, data in files(root).items() if not place.startswith("staging/")}
        manifest = await store.read_manifest("run-1")
        whole = {f"artefacts/run-1/{name}": data for name, data in LETTERS.items()} | {
            place: manifest_of(LETTERS) for place in ("claims/run-1.json", "manifests/run-1.json")
        }
        signed = content_digest(manifest_of(LETTERS))
        signature = b"signature of " + signed.encode()
        whole |= dict.fromkeys((f"signatures/{signed}.json", "manifests/run-1.json.sig"), signature)
        assert all(data == whole.get(place, data) for place, data in there.items()), f"killed at change {n}"
        assert all(content_digest(data) == Path(p).name for p, data in there.items() if p.startswith("blobs/"))
        assert manifest is None or there.items() >= whole.items(), f"killed at change {n}"

        await store.put_signature(signed, signature)
        assert await publish(store) == manifest_of(LETTERS)
        assert files(root).items() >= whole.items()


async def test_of_twenty_processes_with_other_bytes_one_manifest_stands_and_all_are_told_so(tmp_path: Path) -> None:
    answers = await drill("race", tmp_path, "20")

    manifest = await LocalStore(tmp_path).read_manifest("run-1")
    assert manifest is not None
    assert answers == [content_digest(manifest)] * 20
    letter = (tmp_path / "artefacts/run-1/letter.txt").read_bytes()
    assert manifest == manifest_of({"letter.txt": letter})
    assert [p for p in files(tmp_path) if p.startswith("staging/")] == []
