"""A scheduler on a free port of this machine, a channel to it, and small bundles to send.

`real_scheduler` renders in its own processes, as in production. `scripted_scheduler` has everything real but the renderer, so
that a test can decide when a render ends and how.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from docugen.v1 import bundle_pb2, bundle_run_pb2, bundle_run_service_pb2
from docugen.v1.artefact_service_pb2_grpc import ArtefactServiceStub
from docugen.v1.bundle_run_service_pb2_grpc import BundleRunServiceStub
from docugen.v1.template_service_pb2_grpc import TemplateServiceStub
from docugen_core.adapters.inline_executor import InlineExecutor
from docugen_core.adapters.lifetime import Lifetime
from docugen_core.adapters.local_store import open_store
from docugen_core.adapters.sqlite_ledger import SqliteLedger
from docugen_core.adapters.system_clock import SystemClock
from docugen_core.assembly import Core, assemble_intake
from docugen_core.config import Settings
from docugen_core.domain.retry import RetryPolicy
from docugen_core.generation import BundleRenderer
from docugen_core.rendering.task import Rendering, RenderLimits, RenderTask
from docugen_scheduler.app import Served, running_server
from fakes import ScriptedRenderer, plain
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

PACK = """
schema = "docugen.pack/v1"
[pack]
name = "note"
version = "1.0.0"
description = "A line of text."
default_language = "en"
[[templates]]
name = "note"
title = "Note"
description = "A line of text."
schema = "note.schema.json"
sample = "note.sample.json"
[templates.formats]
txt = "note.txt"
"""
SCHEMA = {
    "type": "object",
    "required": ["text"],
    "additionalProperties": False,
    "properties": {"text": {"type": "string"}, "count": {"type": "integer"}},
}

if TYPE_CHECKING:  # the stubs' asynchronous faces exist for the type checker only
    from docugen.v1.artefact_service_pb2_grpc import ArtefactServiceAsyncStub
    from docugen.v1.bundle_run_service_pb2_grpc import BundleRunServiceAsyncStub
    from docugen.v1.template_service_pb2_grpc import TemplateServiceAsyncStub

M = TypeVar("M", bound=Message)


def note_settings(folder: Path, **changes: Any) -> Settings:
    """Settings of a scheduler that keeps everything in `folder` and offers the pack `note`."""
    pack = folder / "packs" / "note"
    if not pack.exists():
        (pack / "labels").mkdir(parents=True)
        (pack / "pack.toml").write_text(PACK)
        (pack / "note.txt").write_text("SPECIMEN {{ data.text }}\n")
        (pack / "note.schema.json").write_text(json.dumps(SCHEMA))
        (pack / "note.sample.json").write_text('{"text": "hello"}')
        (pack / "labels" / "en.toml").write_text('greeting = "hello"\n')
    fields: dict[str, Any] = {
        "store_url": f"file://{folder / 'store'}",
        "template_path": str(folder / "packs"),
        "grpc_address": "127.0.0.1:0",
        "metrics_address": "",
        "worker_metrics_address": "",
        "inline_concurrency": 2,
        "inline_answer_ms": 120_000,  # CreateBundleRun answers with the end, also where the first render waits for its imports
        "render_processes": 1,
        "grace_ms": 10_000,
    }
    return Settings(**(fields | changes))


def note(text: str = "hello", documents: int = 1, **fields: Any) -> bundle_pb2.BundleSpec:
    """A bundle of notes. fields: of the BundleSpec."""
    return bundle_pb2.BundleSpec(
        documents=[
            bundle_pb2.DocumentSpec(name=f"note{n}.txt", format="txt", template="note/note") for n in range(documents)
        ],
        **({"data_json": json.dumps({"text": text})} | fields),
    )


def create(spec: bundle_pb2.BundleSpec | None = None, **fields: Any) -> bundle_run_service_pb2.CreateBundleRunRequest:
    return bundle_run_service_pb2.CreateBundleRunRequest(spec=spec or note(), **fields)


@dataclass(frozen=True, slots=True)
class Scheduler:
    """A server that answers, and stubs of its services."""

    served: Served
    channel: grpc.aio.Channel
    lifetime: Lifetime

    @property
    def address(self) -> str:
        return self.served.address

    @property
    def runs(self) -> BundleRunServiceAsyncStub:
        return BundleRunServiceStub(self.channel)

    @property
    def artefacts(self) -> ArtefactServiceAsyncStub:
        return ArtefactServiceStub(self.channel)

    @property
    def templates(self) -> TemplateServiceAsyncStub:
        return TemplateServiceStub(self.channel)

    async def finished(self, run_id: str) -> bundle_run_pb2.BundleRun:
        """The run, once it is terminal."""
        request = bundle_run_service_pb2.WaitBundleRunRequest(name=f"bundleRuns/{run_id}")
        return (await self.runs.WaitBundleRun(request, timeout=120)).bundle_run


@asynccontextmanager
async def real_scheduler(settings: Settings, core: Core | None = None) -> AsyncIterator[Scheduler]:
    """core: to serve instead of the one `settings` ask for."""
    lifetime = Lifetime()
    async with running_server(settings, core=core, lifetime=lifetime) as served:
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        async with grpc.aio.insecure_channel(served.address, options=options) as channel:
            yield Scheduler(served, channel, lifetime)


@asynccontextmanager
async def scripted_scheduler(settings: Settings, renderer: ScriptedRenderer) -> AsyncIterator[Scheduler]:
    async with scripted_core(settings, renderer) as core, real_scheduler(settings, core) as scheduler:
        yield scheduler


@asynccontextmanager
async def scripted_core(settings: Settings, renderer: ScriptedRenderer) -> AsyncIterator[Core]:
    """What `assemble` makes, with `renderer` in place of the render processes."""
    intake, store, clock = assemble_intake(settings), open_store(settings.store_url), SystemClock()
    bundles = BundleRenderer(intake.catalogue, intake.generators, renderer, RenderLimits())
    async with (
        SqliteLedger(Path(settings.store_url.removeprefix("file://")) / "ledger.sqlite3") as ledger,
        InlineExecutor(
            bundles=bundles,
            store=store,
            ledger=ledger,
            clock=clock,
            policy=RetryPolicy(max_attempts=settings.queue_max_attempts),
            attempt_timeout_ms=settings.attempt_timeout_ms,
            slots=settings.inline_slots,
            waiting_max=settings.inline_waiting_max,
        ) as executor,
    ):
        yield Core(settings, intake, bundles, store, executor, clock)


class Gate:
    """A render that begins, says so, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, task: RenderTask, n: int) -> Rendering:
        self.begun.set()
        await self.open.wait()
        return await plain(task, n)


def detail(error: grpc.aio.AioRpcError, kind: type[M]) -> M | None:
    """The google.rpc detail of this type in `error`, if there is one; there is never more than one."""
    status = rpc_status.from_call(error)
    found = [packed for packed in status.details if packed.Is(kind.DESCRIPTOR)] if status else []
    assert len(found) <= 1
    if not found:
        return None
    message = kind()
    found[0].Unpack(message)
    return message


def reason(error: grpc.aio.AioRpcError) -> str:
    """The reason in the one ErrorInfo every error has."""
    info = detail(error, error_details_pb2.ErrorInfo)
    assert info is not None, f"no ErrorInfo in {error!r}"
    assert info.domain == "docugen.v1"
    return str(info.reason)


def wrong_fields(error: grpc.aio.AioRpcError) -> list[str]:
    """The paths in the error's BadRequest, in order."""
    bad_request = detail(error, error_details_pb2.BadRequest)
    return [violation.field for violation in bad_request.field_violations] if bad_request else []


def trailers(error: grpc.aio.AioRpcError) -> dict[str, str | bytes]:
    return dict(error.trailing_metadata() or ())
