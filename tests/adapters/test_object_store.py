"""A store in a bucket when the service misbehaves: killed in the middle, slow, forbidding, overwriting, or not there at all."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from bundle_examples import LETTERS, manifest_of
from docugen_core.adapters import object_bucket
from docugen_core.adapters.object_bucket import RETRIES_MAX, Bucket
from docugen_core.adapters.object_store import ObjectStore
from docugen_core.adapters.store_opening import ledger_folder, proven_store, store_of
from docugen_core.config import Settings
from docugen_core.domain.identity import content_digest
from docugen_core.domain.manifest import Manifest
from docugen_core.errors import ConfigurationError, NotFound, Unavailable
from s3_server import SLOW_DOWN, Answer, S3Proxy, prefix_of

SIGNATURE = b"stands for a signature"


@pytest.fixture
async def proxy(s3: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[S3Proxy]:
    """Between the stores of this test and the server."""
    async with S3Proxy(s3) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        yield made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store_url=prefix_of(tmp_path), store_allow_http=True, store_timeout_ms=20_000)


def opened(settings: Settings, notes_max: int = 1_000) -> ObjectStore:
    bucket = Bucket.open(settings.store_url, timeout_ms=settings.store_timeout_ms, allow_http=True)
    return ObjectStore(bucket, notes_max=notes_max)


async def attempt(store: ObjectStore, files: dict[str, bytes]) -> bytes:
    """What one attempt at a run does."""
    manifest = manifest_of(files)
    for data in files.values():
        await store.put_blob(data)
    await store.put_signature(content_digest(manifest), SIGNATURE)
    return await store.publish("run-1", manifest)


async def shown(store: ObjectStore) -> dict[str, bytes] | None:
    """The run's files as a reader finds them, each checked against its digest; None while it is not published."""
    raw = await store.read_manifest("run-1")
    if raw is None:
        return None
    return {entry.name: await store.read_blob(entry.sha256) for entry in Manifest.from_bytes(raw).artefacts}


