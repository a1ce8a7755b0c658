"""What a deletion promises, with either executor and either store: all of a run goes, its id is free, what others use stays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from docugen_core.adapters.object_bucket import Bucket
from docugen_core.adapters.object_store import ObjectStore
from docugen_core.deletion import delete_bundle_run
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.run import BundleRun, RunState
from docugen_core.domain.run_query import RunQuery
from docugen_core.errors import NotFound, NotPossibleNow, RenderFailed, Unavailable
from docugen_core.ports import ArtefactStore, GenerationExecutor
from docugen_core.rendering.task import Rendering, RenderTask
from executor_houses import Gate, House, InlineHouse, QueueHouse, finished
from fakes import plain
from redis_servers import queue_name
from s3_server import prefix_of


@pytest.fixture(params=["inline", "queue"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    if request.param == "inline":
        return InlineHouse(tmp_path)
    return QueueHouse(tmp_path, request.getfixturevalue("queue_url"), queue_name(request.node.nodeid))


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, house: House) -> ArtefactStore:
    if request.param == "bucket":
        request.getfixturevalue("s3")
        bucket = Bucket.open(prefix_of(house.root), timeout_ms=20_000, allow_http=True)
        house.store = ObjectStore(bucket)  # type: ignore[assignment]
    return house.store


async def done(executor: GenerationExecutor, house: House, text: str = "hello", run_id: str = "") -> BundleRun:
    return await finished(executor, (await executor.submit(house.job(text, run_id))).run.run_id)


async def test_a_deleted_run_is_gone_from_record_list_and_store(house: House, store: ArtefactStore) -> None:
    async with house.executor() as executor:
        run = await done(executor, house, run_id="march")
        await store.put_signature(run.manifest_digest, b"signature")

        await delete_bundle_run("march", executor=executor, store=store)

        with pytest.raises(NotFound):
            await executor.get("march")
        assert (await executor.list(RunQuery())).runs == ()
        assert await store.read_manifest("march") is None
        assert await store.read_signature("march") is None
        assert await store.run_ids() == ()


async def test_deleting_twice_or_what_never_was_is_no_error(house: House, store: ArtefactStore) -> None:
    async with house.executor() as executor:
        await done(executor, house, run_id="march")
        for run_id in ("march", "march", "never"):
            await delete_bundle_run(run_id, executor=executor, store=store)


async def test_the_id_of_a_deleted_run_is_free_for_the_same_bundle_and_for_another(
    house: House, store: ArtefactStore
) -> None:
    async with house.executor() as executor:
        for text in ("first", "first", "second"):
            submission = await executor.submit(house.job(text, "march"))
            assert not submission.deduplicated
            run = await finished(executor, "march")
            assert run.state is RunState.SUCCEEDED
            manifest = Manifest.from_bytes(await store.read_manifest("march") or b"")
            assert text in (await store.read_blob(manifest.artefacts[0].sha256)).decode()
            await delete_bundle_run("march", executor=executor, store=store)


async def test_a_run_with_the_same_bytes_keeps_them(house: House, store: ArtefactStore) -> None:
    async with house.executor() as executor:
        for run_id in ("one", "two"):
            await done(executor, house, run_id=run_id)

        await delete_bundle_run("one", executor=executor, store=store)

        (entry,) = Manifest.from_bytes(await store.read_manifest("two") or b"").artefacts
        assert len(await store.read_blob(entry.sha256)) == entry.size
        assert (await executor.get("two")).state is RunState.SUCCEEDED


async def test_a_run_that_has_not_ended_is_refused_and_goes_on(house: House, store: ArtefactStore) -> None:
    gate = Gate()
    house.renderer.script = gate
    async with house.executor() as executor:
        await executor.submit(house.job(run_id="march"))
        await gate.begun.wait()

        with pytest.raises(NotPossibleNow) as caught:
            await delete_bundle_run("march", executor=executor, store=store)
        assert caught.value.reason == "NOT_DELETABLE"

        gate.open.set()
        assert (await finished(executor, "march")).state is RunState.SUCCEEDED


async def test_a_failed_run_can_be_deleted_and_succeed_anew(house: House, store: ArtefactStore) -> None:
    async def failing(task: RenderTask, n: int) -> Rendering:
        raise RenderFailed("no", document=task.document)

    house.renderer.script = failing
    async with house.executor() as executor:
        assert (await done(executor, house, run_id="march")).state is RunState.FAILED
        await delete_bundle_run("march", executor=executor, store=store)
        house.renderer.script = plain
        assert (await done(executor, house, run_id="march")).attempt == 1


class Halting:
    """A store or an executor of which one method fails once it was asked; the rest is the real one's."""

    def __init__(self, real: object, method: str, *, before: bool) -> None:
        self._real, self._method, self._before = real, method, before

    def __getattr__(self, name: str) -> object:
        real: Callable[..., Awaitable[None]] = getattr(self._real, name)
        if name != self._method:
            return real

        async def halting(run_id: str) -> None:
            if not self._before:
                await real(run_id)
            raise Unavailable("the process died here")

        return halting


@pytest.mark.parametrize("method", ["withdraw", "forget", "unpublish"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_a_deletion_that_dies_anywhere_leaves_a_finished_run_or_none_and_can_be_ended(
    house: House, store: ArtefactStore, method: str, before: bool
) -> None:
    async with house.executor() as executor:
        await done(executor, house, run_id="march")
        halting = (Halting(executor, method, before=before), Halting(store, method, before=before))
        with pytest.raises(Unavailable):
            await delete_bundle_run("march", executor=halting[0], store=halting[1])  # type: ignore[arg-type]

        if (method, before) != ("unpublish", False):
            again = await executor.submit(house.job(run_id="march"))
            assert again.deduplicated, "while its manifest stands it is known as finished"
            assert again.run.state is RunState.SUCCEEDED
        await delete_bundle_run("march", executor=executor, store=store)

        assert not (await executor.submit(house.job("other", "march"))).deduplicated
        assert (await finished(executor, "march")).state is RunState.SUCCEEDED
