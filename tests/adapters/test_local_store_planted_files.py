"""The local store where somebody has planted links and pipes: it follows none of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from docugen_core.adapters.local_store import LocalStore
from docugen_core.errors import Unavailable
from store_files import LETTER, LETTER_SHA, publish


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