@pytest.mark.parametrize(
    "place", ["blobs", "signatures", "claims", "artefacts", "manifests/run-1.json.sig", "manifests"]
)
async def test_a_service_that_dies_after_any_step_leaves_nothing_or_all_and_the_next_attempt_ends_it(
    proxy: S3Proxy, s3: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(object_bucket, "RETRIES_MAX", 1)
    proxy.cut_after(
        lambda request: (
            request.startswith("PUT ") and f"/{place}" in request and (place != "manifests" or "sig" not in request)
        )
    )
    with pytest.raises(Unavailable) as caught:
        await attempt(opened(settings), dict(LETTERS))
    assert caught.value.reason == "STORE_UNAVAILABLE"

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    store = opened(settings)
    assert await shown(store) == (dict(LETTERS) if place == "manifests" else None)
    assert await attempt(store, dict(LETTERS)) == manifest_of(LETTERS)

    assert await shown(store) == LETTERS
    assert await store.read_signature("run-1") == SIGNATURE
    assert await store.run_ids() == ("run-1",)


async def test_a_competitor_finishes_what_the_attempt_that_claimed_first_left(
    proxy: S3Proxy, s3: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_bucket, "RETRIES_MAX", 0)
    proxy.cut_after(lambda request: request.startswith("PUT ") and "/claims/" in request)
    with pytest.raises(Unavailable):
        await attempt(opened(settings), dict(LETTERS))

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    competitor = opened(settings)
    assert await attempt(competitor, {"letter.txt": b"other bytes", "more.txt": b"more"}) == manifest_of(LETTERS)
    assert await shown(competitor) == LETTERS


async def test_signature_and_artefacts_stand_before_the_manifest(proxy: S3Proxy, settings: Settings) -> None:
    await attempt(opened(settings), dict(LETTERS))

    puts = [request.split("/", 3)[3] for request in proxy.seen if request.startswith("PUT ")]
    assert puts[-2:] == ["manifests/run-1.json.sig", "manifests/run-1.json"]
    assert puts.index("claims/run-1.json") < puts.index("artefacts/run-1/letter.txt") < len(puts) - 2


@pytest.mark.parametrize("place", ["blobs", "claims", "manifests"])
async def test_a_creation_whose_answer_was_lost_is_no_conflict(proxy: S3Proxy, settings: Settings, place: str) -> None:
    proxy.lost.append(lambda request: request.startswith("PUT ") and f"/{place}/" in request)
    store = opened(settings)

    assert await attempt(store, dict(LETTERS)) == manifest_of(LETTERS)
    assert await shown(store) == LETTERS
    assert proxy.lost == []


async def test_a_conflict_that_is_not_decided_yet_is_asked_again(proxy: S3Proxy, settings: Settings) -> None:
    proxy.answers.append(
        (lambda request: request.startswith("PUT ") and "/claims/" in request, Answer(409, b"<Error/>"))
    )
    store = opened(settings)

    assert await attempt(store, dict(LETTERS)) == manifest_of(LETTERS)
    assert proxy.answers == []


async def test_a_few_refusals_to_slow_down_are_waited_out(proxy: S3Proxy, settings: Settings) -> None:
    proxy.answers += [(lambda _: True, Answer(503, SLOW_DOWN))] * 2

    assert await opened(settings).put_blob(b"x") == content_digest(b"x")
    assert len(proxy.seen) == 3


async def test_a_store_that_stays_busy_is_told_after_bounded_repetitions(proxy: S3Proxy, settings: Settings) -> None:
    proxy.answers += [(lambda _: True, Answer(503, SLOW_DOWN))] * 100

    with pytest.raises(Unavailable) as caught:
        await opened(settings).read_manifest("run-1")

    assert (caught.value.reason, caught.value.retry_after_ms) == ("STORE_BUSY", 5_000)
    assert len(proxy.seen) == 1 + RETRIES_MAX


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(403, b"<Error><Code>AccessDenied</Code></Error>"), "STORE_FORBIDDEN"),
        (Answer(404, b"<Error><Code>NoSuchBucket</Code></Error>"), "STORE_UNAVAILABLE"),
        (Answer(400, b"<Error><Code>AuthorizationHeaderMalformed</Code></Error>"), "STORE_UNAVAILABLE"),
        (Answer(507, b"<Error><Code>XMinioStorageFull</Code></Error>"), "STORE_FULL"),
    ],
)
@pytest.mark.parametrize("call", ["put_blob", "read_blob", "read_manifest", "publish", "run_ids"])
async def test_a_refusal_has_a_code_and_a_remedy_and_shows_no_address(
    proxy: S3Proxy, settings: Settings, monkeypatch: pytest.MonkeyPatch, answer: Answer, reason: str, call: str
) -> None:
    monkeypatch.setattr(object_bucket, "RETRIES_MAX", 0)
    store = opened(settings)
    proxy.answers += [(lambda _: True, answer)] * 10
    calls = {
        "put_blob": lambda: store.put_blob(b"x"),
        "read_blob": lambda: store.read_blob("0" * 64),
        "read_manifest": lambda: store.read_manifest("run-1"),
        "publish": lambda: store.publish("run-1", manifest_of(LETTERS)),
        "run_ids": store.run_ids,
    }

    with pytest.raises(Unavailable) as caught:
        await calls[call]()

    error = caught.value
    assert error.reason == reason
    assert error.hint
    secret = re.compile(rf"(?<![0-9a-f]){urlsplit(proxy.url).port}(?![0-9a-f])")  # and not a few digits of a digest
    assert not [text for text in (error.message, error.hint, *error.details.values()) if secret.search(text)]


async def test_a_service_that_does_not_answer_is_given_up_in_time(proxy: S3Proxy, settings: Settings) -> None:
    proxy.silent = True

    with pytest.raises(Unavailable) as caught:
        await opened(replace(settings, store_timeout_ms=100)).read_manifest("run-1")

    assert caught.value.reason == "STORE_UNAVAILABLE"
    assert "DOCUGEN_STORE_TIMEOUT_MS" in caught.value.hint


async def test_a_blob_that_was_tampered_with_counts_as_absent_and_is_replaced(s3: str, settings: Settings) -> None:
    store = opened(settings)
    sha256 = await store.put_blob(b"the right bytes")
    bucket = Bucket.open(settings.store_url, timeout_ms=20_000, allow_http=True)
    await bucket.put(f"blobs/{sha256[:2]}/{sha256}", b"the wrong bytes")

    with pytest.raises(NotFound):
        await store.read_blob(sha256)

    await store.put_blob(b"the right bytes")
    assert await store.read_blob(sha256) == b"the right bytes"


