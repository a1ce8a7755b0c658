"""Scheduler and worker with a store in a bucket: real processes, a real Redis, and a server that speaks like S3."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.run import RunState
from process_tree import standing_still
from redis_servers import queue_name
from s3_server import prefix_of
from worker_world import WorkerWorld, worker_world

pytestmark = pytest.mark.slow


@pytest.fixture
async def bucket_world(
    request: pytest.FixtureRequest, redis_url: str, s3: str, tmp_path: Path
) -> AsyncIterator[WorkerWorld]:
    """Every spec travels through the bucket."""
    settings = {"store_url": prefix_of(tmp_path), "store_allow_http": True, "queue_inline_bytes": 0}
    async with worker_world(redis_url, queue_name(request.node.nodeid), tmp_path, **settings) as made:
        yield made


async def test_a_killed_workers_run_ends_with_one_manifest_and_the_bytes_it_promises(bucket_world: WorkerWorld) -> None:
    world = bucket_world
    async with world.process("ada") as ada:
        with standing_still(ada.process.pid):  # a few seconds' work: it must not be done before ada is dead
            run_id = await world.submit("slow", documents=2)
            await ada.step(run_id, "document")
            ada.signal(signal.SIGKILL)
            await ada.ended()
        await world.lapse(run_id)
        async with world.process("bob") as bob:
            run = await world.finished(run_id)
            assert (run.state, run.attempt, run.worker) == (RunState.SUCCEEDED, 2, bob.consumer)

    store = world.core.store
    assert await store.run_ids() == (run_id,)
    manifest = Manifest.from_bytes(await world.manifest(run_id))
    assert len(manifest.artefacts) == 2
    for entry in manifest.artefacts:
        assert len(await store.read_blob(entry.sha256)) == entry.size, "read whole, it is checked against its digest"
    assert await store.read_spec(run.spec_digest) is not None
    assert not (world.folder / "store").exists(), "nothing is kept on this machine"
