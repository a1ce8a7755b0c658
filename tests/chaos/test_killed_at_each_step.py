"""Fault matrix row 1: a worker dies by SIGKILL at each step of a job that it tells of.

No time is asserted. How soon the runs of a dead worker are taken again is printed, and written down in guarantees.md.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import ExitStack
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
from process_tree import standing_still
from redis_servers import binaries
from worker_world import until

UNTIL_RENDERED = ("taken", "decoded", "rendering", "document")
"""At these the render processes stand still until the worker is dead. A page takes milliseconds: a kill that came later than
that would interrupt nothing."""


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_worker_killed_at_any_step_loses_nothing_and_nothing_is_committed_twice(tmp_path: Path) -> None:
    chronicle, killed_at = Chronicle(), Counter[str]()
    async with staged(tmp_path, binaries()["valkey"], chronicle) as stage:
        plan = [  # no two pages are the same: one that was seen before would not be rendered
            Order(f"{step}-{number}", Kind.PAGE, orders.bundle(Kind.PAGE, number), max_attempts=9)
            for number, step in enumerate(step for step in STEPS for _ in range(4))
        ]
        goldens = await orders.goldens(stage.settings, plan)
        callers = Callers(stage.address, chronicle)

        receipts: dict[str, Receipt] = {}
        for step in STEPS:
            with ExitStack() as held:
                for worker in stage.workers if step in UNTIL_RENDERED else ():
                    held.enter_context(standing_still(worker.process_id))
                killing = asyncio.create_task(chronicle.reached(step, Service.kill, timeout_s=60, runs=step))
                await asyncio.sleep(0)  # it has begun to listen
                await callers.send([order for order in plan if order.run_id.startswith(step)], over_s=0)
                dead = await killing
            assert dead is not None, f"no worker came to step {step}"
            killed_at[step] += 1
            receipts |= callers.receipts
            await dead.gone()
            chronicle.killed(dead, calm=True)
            await dead.start()

            async def quiet() -> bool:
                stats = await stage.queue.stats()
                return stats.depth + stats.in_flight == 0

            await until(f"all runs around step {step} have ended", quiet)
        assert [await worker.end() for worker in stage.workers] == [0] * len(stage.workers)
        verdict = await audit(stage, chronicle, receipts, goldens)
        published = len(list((stage.store / "manifests").iterdir()))
    assert killed_at == Counter(STEPS)
    assert verdict.findings == ()
    assert published == len(plan)
    assert verdict.redelivered >= len(UNTIL_RENDERED)
    taken = ", ".join(f"{seconds:.2f}" for seconds in sorted(chronicle.recoveries))
    sys.stdout.write(f"lease {LEASE_MS / 1_000} s; seconds from SIGKILL until taken again: {taken}\n")
