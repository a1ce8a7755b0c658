"""The local store: its layout, and what it does when disks fill, processes die and files are not what they were."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bundle_examples import LETTERS, manifest_of
from docugen_core.adapters import local_store, store_layout
from docugen_core.adapters.local_store import LocalStore, open_store
from docugen_core.adapters.write_once import WriteOnceTree
from docugen_core.domain.identity import content_digest
from docugen_core.errors import ConfigurationError, NotFound, Unavailable

DRILL = Path(__file__).with_name("store_drill.py")
LETTER = LETTERS["letter.txt"]
LETTER_SHA = content_digest(LETTER)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> LocalStore:
    return LocalStore(root)


async def publish(store: LocalStore, run_id: str = "run-1") -> bytes:
    for data in LETTERS.values():
        await store.put_blob(data)
    return await store.publish(run_id, manifest_of(LETTERS))


def files(root: Path) -> dict[str, bytes]:
    """Every file of the store by its place, lock files left out."""
    found = (p for p in root.rglob("*") if p.is_file() and p.name != ".lock")
    return {str(p.relative_to(root)): p.read_bytes() for p in found}


def open_to_others(root: Path) -> list[Path]:
    return [p for p in (root, *root.rglob("*")) if p.stat().st_mode & 0o007]


async def drill(*arguments: str | Path) -> list[str]:
    """The words that the drill printed; see store_drill.py."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, DRILL, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode().split()


def is_there(path: Path) -> bool:
    return path.exists()


def unmount(root: Path) -> None:
    root.rename(root.with_name("unmounted"))


def blob(root: Path, sha256: str = LETTER_SHA) -> Path:
    return root / "blobs" / sha256[:2] / sha256


def damage(path: Path, data: bytes) -> None:
    path.chmod(0o640)
    path.write_bytes(data)


# --- layout ---------------------------------------------------------------------------------------------------------------


async def test_a_published_run_consists_of_exactly_these_files(store: LocalStore, root: Path) -> None:
    manifest = await publish(store)

    blobs = {f"blobs/{content_digest(data)[:2]}/{content_digest(data)}": data for data in LETTERS.values()}
    artefacts = {f"artefacts/run-1/{name}": data for name, data in LETTERS.items()}
    assert files(root) == blobs | artefacts | {"claims/run-1.json": manifest, "manifests/run-1.json": manifest}


async def test_an_artefact_takes_no_space_of_its_own(store: LocalStore, root: Path) -> None:
    await publish(store)

    assert (root / "artefacts/run-1/letter.txt").samefile(blob(root))


async def test_beyond_the_link_limit_of_a_file_system_artefacts_are_copies(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Terms and conditions that go with every bundle: ext4 allows 65 000 names for one file.
    real_link = os.link

    def limited(source: Any, target: Any, **folders: Any) -> None:
        if source == LETTER_SHA:
            raise OSError(errno.EMLINK, "Too many links")
        real_link(source, target, **folders)

    monkeypatch.setattr(os, "link", limited)
    for _ in range(2):
        assert await publish(store) == manifest_of(LETTERS)

    artefact = root / "artefacts/run-1/letter.txt"
    assert artefact.read_bytes() == LETTER
    assert not artefact.samefile(blob(root))


async def test_nobody_but_owner_and_group_can_read_the_store(store: LocalStore, root: Path) -> None:
    await publish(store)

    assert open_to_others(root) == []


# --- opening --------------------------------------------------------------------------------------------------------------


async def test_a_store_url_is_relative_to_the_working_directory_or_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    for url in ("file://./var/my%20store", f"file://{tmp_path}/var/my%20store"):
        store = open_store(url)
        assert store.root == tmp_path / "var" / "my store"
        await store.put_blob(LETTER)

    assert blob(tmp_path / "var" / "my store").read_bytes() == LETTER


@pytest.mark.parametrize("url", ["", "var/docugen", "file://var/docugen", "s3://bucket", "file://", "file:///a%00b"])
def test_any_other_url_is_a_configuration_error_that_says_what_to_write(url: str) -> None:
    with pytest.raises(ConfigurationError, match="file:///absolute/folder"):
        open_store(url)


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ConfigurationError, match="cannot be used") as caught:
        open_store(f"file://{tmp_path}/file")

    assert "DOCUGEN_STORE_URL" in caught.value.hint


def test_leftovers_of_dead_processes_are_swept_after_a_day(root: Path) -> None:
    LocalStore(root)
    for name, age_s in (("1-1", 25 * 3_600), ("1-2", 23 * 3_600), ("1-3", 0)):
        leftover = root / "staging" / name
        leftover.write_bytes(b"half")
        mtime = leftover.stat().st_mtime - age_s
        os.utime(leftover, (mtime, mtime))

    LocalStore(root)

    assert set(files(root)) == {"staging/1-2", "staging/1-3"}


