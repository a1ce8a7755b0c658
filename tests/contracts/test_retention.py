"""What a sweep promises, over every store: what is referred to or young stays, the rest goes, and its bytes can come back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bundle_examples import LETTERS, manifest_of
from docugen_core.adapters.local_store import LocalStore
from docugen_core.adapters.object_bucket import Bucket
from docugen_core.adapters.object_store import ObjectStore
from docugen_core.adapters.store_layout import spec_digest_of
from docugen_core.adapters.system_clock import SystemClock
from docugen_core.document_cache import DocumentCache
from docugen_core.domain.identity import content_digest
from docugen_core.errors import NotFound, Unavailable
from docugen_core.ports import BundleStore, StoredKind
from docugen_core.rendering.task import Rendering, RenderLimits
from docugen_core.retention import DAY_MS, REFRESH_MS, Swept, least_age_ms, sweep_store
from s3_server import prefix_of

SPEC = b'{"schema":"docugen.bundle/v1"}'


class FarClock(SystemClock):
    """Weeks later: whatever was written in this test is old."""

    def now_ms(self) -> int:
        return super().now_ms() + 30 * DAY_MS


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BundleStore:
    if request.param == "folder":
        return LocalStore(tmp_path / "store")
    request.getfixturevalue("s3")
    return ObjectStore(Bucket.open(prefix_of(tmp_path), timeout_ms=20_000, allow_http=True))


async def none_held() -> AsyncIterator[str]:
    for digest in tuple[str, ...]():
        yield digest


async def swept_later(store: BundleStore, *, dry_run: bool = False) -> dict[str, int]:
    """A sweep weeks from now: how many of each kind went."""
    now_ms = FarClock().now_ms()
    swept = await sweep_store(store, now_ms=now_ms, older_than_ms=DAY_MS, held_specs=none_held(), dry_run=dry_run)
    return {kind.value: found.count for kind, found in swept.items() if found.count}


async def published(store: BundleStore, run_id: str) -> bytes:
    for data in LETTERS.values():
        await store.put_blob(data)
    manifest = manifest_of(LETTERS)
    await store.put_signature(content_digest(manifest), b"signature")
    return await store.publish(run_id, manifest)


async def test_a_finished_run_keeps_all_it_has_however_old(store: BundleStore) -> None:
    manifest = await published(store, "run-1")

    assert await swept_later(store) == {}

    assert await store.read_manifest("run-1") == manifest
    assert await store.read_signature("run-1") == b"signature"
    for data in LETTERS.values():
        assert await store.read_blob(content_digest(data)) == data


async def test_the_bytes_of_a_deleted_run_go_unless_another_run_has_them(store: BundleStore) -> None:
    await published(store, "run-1")
    await published(store, "run-2")
    for run_id, gone in (("run-1", {}), ("run-2", {"blobs": 2, "signatures": 1})):
        await store.withdraw(run_id)
        await store.unpublish(run_id)
        assert await swept_later(store) == gone

    with pytest.raises(NotFound):
        await store.read_blob(content_digest(LETTERS["letter.txt"]))
    assert await published(store, "run-1") == manifest_of(LETTERS), "and can come back"


async def test_a_dry_run_says_the_same_and_removes_nothing(store: BundleStore) -> None:
    sha256 = await store.put_blob(b"nobody's")
    for _ in range(2):
        assert await swept_later(store, dry_run=True) == {"blobs": 1}
    assert await store.read_blob(sha256) == b"nobody's"
    assert await swept_later(store) == {"blobs": 1}


async def test_what_is_young_stays(store: BundleStore) -> None:
    sha256 = await store.put_blob(b"of an attempt under way")
    now_ms = SystemClock().now_ms()
    swept = await sweep_store(store, now_ms=now_ms, older_than_ms=DAY_MS, held_specs=none_held())
    assert set(map(repr, swept.values())) == {repr(Swept())}
    assert await store.read_blob(sha256) == b"of an attempt under way"


async def test_a_cached_document_stays_with_its_note_while_the_note_is_young(store: BundleStore) -> None:
    cache = DocumentCache(store, store)
    sha256 = await cache.keep("d" * 64, Rendering(b"rendered once"))
    limits = RenderLimits()

    await sweep_store(store, now_ms=SystemClock().now_ms(), older_than_ms=DAY_MS, held_specs=none_held())
    assert await cache.find("d" * 64, limits) == (sha256, Rendering(b"rendered once"))

    assert await swept_later(store) == {"documents": 1, "blobs": 1}
    assert await cache.find("d" * 64, limits) is None


async def test_a_note_stays_with_a_blob_that_a_run_has(store: BundleStore) -> None:
    await published(store, "run-1")
    await DocumentCache(store, store).keep("d" * 64, Rendering(LETTERS["letter.txt"]))
    assert await swept_later(store) == {}


async def test_a_spec_that_a_queues_record_needs_stays(store: BundleStore) -> None:
    digest = spec_digest_of(SPEC)
    await store.put_spec(digest, SPEC)

    async def held() -> AsyncIterator[str]:
        yield digest

    await sweep_store(store, now_ms=FarClock().now_ms(), older_than_ms=DAY_MS, held_specs=held())
    assert await store.read_spec(digest) == SPEC
    assert await swept_later(store) == {"specs": 1}
    assert await store.read_spec(digest) is None


async def test_a_claim_that_nobody_took_up_goes_and_its_run_can_be_published_with_other_bytes(
    store: BundleStore,
) -> None:
    await store.put_blob(LETTERS["letter.txt"])
    with pytest.raises(Unavailable):
        await store.publish("run-1", manifest_of(LETTERS))  # one blob is missing: claimed, and not published
    assert await store.read_claim("run-1") is not None

    assert await swept_later(store) == {"claims": 1, "blobs": 1}

    await store.put_blob(b"other")
    other = manifest_of({"letter.txt": b"other"})
    assert await store.publish("run-1", other) == other


async def test_a_manifest_that_cannot_be_read_stops_the_sweep_before_anything_is_removed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    await published(store, "run-1")
    (tmp_path / "store" / "manifests" / "run-1.json").write_bytes(b'{"schema":"docugen.manifest/v9"}')
    with pytest.raises(Unavailable) as caught:
        await swept_later(store)
    assert caught.value.reason == "STORE_DAMAGED"
    assert await store.read_blob(content_digest(LETTERS["letter.txt"]))


@pytest.mark.parametrize("use", ["put", "found"])
async def test_what_an_attempt_uses_is_young_again(request: pytest.FixtureRequest, tmp_path: Path, use: str) -> None:
    request.getfixturevalue("s3")
    bucket = Bucket.open(prefix_of(tmp_path), timeout_ms=20_000, allow_http=True)
    stores: list[BundleStore] = [LocalStore(tmp_path / "store"), ObjectStore(bucket, clock=FarClock())]
    for store in stores:
        cache = DocumentCache(store, store)
        await cache.keep("d" * 64, Rendering(b"used"))
        (before,) = [item async for item in store.items(StoredKind.BLOB)]
        while SystemClock().now_ms() // 1_000 == before.modified_ms // 1_000:
            await SystemClock().sleep_ms(20)  # the times of a bucket are in seconds
        if use == "put":
            await store.put_blob(b"used")
        else:
            assert await cache.find("d" * 64, RenderLimits()) is not None
        (after,) = [item async for item in store.items(StoredKind.BLOB)]
        assert after.modified_ms > before.modified_ms


def test_no_bound_is_shorter_than_an_attempt_may_take() -> None:
    for timeout_ms in (100, 900_000, DAY_MS):
        assert least_age_ms(timeout_ms) >= max(DAY_MS, REFRESH_MS + timeout_ms)
