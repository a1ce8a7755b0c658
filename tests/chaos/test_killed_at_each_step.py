"""Fault matrix row 1: a worker dies by SIGKILL at each step of a job that it tells of.

No time is asserted. How soon the runs of a dead worker are taken again is printed, and written down in guarantees.md.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path

import pytest
from chaos import orders
from chaos.audit import audit
from chaos.callers import Callers, Receipt
from chaos.chronicle import Chronicle
from chaos.faults import STEPS
from chaos.orders import Kind, Order
from chaos.processes import Service
from chaos.stage import LEASE_MS, staged
from redis_servers import binaries
from worker_world import until


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_worker_killed_at_any_step_loses_nothing_and_nothing_is_committed_twice(tmp_path: Path) -> None:
    chronicle, killed_at = Chronicle(), Counter[str]()
    async with staged(tmp_path, binaries()["valkey"], chronicle) as stage:
        plan = [
            Order(f"{step}-{number}", Kind.PAGE, orders.bundle(Kind.PAGE, number), max_attempts=9)
            for step in STEPS
            for number in range(4)
        ]
        goldens = await orders.goldens(stage.settings, plan)
        callers = Callers(stage.address, chronicle)

        async def kill_at(step: str) -> None:
            dead = await chronicle.reached(step, Service.kill, timeout_s=60)
            assert dead is not None, f"no worker came to step {step}"
            killed_at[step] += 1
            await dead.gone()
            chronicle.killed(dead, calm=True)
            await dead.start()

        receipts: dict[str, Receipt] = {}
        for step in STEPS:
            killing = asyncio.create_task(kill_at(step))
            await callers.send([order for order in plan if order.run_id.startswith(step)], over_s=0)
            receipts |= callers.receipts

            async def quiet() -> bool:
                stats = await stage.queue.stats()
                return stats.depth + stats.in_flight == 0

            await killing
            await until(f"all runs around step {step} have ended", quiet)
        assert [await worker.end() for worker in stage.workers] == [0] * len(stage.workers)
        verdict = await audit(stage, chronicle, receipts, goldens)
        published = len(list((stage.store / "manifests").iterdir()))
    assert killed_at == Counter(STEPS)
    assert verdict.findings == ()
    assert published == len(plan)
    assert verdict.redelivered >= 1
    taken = ", ".join(f"{seconds:.2f}" for seconds in sorted(chronicle.recoveries))
    sys.stdout.write(f"lease {LEASE_MS / 1_000} s; seconds from SIGKILL until taken again: {taken}\n")
