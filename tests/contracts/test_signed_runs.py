"""Signed manifests: a manifest that stands has its signature beside it, whoever published it and whatever died on the way."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bundle_examples import LETTERS, manifest_of
from docugen_core.adapters.local_store import LocalStore
from docugen_core.adapters.manifest_signing import ManifestSigner, PublicKey, SignatureVerdict
from docugen_core.domain.identity import content_digest
from docugen_core.generation import BundleRenderer, generate
from executor_houses import InlineHouse, finished

SIGNER = ManifestSigner.new()


class SigningHouse(InlineHouse):
    def bundles(self) -> BundleRenderer:
        return replace(super().bundles(), signer=SIGNER)


@pytest.fixture
def house(tmp_path: Path) -> SigningHouse:
    return SigningHouse(tmp_path)


@pytest.fixture
def key(tmp_path: Path) -> PublicKey:
    SIGNER.write(tmp_path / "k.pem", tmp_path / "k.pub.pem")
    return PublicKey.load(tmp_path / "k.pub.pem")


async def filled(store: LocalStore) -> bytes:
    for data in LETTERS.values():
        await store.put_blob(data)
    return manifest_of(LETTERS)


async def test_a_finished_run_has_a_valid_signature_beside_its_manifest(house: SigningHouse, key: PublicKey) -> None:
    async with house.executor() as executor:
        job = house.job()
        await executor.submit(job)
        await finished(executor, job.run_id)

    manifest, signature = await house.store.read_manifest(job.run_id), await house.store.read_signature(job.run_id)

    assert manifest is not None
    assert key.check(manifest, signature).verdict is SignatureVerdict.VALID
    assert await house.store.run_ids() == (job.run_id,), "a signature is no run"


async def test_doing_it_again_changes_nothing(house: SigningHouse) -> None:
    job = house.job()
    for _ in range(2):
        await generate(job, bundles=house.bundles(), store=house.store, timeout_ms=20_000)
        first = await house.store.read_signature(job.run_id)
        assert first is not None

    assert await house.store.read_signature(job.run_id) == first


async def test_without_a_key_there_is_no_signature(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    await store.publish("run-1", await filled(store))

    assert await store.read_signature("run-1") is None


async def test_a_successor_publishes_the_signature_of_the_attempt_that_won(tmp_path: Path, key: PublicKey) -> None:
    """The first attempt died between its claim and its manifest; the second one renders other bytes, on another engine."""
    store = LocalStore(tmp_path / "store")
    manifest = await filled(store)
    await store.put_signature(content_digest(manifest), SIGNER.sign(manifest))
    (store.root / "claims" / "run-1.json").write_bytes(manifest)

    other = manifest_of({"letter.txt": LETTERS["letter.txt"]})
    await store.put_signature(content_digest(other), SIGNER.sign(other))
    standing = await store.publish("run-1", other)

    assert standing == manifest
    assert key.check(standing, await store.read_signature("run-1")).verdict is SignatureVerdict.VALID


async def test_a_manifest_is_never_visible_before_its_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "store")
    manifest = await filled(store)
    await store.put_signature(content_digest(manifest), SIGNER.sign(manifest))
    named: list[str] = []
    link = os.link

    def watched(source: str, target: str, **folders: Any) -> None:
        named.append(target)
        link(source, target, **folders)

    monkeypatch.setattr(os, "link", watched)
    await store.publish("run-1", manifest)

    *_, signature, last = named
    assert (signature, last) == ("run-1.json.sig", "run-1.json")


async def test_a_new_key_signs_new_runs_and_leaves_old_ones_as_they_are(tmp_path: Path, key: PublicKey) -> None:
    store = LocalStore(tmp_path / "store")
    manifest = await filled(store)
    successor = ManifestSigner.new()
    await store.put_signature(content_digest(manifest), SIGNER.sign(manifest))
    await store.publish("old", manifest)

    await store.put_signature(content_digest(manifest), successor.sign(manifest))
    await store.publish("new", manifest)
    await store.publish("old", manifest)

    assert await store.read_signature("old") == SIGNER.sign(manifest)
    assert await store.read_signature("new") == successor.sign(manifest)
    assert key.check(manifest, await store.read_signature("new")).verdict is SignatureVerdict.WRONG_KEY


@pytest.mark.parametrize("digest", ["", "../../x", "A" * 64])
async def test_a_signature_has_no_other_name_than_a_digest(tmp_path: Path, digest: str) -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        await LocalStore(tmp_path / "store").put_signature(digest, b"{}")
