"""A storm: callers submit, workers render, and everything around them breaks, by a seed. Afterwards nothing may be missing.

    goldens rendered inline -> services up -> orders and faults together -> all healed -> quiet -> audit -> verdict

The seed decides which bundles, which faults and when; the machine decides the rest, so a storm is repeated by its seed only
nearly. What a verdict needs to be understood, a run's timeline, is printed with it.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from chaos import orders
from chaos.audit import Finding, Verdict, audit
from chaos.callers import Callers, Receipt
from chaos.chronicle import Chronicle
from chaos.faults import Faults
from chaos.processes import adopt_orphans, descendants
from chaos.stage import LEASE_MS, Stage, staged, storm_settings
from docugen_core.domain.seed import SeedStream
from docugen_core.errors import Unavailable
from redis_servers import binaries

QUIET_S = 180.0
LEFT_S = 60.0
SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Forecast:
    """seed: any text. jobs: runs to submit, over `seconds`. server: a name of redis_servers.binaries()."""

    seed: str
    jobs: int
    seconds: float
    server: str


async def storm(forecast: Forecast) -> bool:
    """Whether every promise was kept. Prints one line an event, then a table, then what went wrong."""
    adopt_orphans()
    chronicle = Chronicle()
    chronicle.say(f"storm on {forecast.server}: seed {forecast.seed}, {forecast.jobs} jobs over {forecast.seconds:g} s")
    with TemporaryDirectory(prefix="storm-") as name:
        folder = Path(name)
        plan = orders.drawn(forecast.seed, forecast.jobs)
        goldens = await orders.goldens(storm_settings(folder), plan)
        chronicle.say(f"{len(goldens)} golden manifests rendered inline")
        async with staged(folder, binaries()[forecast.server], chronicle) as stage:
            callers = Callers(stage.address, chronicle)
            faults = Faults(stage, chronicle, SeedStream.of(forecast.seed, "faults"))
            async with _listening(stage, chronicle):
                until_s = asyncio.get_running_loop().time() + forecast.seconds
                async with asyncio.TaskGroup() as group:
                    group.create_task(callers.send(plan, forecast.seconds * 0.9))
                    group.create_task(faults.blow(until_s))
                chronicle.say("all healed; waiting until it is quiet")
                await _quiet(stage)
                await asyncio.sleep(1)  # the last events are on their way
            findings = await _ended(stage, chronicle)
            verdict = await audit(stage, chronicle, callers.receipts, goldens)
            verdict = Verdict((*verdict.findings, *findings), verdict.states, verdict.redelivered)
            left = await _left_behind(stage)
            if left:
                verdict = Verdict(
                    (*verdict.findings, Finding("wrong", f"processes left behind: {left}")),
                    verdict.states,
                    verdict.redelivered,
                )
    _report(forecast, chronicle, callers.receipts, faults, verdict)
    return not verdict.findings


@asynccontextmanager
async def _listening(stage: Stage, chronicle: Chronicle) -> AsyncIterator[None]:
    """Every change of a run goes to the chronicle meanwhile."""

    async def listen() -> None:
        cursor = "0-0"
        while True:
            try:
                page = await stage.queue.changes(after=cursor, wait_ms=500)
            except Unavailable:
                await asyncio.sleep(0.1)
                continue
            cursor = page.cursor
            for change in page.changes:
                chronicle.changed(change)
            if page.gap:
                chronicle.alarms.append("events were trimmed before they were read")

    task = asyncio.create_task(listen())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _quiet(stage: Stage) -> None:
    """Return when nothing is waiting or in hand, or after QUIET_S: the audit then says what is stuck."""
    until_s = asyncio.get_running_loop().time() + QUIET_S
    while asyncio.get_running_loop().time() < until_s:
        stats = await stage.queue.stats()
        if not stats.depth and not stats.in_flight:
            return
        await asyncio.sleep(0.2)


async def _ended(stage: Stage, chronicle: Chronicle) -> list[Finding]:
    """End every service as an operator would; what was odd about them meanwhile."""
    services = (stage.scheduler, *stage.workers)
    codes = await asyncio.gather(*(service.end() for service in services))
    found = [
        Finding("wrong", f"{s.name} ended with {code} after SIGTERM")
        for s, code in zip(services, codes, strict=True)
        if code
    ]
    found += [Finding("wrong", service.stray) for service in services if service.stray]
    return found + [Finding("wrong", alarm) for alarm in chronicle.alarms]


async def _left_behind(stage: Stage) -> dict[int, str]:
    """Processes of services that have ended. What such a service forked ends by the kernel, a moment after it."""
    until_s = asyncio.get_running_loop().time() + LEFT_S
    while True:
        left = {pid: name for pid, name in descendants().items() if pid != stage.server.process_id}
        if not left or asyncio.get_running_loop().time() > until_s:
            return left
        await asyncio.sleep(0.1)


def _report(
    forecast: Forecast, chronicle: Chronicle, receipts: dict[str, Receipt], faults: Faults, verdict: Verdict
) -> None:
    told = receipts.values()
    table = {
        "submitted": len(receipts),
        "acknowledged": sum(r.accepted for r in told),
        "unsure, then repeated": sum(r.unsure for r in told),
        "succeeded": verdict.states["succeeded"],
        "dead": verdict.states["failed"],
        "cancelled": verdict.states["cancelled"],
        "redelivered": verdict.redelivered,
        "lost": verdict.count("lost"),
        "stuck": verdict.count("stuck"),
        "twice": verdict.count("twice"),
        "other findings": verdict.count("wrong"),
    }
    chronicle.say(f"faults: {', '.join(f'{n} {name}' for name, n in sorted(faults.counts.items()))}")
    chronicle.say(f"ends told by workers: {', '.join(f'{n} {name}' for name, n in sorted(chronicle.outcomes.items()))}")
    if chronicle.recoveries:
        chronicle.say(
            f"taken again after a SIGKILL, nothing else broken: {len(chronicle.recoveries)} runs, lease {LEASE_MS / 1000:g} s,"
            f" median {statistics.median(chronicle.recoveries):.2f} s, longest {max(chronicle.recoveries):.2f} s"
        )
    for name, count in table.items():
        chronicle.say(f"  {name:<24}{count:>7}")
    shown = set[str]()
    for finding in verdict.findings[:50]:
        chronicle.say(f"{finding.kind.upper()} {finding.run_id} {finding.what}")
        if finding.run_id and finding.run_id not in shown and len(shown) < SHOWN_MAX:
            shown.add(finding.run_id)
            chronicle.say(f"timeline of {finding.run_id}:\n{chronicle.timeline(finding.run_id)}")
    chronicle.say(f"{'PASSED' if not verdict.findings else 'FAILED'}: seed {forecast.seed} on {forecast.server}")