def test_one_opening_sweeps_a_bounded_number_of_leftovers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_store, "SWEPT_MAX", 2)
    LocalStore(root)
    for n in range(5):
        (root / "staging" / str(n)).touch()
        os.utime(root / "staging" / str(n), (0, 0))

    LocalStore(root)
    assert len(files(root)) == 3

    LocalStore(root)
    LocalStore(root)
    assert files(root) == {}


# --- damage at rest -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", [b"X" + LETTER[1:], LETTER[:-1], LETTER + b"X", b""])
async def test_a_damaged_blob_counts_as_absent_and_rendering_again_restores_it(
    store: LocalStore, root: Path, found: bytes
) -> None:
    await publish(store)
    damage(blob(root), found)

    with pytest.raises(NotFound) as caught:
        await store.read_blob(LETTER_SHA)
    assert caught.value.reason == "ARTEFACT_NOT_FOUND"
    assert (root / "quarantine" / LETTER_SHA).read_bytes() == found

    assert await publish(store) == manifest_of(LETTERS)
    assert await store.read_blob(LETTER_SHA) == LETTER
    assert (root / "artefacts/run-1/letter.txt").read_bytes() == LETTER


async def test_a_damaged_blob_that_nobody_has_read_is_replaced_when_it_is_put(store: LocalStore, root: Path) -> None:
    await store.put_blob(LETTER)
    damage(blob(root), b"damaged")

    await store.put_blob(LETTER)

    assert await store.read_blob(LETTER_SHA) == LETTER


async def test_a_blob_of_the_wrong_size_is_not_published(store: LocalStore, root: Path) -> None:
    for data in LETTERS.values():
        await store.put_blob(data)
    damage(blob(root), b"short")

    with pytest.raises(Unavailable) as caught:
        await store.publish("run-1", manifest_of(LETTERS))

    assert (caught.value.reason, caught.value.details["sha256"]) == ("STORE_DAMAGED", LETTER_SHA)
    assert await store.read_manifest("run-1") is None


async def test_many_readers_of_one_damaged_blob_never_move_the_restored_one_away(store: LocalStore, root: Path) -> None:
    await store.put_blob(LETTER)
    damage(blob(root), b"damaged")

    await asyncio.gather(
        *(store.read_blob(LETTER_SHA) for _ in range(10)),
        *(store.put_blob(LETTER) for _ in range(10)),
        return_exceptions=True,
    )

    assert await store.read_blob(LETTER_SHA) == LETTER


def test_a_file_that_was_restored_since_its_damage_was_seen_is_not_moved_away(root: Path) -> None:
    # Two readers see the damage; the first moves the file away, the bytes are put back, then comes the second.
    tree = WriteOnceTree(root, ("blobs", "quarantine"))
    place, aside = ("blobs", "x"), ("quarantine", "x")
    tree.create(place, b"good")

    assert not tree.move_aside(place, aside, lambda data: data == b"good")
    assert tree.read(place) == b"good"
    assert not tree.move_aside(("blobs", "gone"), aside, lambda data: False)

    assert tree.move_aside(place, aside, lambda data: False)
    assert (tree.read(place), tree.read(aside)) == (None, b"good")


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


async def test_a_reader_of_parts_can_have_the_whole_blob_verified_first(store: LocalStore, root: Path) -> None:
    await store.put_blob(LETTER)
    assert await store.verify_blob(LETTER_SHA)

    damage(blob(root), b"damaged")

    assert await store.read_blob(LETTER_SHA, 0, 3) == b"dam"  # a part says nothing about the whole
    assert not await store.verify_blob(LETTER_SHA)
    assert not await store.verify_blob("0" * 64)
    assert not await store.verify_blob("../x")


async def test_a_damaged_spec_counts_as_absent(store: LocalStore, root: Path) -> None:
    spec_digest = store_layout.spec_digest_of(b"{}")
    await store.put_spec(spec_digest, b"{}")
    damage(root / "specs" / f"{spec_digest}.json", b"[]")

    assert await store.read_spec(spec_digest) is None

    await store.put_spec(spec_digest, b"{}")
    assert await store.read_spec(spec_digest) == b"{}"