async def test_the_oldest_notes_go_when_there_are_too_many(s3: str, settings: Settings) -> None:
    store = opened(settings, notes_max=256 * 3)
    for number in (1, 2, 3, 4):
        await store.write_note(f"ab{number:060x}01", b"{}")
    await store.write_note("ab" + "0" * 62, b"{}")  # one in 64 counts

    bucket = Bucket.open(settings.store_url, timeout_ms=20_000, allow_http=True)
    assert len([listed async for listed in bucket.list("documents/ab")]) == 2, "of three that are allowed"


# --- the start ------------------------------------------------------------------------------------------------------------


async def test_the_start_proves_the_bucket_and_can_be_repeated(s3: str, settings: Settings) -> None:
    for _ in range(2):
        store = await proven_store(settings)
    assert await store.read_manifest("run-1") is None


async def test_a_service_that_overwrites_what_should_be_created_once_is_refused(
    proxy: S3Proxy, settings: Settings
) -> None:
    proxy.forgetful = True

    with pytest.raises(ConfigurationError, match="overwrites") as caught:
        await proven_store(settings)
    assert "If-None-Match" in caught.value.hint


async def test_a_bucket_that_does_not_exist_ends_the_start(s3: str, settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="bucket of the artefact store does not exist"):
        await proven_store(replace(settings, store_url="s3://no-such-bucket/x"))


async def test_a_bucket_that_does_not_answer_may_be_there_later(proxy: S3Proxy, settings: Settings) -> None:
    proxy.dead = True

    with pytest.raises(Unavailable) as caught:
        await proven_store(settings)
    assert caught.value.reason == "STORE_UNAVAILABLE"


async def test_missing_credentials_are_named_at_the_start(
    proxy: S3Proxy, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", proxy.url)
    proxy.answers += [(lambda _: True, Answer(404))] * 10

    with pytest.raises(ConfigurationError, match="no credentials"):
        await proven_store(settings)


async def test_plain_http_has_to_be_allowed(s3: str, settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="plain http") as caught:
        await proven_store(replace(settings, store_allow_http=False))
    assert "DOCUGEN_STORE_ALLOW_HTTP" in caught.value.hint


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///x", "s3://a b", "s3://bucket//x", "s3://bucket/../x", "s3://u:p@bucket/x"]
)
def test_a_url_that_names_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="must be s3://bucket"):
        store_of(Settings(store_url=url))


def test_without_the_extra_a_bucket_is_refused_with_the_command_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "docugen_core.adapters.object_bucket")
    monkeypatch.setitem(sys.modules, "obstore", None)

    with pytest.raises(ConfigurationError) as caught:
        store_of(Settings(store_url="s3://bucket/prefix"))
    assert "docugen[s3]" in caught.value.hint


def test_the_ledger_lies_in_the_store_or_in_the_state_folder(tmp_path: Path) -> None:
    assert ledger_folder(Settings(store_url=f"file://{tmp_path}/store")) == tmp_path / "store"
    assert ledger_folder(Settings(store_url="s3://bucket", state_dir=f"{tmp_path}/state")) == tmp_path / "state"


# --- names and URLs -------------------------------------------------------------------------------------------------------


async def test_an_artefact_of_any_name_can_be_fetched_by_its_url_and_withdrawn(s3: str, settings: Settings) -> None:
    files = {"Relevé 1 #?%20+&~.pdf": b"SPECIMEN", "明細.txt": b"SPECIMEN too"}
    store = opened(settings)
    for data in files.values():
        await store.put_blob(data)
    await store.publish("acme~run-1", manifest_of(files))

    for name, data in files.items():
        url = await store.artefact_url("acme~run-1", name, 60)
        assert await asyncio.to_thread(fetched, url) == data
    assert await store.run_ids() == ("acme~run-1",)

    await store.withdraw("acme~run-1")
    bucket = Bucket.open(settings.store_url, timeout_ms=20_000, allow_http=True)
    assert [listed async for listed in bucket.list("artefacts")] == []


def fetched(url: str) -> bytes:
    with urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
        return bytes(answer.read())
