"""What every artefact store promises. A new adapter joins by one line in STORES."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from bundle_examples import LETTERS, manifest_of
from docugen_core.adapters.local_store import LocalStore
from docugen_core.adapters.object_bucket import Bucket
from docugen_core.adapters.object_store import ObjectStore
from docugen_core.domain.identity import SPEC_PREFIX, content_digest
from docugen_core.domain.manifest import ArtefactStatus, Manifest
from docugen_core.errors import InvalidRequest, NotFound, Unavailable
from docugen_core.ports import ArtefactStore
from s3_server import prefix_of

OpenStore = Callable[[Path], ArtefactStore]
"""Opens the store that belongs to a folder; opened again, it is the same store."""


def in_folders(_: pytest.FixtureRequest) -> OpenStore:
    return lambda folder: LocalStore(folder / "store")


def in_buckets(request: pytest.FixtureRequest) -> OpenStore:
    request.getfixturevalue("s3")
    return lambda folder: ObjectStore(Bucket.open(prefix_of(folder), timeout_ms=20_000, allow_http=True))


STORES: dict[str, Callable[[pytest.FixtureRequest], OpenStore]] = {"local": in_folders, "s3": in_buckets}


@pytest.fixture(params=list(STORES.values()), ids=list(STORES))
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    opener: OpenStore = request.param(request)
    return opener


@pytest.fixture
def store(open_store: OpenStore, tmp_path: Path) -> ArtefactStore:
    return open_store(tmp_path)


async def publish(store: ArtefactStore, run_id: str, files: Mapping[str, bytes]) -> bytes:
    """What an attempt does: blobs, then publication."""
    for data in files.values():
        await store.put_blob(data)
    return await store.publish(run_id, manifest_of(files))


async def shown(store: ArtefactStore, run_id: str) -> dict[str, bytes]:
    """The run's files, as a reader finds them through the manifest."""
    manifest = await store.read_manifest(run_id)
    assert manifest is not None
    rendered = [a for a in Manifest.from_bytes(manifest).artefacts if a.status is ArtefactStatus.RENDERED]
    return {a.name: await store.read_blob(a.sha256) for a in rendered}


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5_000])
async def test_a_blob_is_kept_under_its_sha_256(store: ArtefactStore, data: bytes) -> None:
    sha256 = await store.put_blob(data)

    assert sha256 == content_digest(data)
    assert await store.read_blob(sha256) == data
    assert await store.put_blob(data) == sha256


@pytest.mark.parametrize(
    ("offset", "limit", "part"),
    [
        (0, -1, b"0123456789"),
        (3, -1, b"3456789"),
        (3, 4, b"3456"),
        (0, 4, b"0123"),
        (8, 99, b"89"),
        (10, 5, b""),
        (99, -1, b""),
    ],
)
async def test_a_blob_is_read_in_parts(store: ArtefactStore, offset: int, limit: int, part: bytes) -> None:
    sha256 = await store.put_blob(b"0123456789")

    assert await store.read_blob(sha256, offset, limit) == part


@pytest.mark.parametrize("sha256", ["0" * 64, "", "../../etc", "A" * 64, "0" * 63 + "/"])
async def test_an_unknown_blob_is_not_found(store: ArtefactStore, sha256: str) -> None:
    with pytest.raises(NotFound) as caught:
        await store.read_blob(sha256)
    assert caught.value.reason == "ARTEFACT_NOT_FOUND"


async def test_a_spec_is_kept_under_its_digest(store: ArtefactStore) -> None:
    spec = b'{"schema":"docugen.bundle/v1"}'
    spec_digest = hashlib.sha256(SPEC_PREFIX + b"\0" + spec).hexdigest()
    assert await store.read_spec(spec_digest) is None

    await store.put_spec(spec_digest, spec)
    await store.put_spec(spec_digest, spec)

    assert await store.read_spec(spec_digest) == spec


async def test_a_spec_of_another_digest_is_refused(store: ArtefactStore) -> None:
    with pytest.raises(ValueError, match="not the canonical spec"):
        await store.put_spec("0" * 64, b"{}")
    assert await store.read_spec("0" * 64) is None


async def test_a_published_run_shows_its_manifest_and_every_file_it_lists(store: ArtefactStore) -> None:
    assert await store.read_manifest("run-1") is None

    assert await publish(store, "run-1", LETTERS) == manifest_of(LETTERS)

    assert await store.read_manifest("run-1") == manifest_of(LETTERS)
    assert await shown(store, "run-1") == LETTERS


async def test_publishing_again_changes_nothing(store: ArtefactStore) -> None:
    await publish(store, "run-1", LETTERS)

    assert await publish(store, "run-1", LETTERS) == manifest_of(LETTERS)
    assert await shown(store, "run-1") == LETTERS


