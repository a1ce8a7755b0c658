"""More calls at once than a scheduler can begin: each is answered, or refused with a reason and a delay."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen.v1.bundle_run_service_pb2_grpc import BundleRunServiceStub
from google.rpc import error_details_pb2
from scheduler_server import detail, note_settings, reason
from service_pair import scheduler_process

CALLS, CONNECTIONS = 3_000, 4
"""Three times what gRPC lets wait by default, on fewer calls a connection than DOCUGEN_GRPC_STREAMS_MAX."""


async def test_calls_that_all_come_before_the_first_is_begun_are_answered_or_told_when_to_come_back(
    tmp_path: Path,
) -> None:
    async with scheduler_process(note_settings(tmp_path), tmp_path) as scheduler, AsyncExitStack() as stack:
        own = (("grpc.use_local_subchannel_pool", 1),)
        channels = [grpc.aio.insecure_channel(scheduler.address, options=own) for _ in range(CONNECTIONS)]
        stubs = [BundleRunServiceStub(await stack.enter_async_context(channel)) for channel in channels]

        async def answer(number: int) -> tuple[str, bool]:
            """Why it was refused, and whether with a delay after which to come back."""
            try:
                await stubs[number % CONNECTIONS].GetCapabilities(messages.GetCapabilitiesRequest(), timeout=120)
            except grpc.aio.AioRpcError as error:
                return reason(error) or error.code().name, detail(error, error_details_pb2.RetryInfo) is not None
            return "answered", False

        assert [await answer(number) for number in range(CONNECTIONS)] == [("answered", False)] * CONNECTIONS
        scheduler.process.send_signal(signal.SIGSTOP)
        calls = [asyncio.create_task(answer(number)) for number in range(CALLS)]
        await asyncio.sleep(1)  # they lie in its sockets now, all of them or most
        scheduler.process.send_signal(signal.SIGCONT)
        counted = Counter(await asyncio.gather(*calls))
        assert counted["answered", False] > 0
        assert set(counted) <= {("answered", False), ("TOO_MANY_CALLS", True)}
