"""Folders of the local store: what is made is durable, and what is known to be durable costs no fsync."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docugen_core.adapters import store_folders
from docugen_core.adapters.store_folders import Place, StoreFolders

BLOBS = ("blobs", "ab")


@contextmanager
def synced(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of the folders that are fsynced meanwhile."""
    names: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        real(fd)
        names.append(Path(f"/proc/self/fd/{fd}").readlink().name)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield names


def use(folders: StoreFolders, place: Place) -> None:
    with folders.open(place, make=True):
        pass


def test_a_folder_that_is_in_use_is_synced_once_however_many_others_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_folders, "FOLDERS_REMEMBERED", 8)
    folders = StoreFolders(tmp_path / "store")
    use(folders, BLOBS)
    with synced(monkeypatch) as names:
        for n in range(50):
            use(folders, BLOBS)
            use(folders, ("artefacts", f"run-{n}"))
    assert names == ["store"] + 50 * ["artefacts"], "each run's folder, and never the blobs' again"


def test_what_another_process_made_is_synced_before_it_is_relied_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have died between making the folder and syncing it."""
    use(StoreFolders(tmp_path / "store"), BLOBS)
    other = StoreFolders(tmp_path / "store")
    with synced(monkeypatch) as names:
        use(other, BLOBS)
    assert names == ["store", "blobs"]


def test_a_folder_that_somebody_removed_is_made_again_durably(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = StoreFolders(tmp_path / "store")
    use(folders, BLOBS)
    (tmp_path / "store" / "blobs" / "ab").rmdir()
    with synced(monkeypatch) as names:
        use(folders, BLOBS)
    assert names == ["blobs"]
    assert (tmp_path / "store" / "blobs" / "ab").is_dir()


def test_reading_makes_no_folder(tmp_path: Path) -> None:
    folders = StoreFolders(tmp_path / "store")
    with pytest.raises(FileNotFoundError), folders.open(BLOBS):
        pass
    assert list((tmp_path / "store").iterdir()) == []
