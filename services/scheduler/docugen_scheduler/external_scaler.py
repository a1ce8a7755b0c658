"""KEDA's `externalscaler.ExternalScaler`: how many workers the queue can use, told by the one who can count its jobs.

KEDA's own scaler for Redis Streams cannot: with a consumer group it sees jobs that were handed out, or a `lag` that turns nil,
and never the retries that are parked. The metric `docugen_jobs` is

    waiting + in flight + parked and due within a minute (domain.demand)

and its target, for one worker, `workerSlots` x `jobsPerSlot` of the trigger's metadata: KEDA wants as many workers as fill
their slots. A minute is what a new worker may take from the decision to its first job.

    workerSlots    slots of one worker (DOCUGEN_QUEUE_CONCURRENCY), 1 to 256; must be there
    jobsPerSlot    jobs that may queue up for a slot before another worker is worth it, 0.1 to 1000; 1 unless given

Other metadata is KEDA's own and passed over. A paused queue counts as any other: its workers stay, ready for its end.

KEDA can show a client certificate but no bearer token, so nobody is asked for one here. What a stranger could learn is a
number, and what it could cost is bounded: however many ask, Redis is looked at four times a second. While it does not answer,
neither do we (UNAVAILABLE), and KEDA leaves the workers as they are.
"""

# ruff: noqa: N802 - KEDA names the methods

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import grpc
from docugen.keda import external_scaler_pb2 as messages
from docugen.keda.external_scaler_pb2_grpc import ExternalScalerServicer
from docugen_core.adapters.lifetime import Lifetime
from docugen_core.domain.demand import Demand
from docugen_core.domain.failure import Violation
from docugen_core.errors import InvalidRequest

METRIC = "docugen_jobs"
SOON_MS = 60_000
LOOK_EVERY_S = 0.25
SLOTS_MAX = 256
JOBS_PER_SLOT_MIN, JOBS_PER_SLOT_MAX = 0.1, 1_000.0

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ExternalScaler(ExternalScalerServicer):
    """Answers for one queue. look: its demand within a time in ms (ports.QueueDesk)."""

    def __init__(self, look: Callable[[int], Awaitable[Demand]], lifetime: Lifetime) -> None:
        self._look = look
        self._lifetime = lifetime
        self._looking = asyncio.Lock()
        self._seen: tuple[float, Demand] | None = None

    async def IsActive(self, request: messages.ScaledObjectRef, context: Context) -> messages.IsActiveResponse:
        return messages.IsActiveResponse(result=(await self._demand()).jobs > 0)

    async def StreamIsActive(
        self, request: messages.ScaledObjectRef, context: Context
    ) -> AsyncIterator[messages.IsActiveResponse]:
        told: bool | None = None
        while True:
            active = (await self._demand()).jobs > 0
            if active is not told:
                yield messages.IsActiveResponse(result=active)
                told = active
            await self._lifetime.while_open(asyncio.sleep(LOOK_EVERY_S, True))

    async def GetMetricSpec(
        self, request: messages.ScaledObjectRef, context: Context
    ) -> messages.GetMetricSpecResponse:
        target = jobs_per_worker(request.scalerMetadata)
        spec = messages.MetricSpec(metricName=METRIC, targetSize=max(1, round(target)), targetSizeFloat=target)
        return messages.GetMetricSpecResponse(metricSpecs=[spec])

    async def GetMetrics(self, request: messages.GetMetricsRequest, context: Context) -> messages.GetMetricsResponse:
        if request.metricName != METRIC:
            raise InvalidRequest.from_violations(
                [Violation("metricName", "is no metric of this scaler", f"Ask for {METRIC}, as GetMetricSpec says.")]
            )
        jobs = (await self._demand()).jobs
        value = messages.MetricValue(metricName=METRIC, metricValue=jobs, metricValueFloat=jobs)
        return messages.GetMetricsResponse(metricValues=[value])

    async def _demand(self) -> Demand:
        """As it was within the last LOOK_EVERY_S; one look serves all that ask meanwhile. Raises Unavailable."""
        async with self._looking:
            now = time.monotonic()
            if self._seen is None or now - self._seen[0] >= LOOK_EVERY_S:
                self._seen = (now, await self._look(SOON_MS))
            return self._seen[1]


def jobs_per_worker(metadata: Mapping[str, str]) -> float:
    """The target of a trigger's metadata. Raises InvalidRequest naming every key that is wrong."""
    slots, per_slot = metadata.get("workerSlots", ""), metadata.get("jobsPerSlot", "1")
    problems = []
    if not (slots.isascii() and slots.isdigit() and 1 <= int(slots[:4]) <= SLOTS_MAX and len(slots) < 4):
        problems.append(
            Violation(
                "scalerMetadata.workerSlots",
                f"must be a whole number from 1 to {SLOTS_MAX}",
                "Write the workers' DOCUGEN_QUEUE_CONCURRENCY into the trigger's metadata.",
            )
        )
    if not JOBS_PER_SLOT_MIN <= (jobs := _number(per_slot)) <= JOBS_PER_SLOT_MAX:
        problems.append(
            Violation(
                "scalerMetadata.jobsPerSlot",
                f"must be a number from {JOBS_PER_SLOT_MIN:g} to {JOBS_PER_SLOT_MAX:g}",
                "Leave it out for 1.",
            )
        )
    if problems:
        raise InvalidRequest.from_violations(problems)
    return int(slots) * jobs


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
