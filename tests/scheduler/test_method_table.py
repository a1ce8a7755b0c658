"""One task waits for the next call to whatever method, and not one for each method."""

from __future__ import annotations

import asyncio

from docugen.v1 import bundle_run_service_pb2 as messages
from scheduler_server import Scheduler


async def test_a_server_waits_for_its_next_call_with_one_task(scheduler: Scheduler) -> None:
    await scheduler.runs.GetCapabilities(messages.GetCapabilitiesRequest())
    waiting = [task for task in asyncio.all_tasks() if "AioServer._request_" in str(task)]
    assert len(waiting) == 1, waiting