async def test_a_claim_that_cannot_be_read_is_left_for_a_person_to_judge(store: LocalStore, root: Path) -> None:
    # It may be a newer release's, during a rolling deploy.
    (root / "claims/run-1.json").write_bytes(b'{"schema":"docugen.manifest/v9"}')

    with pytest.raises(Unavailable) as caught:
        await publish(store)

    assert caught.value.reason == "STORE_DAMAGED"
    assert "claims/run-1.json" in caught.value.hint
    assert (root / "claims/run-1.json").read_bytes() == b'{"schema":"docugen.manifest/v9"}'
    assert await store.read_manifest("run-1") is None


async def test_a_manifest_restored_without_its_claim_still_stands(store: LocalStore, root: Path) -> None:
    await publish(store)
    (root / "claims/run-1.json").unlink()
    await store.put_blob(b"other")

    assert await store.publish("run-1", manifest_of({"letter.txt": b"other"})) == manifest_of(LETTERS)

    assert (root / "artefacts/run-1/letter.txt").read_bytes() == LETTER


# --- planted files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    ["blobs", f"blobs/{LETTER_SHA[:2]}", "claims", "artefacts", "artefacts/run-1", "manifests", "staging"],
)
async def test_a_folder_that_is_a_symbolic_link_is_refused(
    store: LocalStore, root: Path, tmp_path: Path, place: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    planted = root / place
    if planted.exists():
        planted.rmdir()
    planted.symlink_to(outside)

    with pytest.raises(Unavailable) as caught:
        await publish(store)

    assert caught.value.reason == "STORE_UNAVAILABLE"
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    "place",
    [f"blobs/{LETTER_SHA[:2]}/{LETTER_SHA}", "claims/run-1.json", "artefacts/run-1/letter.txt", "manifests/run-1.json"],
)
@pytest.mark.parametrize("kind", ["symlink", "fifo"])
async def test_a_file_that_is_a_symbolic_link_or_a_fifo_is_refused(
    store: LocalStore, root: Path, tmp_path: Path, place: str, kind: str
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(LETTER)
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    if kind == "symlink":
        (root / place).symlink_to(outside)
    else:
        os.mkfifo(root / place)

    with pytest.raises(Unavailable) as caught:
        await publish(store)

    assert caught.value.reason == "STORE_UNAVAILABLE"
    assert outside.read_bytes() == LETTER


async def test_the_root_itself_may_be_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / "volume")

    await publish(LocalStore(tmp_path / "store"))

    assert (tmp_path / "volume/manifests/run-1.json").exists()


# --- disks ----------------------------------------------------------------------------------------------------------------


async def test_a_root_that_vanished_is_an_error_and_is_not_made_again(store: LocalStore, root: Path) -> None:
    # The volume is not mounted: its mount point must not fill up in its place.
    unmount(root)

    for call in (store.read_manifest("run-1"), store.put_blob(b"x"), store.run_ids(), store.read_blob("0" * 64)):
        with pytest.raises(Unavailable) as caught:
            await call
        assert caught.value.reason == "STORE_UNAVAILABLE"
    assert not is_there(root)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_takes_no_more_leaves_no_manifest_and_no_trace(store: LocalStore, root: Path) -> None:
    for data in LETTERS.values():
        await store.put_blob(data)
    before = files(root)
    small = len(manifest_of(LETTERS)) // 2

    with file_size_limit(small), pytest.raises(Unavailable) as put:
        await store.put_blob(b"x" * (small + 1))
    with file_size_limit(small), pytest.raises(Unavailable) as published:
        await store.publish("run-1", manifest_of(LETTERS))

    assert (put.value.reason, published.value.reason) == ("STORE_FULL", "STORE_FULL")
    assert files(root) == before
    assert await publish(store) == manifest_of(LETTERS)  # and with room again, it goes on


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "STORE_FULL"),
        (errno.EDQUOT, "STORE_FULL"),
        (errno.EFBIG, "STORE_FULL"),
        (errno.EIO, "STORE_UNAVAILABLE"),
        (errno.EROFS, "STORE_UNAVAILABLE"),
        (errno.EMFILE, "STORE_UNAVAILABLE"),
    ],
)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "link"])
async def test_every_failure_of_the_disk_is_a_retryable_error_without_absolute_paths(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str, call: str
) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number), str(root / "secret"))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(Unavailable) as caught:
            await publish(store)

    failure = caught.value.failure()
    assert (failure.code, failure.retryable) == (code, True)
    assert dict(failure.details)["errno"] == errno.errorcode[number]
    assert str(root) not in repr(failure)
    assert "secret" not in repr(failure)
    assert files(root) == {}
    assert await publish(store) == manifest_of(LETTERS)


# --- crashes --------------------------------------------------------------------------------------------------------------


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