async def test_a_zombie_with_other_bytes_gets_the_winners_manifest_back(store: ArtefactStore) -> None:
    await publish(store, "run-1", LETTERS)

    assert await publish(store, "run-1", {"letter.txt": b"other", "extra.txt": b"more"}) == manifest_of(LETTERS)

    assert await shown(store, "run-1") == LETTERS


async def test_of_twenty_publishers_at_once_one_manifest_stands(open_store: OpenStore, tmp_path: Path) -> None:
    stores = [open_store(tmp_path) for _ in range(20)]
    attempts = [{"letter.txt": f"attempt {n}".encode(), f"{n}.txt": b"own"} for n in range(20)]

    answers = await asyncio.gather(*(publish(s, "run-1", a) for s, a in zip(stores, attempts, strict=True)))

    assert set(answers) == {await stores[0].read_manifest("run-1")}
    assert await shown(stores[0], "run-1") in attempts


async def test_runs_share_blobs_and_keep_apart(store: ArtefactStore) -> None:
    await publish(store, "run-1", {"a.txt": b"same", "b.txt": b"same"})
    await publish(store, "run-2", {"c.txt": b"same"})

    assert await shown(store, "run-1") == {"a.txt": b"same", "b.txt": b"same"}
    assert await shown(store, "run-2") == {"c.txt": b"same"}


async def test_an_omitted_document_needs_no_bytes(store: ArtefactStore) -> None:
    await store.put_blob(b"x")
    manifest = manifest_of({"a.txt": b"x"}, omitted=("b.txt",))

    assert await store.publish("run-1", manifest) == manifest
    assert await shown(store, "run-1") == {"a.txt": b"x"}


async def test_run_ids_are_those_of_published_runs_sorted(store: ArtefactStore) -> None:
    assert await store.run_ids() == ()
    for run_id in ("run-b", "run-a.json", "run-a"):
        await publish(store, run_id, LETTERS)
    with pytest.raises(Unavailable):
        await store.publish("unfinished", manifest_of({"a.txt": b"never stored"}))

    assert await store.run_ids() == ("run-a", "run-a.json", "run-b")


async def test_a_run_whose_bytes_are_missing_is_not_published_until_they_are_there(store: ArtefactStore) -> None:
    await store.put_blob(LETTERS["letter.txt"])

    with pytest.raises(Unavailable) as caught:
        await store.publish("run-1", manifest_of(LETTERS))

    assert caught.value.reason == "STORE_DAMAGED"
    assert caught.value.details["artefact"] == "terms.txt"
    assert await store.read_manifest("run-1") is None
    assert await publish(store, "run-1", LETTERS) == manifest_of(LETTERS)


@pytest.mark.parametrize("manifest", [b"", b"{}", b"not json", b'{"schema":"docugen.manifest/v9"}'])
async def test_bytes_that_are_no_manifest_claim_nothing(store: ArtefactStore, manifest: bytes) -> None:
    with pytest.raises((ValueError, KeyError)):
        await store.publish("run-1", manifest)

    assert await publish(store, "run-1", LETTERS) == manifest_of(LETTERS)


async def test_manifests_that_are_read_at_once_are_each_its_own(store: ArtefactStore) -> None:
    for run_id in ("run-1", "run-2"):
        await publish(store, run_id, {f"{run_id}.txt": run_id.encode()})
    apart = {run_id: await store.read_manifest(run_id) for run_id in ("run-1", "run-2")}

    asked = ["run-2", "run-3", "run-1", "run-2"] * 5

    assert await asyncio.gather(*map(store.read_manifest, asked)) == [apart.get(run_id) for run_id in asked]


@pytest.mark.parametrize("run_id", ["", ".", "..", "../x", "a/b", "a\0b", "a..b", "UPPER", "x" * 64, "%2e%2e", "․․"])
async def test_an_id_that_cannot_be_a_file_name_is_refused(store: ArtefactStore, run_id: str) -> None:
    await store.put_blob(b"x")
    for call in (store.read_manifest(run_id), store.publish(run_id, manifest_of({"a.txt": b"x"}))):
        with pytest.raises(InvalidRequest, match="bundle_run_id"):
            await call


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", "a\0b", ".hidden", "a\nb", "é" * 128])
async def test_an_artefact_name_that_cannot_be_a_file_name_is_refused(store: ArtefactStore, name: str) -> None:
    await store.put_blob(b"x")

    with pytest.raises(InvalidRequest, match="cannot be a file name"):
        await store.publish("run-1", manifest_of({name: b"x"}))

    assert await store.read_manifest("run-1") is None
