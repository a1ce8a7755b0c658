"""The local store: its layout, and how it is opened. What happens to it is in the other test_local_store files."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from bundle_examples import LETTERS, manifest_of
from docugen_core.adapters import local_files
from docugen_core.adapters.local_store import LocalStore, open_store
from docugen_core.domain.identity import content_digest
from docugen_core.errors import ConfigurationError
from store_files import LETTER, LETTER_SHA, blob, files, publish


def open_to_others(root: Path) -> list[Path]:
    return [p for p in (root, *root.rglob("*")) if p.stat().st_mode & 0o007]


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
    monkeypatch.setattr(local_files, "SWEPT_MAX", 2)
    LocalStore(root)
    for n in range(5):
        (root / "staging" / str(n)).touch()
        os.utime(root / "staging" / str(n), (0, 0))

    LocalStore(root)
    assert len(files(root)) == 3

    LocalStore(root)
    LocalStore(root)
    assert files(root) == {}
