"""The local store when its files are not what they were: damage counts as absence, and rendering again restores."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from bundle_examples import LETTERS, manifest_of
from docugen_core.adapters import store_layout
from docugen_core.adapters.local_store import LocalStore
from docugen_core.adapters.write_once import WriteOnceTree
from docugen_core.errors import NotFound, Unavailable
from store_files import LETTER, LETTER_SHA, blob, damage, publish


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
