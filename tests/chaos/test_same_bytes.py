"""The promise of the house under load: whoever renders a bundle, in whatever order, its bytes are those of inline rendering."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from chaos import orders
from chaos.chronicle import Chronicle
from chaos.orders import Kind, Order
from chaos.processes import Service
from chaos.stage import environment, storm_settings
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.assembly import Core, assemble
from docugen_core.config import Settings
from docugen_core.domain.job import JobRecord
from docugen_core.domain.run import RunState
from docugen_core.domain.seed import SeedStream
from docugen_core.submission import SubmitRequest, submit_generation_job, wait_for_run
from redis_servers import own_server

WORKERS = 3
BUNDLES = 60
ROUNDS = 5
SCHEDULERS = 2
HASH_SEEDS = ("0", "1", "4711")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_hundreds_of_bundles_at_once_in_any_order_on_several_workers_give_the_digests_of_inline_rendering(
    tmp_path: Path,
) -> None:
    """Each of 60 bundles is submitted in five runs, by two schedulers at once, each in an order of its own; three workers
    render them, each under its own hash seed. Where one of these was held up until all was done, there are more runs."""
    plan = [order for number in range(ROUNDS) for order in _round(number)]
    with own_server() as server:
        settings = _settings(tmp_path, server.url)
        goldens = await orders.goldens(settings, plan)
        workers = [
            Service(
                f"worker-{n}",
                "docugen_worker",
                {**environment(settings), "PYTHONHASHSEED": HASH_SEEDS[n]},
                Chronicle().hear,
            )
            for n in range(WORKERS)
        ]
        try:
            await asyncio.gather(*(worker.start() for worker in workers))
            served = await _submitted_by_all(settings, plan)
            while len({record.worker for record in await _records(settings, plan)}) < WORKERS:
                more = _round(len(plan) // BUNDLES)
                served |= await _submitted_by_all(settings, more)
                plan += more
            assert await asyncio.gather(*(worker.end() for worker in workers)) == [0] * WORKERS
        finally:
            for worker in workers:
                worker.kill()
                await worker.gone()
        records = await _records(settings, plan)
    different = [o.run_id for o in plan if served[o.run_id] != goldens[orders.key(o.bundle)]]
    assert different == []
    assert len(records) == len(plan)
    assert {record.attempt for record in records} == {1}


def _round(number: int) -> list[Order]:
    """One run of each bundle: the first of ten a page."""
    kinds = [Kind.PLAIN if bundle % 10 else Kind.PAGE for bundle in range(BUNDLES)]
    return [Order(f"{number}-{n}", kind, orders.bundle(kind, n), max_attempts=3) for n, kind in enumerate(kinds)]


async def _records(settings: Settings, plan: list[Order]) -> list[JobRecord]:
    async with RedisConnection(settings.redis_url) as redis:
        queue = RedisQueue(redis, settings.queue_name, QueueRules.of(settings))
        found = [await queue.get([order.run_id for order in plan[n : n + 500]]) for n in range(0, len(plan), 500)]
    return [record for page in found for record in page if record]


def _settings(folder: Path, redis_url: str) -> Settings:
    """No attempt is lost to a pause of the machine."""
    unhurried = replace(storm_settings(folder), queue_lease_ms=600_000, render_timeout_ms=60_000)
    return replace(unhurried, redis_url=redis_url, queue_allow_volatile=True)


async def _submitted_by_all(settings: Settings, plan: list[Order]) -> dict[str, bytes]:
    """Every order, submitted by each scheduler in an order of its own; run id -> manifest."""
    found: dict[str, bytes] = {}
    async with assemble(settings) as first, assemble(settings) as second:
        assert len((first, second)) == SCHEDULERS
        deduplicated = await asyncio.gather(
            *(
                _submit(core, order)
                for number, core in enumerate((first, second))
                for order in SeedStream.of("same bytes", number).sample(plan, len(plan))
            )
        )
        assert sum(deduplicated) == len(plan)  # whoever came second met a run that was there
        for order in plan:
            run = await wait_for_run(first.executor, order.run_id, 120_000)
            assert run.state is RunState.SUCCEEDED, run
            found[order.run_id] = await first.store.read_manifest(order.run_id) or b""
    return found


async def _submit(core: Core, order: Order) -> bool:
    request = SubmitRequest(order.bundle, run_id=order.run_id)
    return (await submit_generation_job(request, intake=core.intake, executor=core.executor)).deduplicated
