"""One queue of calls for all methods, but for the probes, which nothing may hold up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from docugen.v1 import bundle_run_service_pb2 as messages
from fakes import ScriptedRenderer
from grpc_health.v1 import health_pb2
from queue_scheduler import queue_scheduler
from scheduler_server import Scheduler, note_settings, scripted_scheduler

HEALTH, SCALER = "grpc.health.v1.Health", "externalscaler.ExternalScaler"


@pytest.fixture
async def registered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The services whose methods have queues of their own, as gRPC is told."""
    found: list[str] = []
    server: Any = type(grpc.aio.server())
    add = server.add_registered_method_handlers

    def noted(self: object, service: str, handlers: Mapping[str, object]) -> None:
        found.append(service)
        add(self, service, handlers)

    monkeypatch.setattr(server, "add_registered_method_handlers", noted)
    return found


async def test_health_has_a_queue_of_its_own(tmp_path: Path, renderer: ScriptedRenderer, registered: list[str]) -> None:
    async with scripted_scheduler(note_settings(tmp_path), renderer):
        assert registered == [HEALTH]


async def test_the_scaler_has_a_queue_of_its_own_where_there_is_one_to_scale_by(
    tmp_path: Path, queue_url: str, registered: list[str]
) -> None:
    async with queue_scheduler(tmp_path, queue_url, "probes"):
        assert sorted(registered) == [SCALER, HEALTH]


async def test_all_other_methods_share_one(scheduler: Scheduler) -> None:
    await scheduler.runs.GetCapabilities(messages.GetCapabilitiesRequest())
    waiting = [task for task in asyncio.all_tasks() if "AioServer._request_" in str(task)]
    probes = health_pb2.DESCRIPTOR.services_by_name["Health"].methods
    assert len(waiting) <= len(probes) + 1, waiting
