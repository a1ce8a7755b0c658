"""What the document cache promises: bytes that were rendered once are taken over, checked; everything else is rendered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from docugen_core.adapters.local_store import LocalStore
from docugen_core.assembly import assemble_rendering
from docugen_core.comparison import Verdict
from docugen_core.config import Settings
from docugen_core.document_cache import DocumentCache
from docugen_core.domain.identity import content_digest
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.run import DocumentProgress, DocumentState, RunState
from docugen_core.errors import LimitExceeded, RenderFailed, RenderInterrupted
from docugen_core.generation import BundleRenderer, generate
from docugen_core.ports import GenerationJob
from docugen_core.rendering.task import Rendering, RenderLimits, RenderTask
from docugen_core.verification import verify_bundle_run
from executor_houses import InlineHouse, finished
from fakes import ScriptedRenderer, plain

DIGEST = "a" * 64


class ReusingHouse(InlineHouse):
    """An inline house that takes documents over, as an installation does by default."""

    def bundles(self) -> BundleRenderer:
        return replace(super().bundles(), cache=DocumentCache(self.store, self.store))

    async def generate(
        self, job: GenerationJob, on_progress: Callable[[DocumentProgress], None] | None = None
    ) -> Manifest:
        bundles = self.bundles()
        told = on_progress or (lambda _: None)
        return await generate(job, bundles=bundles, store=self.store, timeout_ms=20_000, on_progress=told)

    def different(self, documents: int) -> GenerationJob:
        """A job whose documents differ by their own data, each the same in every such job."""
        bundle = self.job(documents=documents).bundle
        told_apart = tuple(replace(d, data={"text": d.name}) for d in bundle.documents)
        return replace(self.job(run_id=f"of-{documents}"), bundle=replace(bundle, documents=told_apart))

    def renders(self) -> int:
        return sum(self.renderer.calls.values())


@pytest.fixture
def house(tmp_path: Path) -> ReusingHouse:
    return ReusingHouse(tmp_path)


async def test_a_document_that_another_bundle_has_is_taken_over_byte_by_byte(house: ReusingHouse) -> None:
    first = await house.generate(house.different(2))
    assert house.renders() == 2

    second = await house.generate(house.different(3))

    assert house.renders() == 3
    shared = {a.name: a for a in second.artefacts if a.name != "note2.txt"}
    assert shared == {a.name: a for a in first.artefacts}


async def test_a_second_attempt_renders_only_what_the_first_one_did_not_finish(house: ReusingHouse) -> None:
    """A bundle of five whose fourth document died used to cost five renders more."""

    async def dies_once(task: RenderTask, n: int) -> Rendering:
        if task.document in ("note3.txt", "note4.txt") and n == 1:
            raise RenderInterrupted("the render process was ended by SIGKILL")
        return await plain(task, n)

    house.renderer.script = dies_once
    with structlog.testing.capture_logs() as lines:
        async with house.executor() as executor:
            job = house.different(5)
            await executor.submit(job)
            run = await finished(executor, job.run_id)

    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 2)
    assert house.renderer.calls == {"note0.txt": 1, "note1.txt": 1, "note2.txt": 1, "note3.txt": 2, "note4.txt": 2}
    settled = [line for line in lines if line["event"] == "job_settled"]
    assert [(line["outcome"], line["reused"]) for line in settled] == [("retried", 0), ("succeeded", 3)]


async def test_progress_says_which_documents_were_taken_over(house: ReusingHouse) -> None:
    await house.generate(house.different(1))
    seen: list[DocumentProgress] = []

    await house.generate(house.different(2), seen.append)

    assert {d.name: d.reused for d in seen if d.state is DocumentState.RENDERED} == {
        "note0.txt": True,
        "note1.txt": False,
    }


@pytest.mark.parametrize(
    "change", [{"text": "other"}, {"data": {"own": 1}}, {"name": "x"}], ids=["data", "own", "name"]
)
async def test_only_what_a_template_can_see_makes_another_document(
    house: ReusingHouse, change: dict[str, object]
) -> None:
    await house.generate(house.job())

    if "name" in change:  # its file name is no part of a document
        bundle = house.job().bundle
        renamed = replace(bundle, documents=tuple(replace(d, name="renamed.txt") for d in bundle.documents))
        await house.generate(replace(house.job(run_id="renamed"), bundle=renamed))
        assert house.renders() == 1
    else:
        await house.generate(house.job(**change))  # type: ignore[arg-type]
        assert house.renders() == 2


async def test_another_edition_of_the_engine_takes_nothing_over(house: ReusingHouse) -> None:
    await house.generate(house.job())
    house.renderer = ScriptedRenderer(edition="2")

    await house.generate(house.job(run_id="again"))

    assert house.renders() == 1


async def test_verification_renders_what_the_cache_has(house: ReusingHouse) -> None:
    """Otherwise it would compare a document with itself."""
    job = house.job()
    await house.generate(job)

    async def other(task: RenderTask, n: int) -> Rendering:
        return Rendering(b"other bytes")

    house.renderer.script = other
    result = await verify_bundle_run(job.run_id, bundles=house.bundles(), store=house.store)

    assert result.verdict is Verdict.DETERMINISM_VIOLATION
    assert house.renders() == 2


async def test_a_failed_document_and_an_omitted_one_are_tried_again(house: ReusingHouse) -> None:
    async def fails(task: RenderTask, n: int) -> Rendering:
        raise RenderFailed("no")

    house.renderer.script = fails
    with pytest.raises(RenderFailed):
        await house.generate(house.job())
    await house.generate(house.job(run_id="lenient", optional=True))
    await house.generate(house.job(run_id="again", optional=True))

    assert house.renders() == 3
    assert list((house.store.root / "documents").rglob("*.json")) == []


def damage_blob(store: LocalStore, note: Path) -> None:
    for blob in (store.root / "blobs").rglob("*"):
        if blob.is_file():
            blob.chmod(0o640)
            blob.write_bytes(b"rot")


def remove_blob(store: LocalStore, note: Path) -> None:
    for blob in (store.root / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()


def tear_note(store: LocalStore, note: Path) -> None:
    note.write_bytes(note.read_bytes()[:40])


def empty_note(store: LocalStore, note: Path) -> None:
    note.write_bytes(b"")


def rotten_note(store: LocalStore, note: Path) -> None:
    note.write_bytes(note.read_bytes().replace(b'"pages":1', b'"pages":7'))


def strange_note(store: LocalStore, note: Path) -> None:
    note.write_bytes(b"[1]")


@pytest.mark.parametrize("harm", [damage_blob, remove_blob, tear_note, empty_note, rotten_note, strange_note])
async def test_whatever_is_damaged_or_gone_is_a_miss_and_is_mended_by_rendering(
    house: ReusingHouse, harm: Callable[[LocalStore, Path], None]
) -> None:
    first = await house.generate(house.job())
    (note,) = (house.store.root / "documents").rglob("*.json")
    harm(house.store, note)

    second = await house.generate(house.job(run_id="second"))
    assert house.renders() == 2
    await house.generate(house.job(run_id="third"))

    assert house.renders() == 2
    assert second == first
    assert await house.store.read_blob(first.artefacts[0].sha256)


async def test_a_note_in_the_place_of_another_documents_is_a_miss(house: ReusingHouse) -> None:
    await house.generate(house.job())
    (note,) = (house.store.root / "documents").rglob("*.json")
    raw = note.read_bytes()
    await house.store.write_note(DIGEST, raw)

    assert await DocumentCache(house.store, house.store).find(DIGEST, RenderLimits()) is None


async def test_a_document_beyond_a_bound_that_was_lowered_since_is_not_taken_over(house: ReusingHouse) -> None:
    cache = DocumentCache(house.store, house.store)
    sha256 = await cache.keep(DIGEST, Rendering(b"12345", pages=3))

    assert sha256 == content_digest(b"12345")
    assert await cache.find(DIGEST, RenderLimits()) == (sha256, Rendering(b"12345", pages=3))
    assert await cache.find(DIGEST, RenderLimits(pages_max=2)) is None
    assert await cache.find(DIGEST, RenderLimits(bytes_max=4)) is None


async def test_a_limit_is_told_by_rendering_not_by_the_cache(house: ReusingHouse) -> None:
    await house.generate(house.job())

    async def too_big(task: RenderTask, n: int) -> Rendering:
        raise LimitExceeded("the document has 9 bytes, the limit is 1")

    house.renderer.script = too_big
    strict = replace(house.bundles(), limits=RenderLimits(bytes_max=1))
    with pytest.raises(LimitExceeded):
        await generate(house.job(run_id="strict"), bundles=strict, store=house.store, timeout_ms=20_000)


async def test_the_number_of_notes_has_a_bound_and_the_oldest_go(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store", notes_max=256 * 10)

    for number in range(0, 4_096, 16):  # one folder; every fourth of them counts it
        await store.write_note(f"ab{number:062x}", b"{}")

    left = sorted(path.stem for path in (store.root / "documents" / "ab").glob("*.json"))
    assert len(left) <= 10 + 4
    assert left[-1] == f"ab{4_096 - 16:062x}"


@pytest.mark.parametrize("digest", ["", "../../x", "A" * 64, "a" * 63])
async def test_a_note_has_no_other_name_than_a_digest(house: ReusingHouse, digest: str) -> None:
    assert await house.store.read_note(digest) is None
    with pytest.raises(ValueError, match="not a document digest"):
        await house.store.write_note(digest, b"{}")


@pytest.mark.parametrize(("entries", "reuses"), [(1_000, True), (0, False)])
async def test_the_setting_switches_it_on_and_off(tmp_path: Path, entries: int, reuses: bool) -> None:
    settings = Settings(store_url=f"file://{tmp_path}/store", render_processes=1, document_cache_entries=entries)

    async with assemble_rendering(settings) as (_, bundles, _):
        assert (bundles.cache is not None) is reuses
