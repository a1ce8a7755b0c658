"""One task waits for the next call to whatever method, but for the probes."""

from __future__ import annotations

import asyncio

from docugen.v1 import bundle_run_service_pb2 as messages
from grpc_health.v1 import health_pb2
from scheduler_server import Scheduler


async def test_probes_have_queues_of_their_own_and_all_other_methods_share_one(scheduler: Scheduler) -> None:
    await scheduler.runs.GetCapabilities(messages.GetCapabilitiesRequest())
    waiting = [task for task in asyncio.all_tasks() if "AioServer._request_" in str(task)]
    probes = health_pb2.DESCRIPTOR.services_by_name["Health"].methods
    assert len(waiting) <= len(probes) + 1, waiting
