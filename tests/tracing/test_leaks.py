"""Nothing that a customer wrote and no secret gets into logs, traces or metrics, whatever goes wrong; nor a secret to callers.

What a caller may see is the caller's own: the contract shows a field's value in the violations of a refused request, and a
template's message in the failure of the run, to those who may read the run. Logs, spans and metrics are the operator's.
"""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from docugen.v1 import bundle_pb2
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen.v1.bundle_run_service_pb2_grpc import BundleRunServiceStub
from docugen.v1.template_service_pb2 import ListTemplatePacksRequest
from docugen.v1.template_service_pb2_grpc import TemplateServiceStub
from docugen_core.adapters.logs import configure_logs
from docugen_core.adapters.manifest_signing import ManifestSigner
from docugen_core.domain.run import RunState
from docugen_core.rendering.task import Rendering, RenderTask
from fakes import ScriptedRenderer
from metric_scrape import get
from redis_servers import own_server
from scheduler_server import create, note, note_settings, scripted_scheduler
from service_pair import scheduler_process
from trace_receiver import trace_receiver
from worker_world import PLEX, WorkerWorld, until, worker_world

DATA = "Ottoline-Farthing-4711"
"""What the customer wrote."""
PASSWORD = "swordfish-of-redis"  # noqa: S105 - that is the point
TOKEN = "dgt_token-of-a-caller"  # noqa: S105
HEADER = "key-of-the-collector"

PANICS = """
[[templates]]
name = "panics"
title = "panics"
description = "Fails, and says what the data was."
schema = "jobs.schema.json"
sample = "jobs.sample.json"
[templates.formats]
pdf = "panics.typ"
"""


@dataclass
class Caller:
    """Calls a server, and keeps every status it was answered with."""

    channel: grpc.aio.Channel
    statuses: list[grpc.aio.AioRpcError] = field(default_factory=list)

    async def asks(self, call: Awaitable[Any]) -> Any:
        """The answer, or None for an error."""
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            self.statuses.append(error)
            return None

    def told(self) -> str:
        """Everything in every status."""
        return repr([(e.code(), e.details(), tuple(e.trailing_metadata() or ())) for e in self.statuses])


def spec(
    template: str, form: str = "txt", data: str = json.dumps({"text": DATA}), **fields: Any
) -> bundle_pb2.BundleSpec:
    document = bundle_pb2.DocumentSpec(name=f"{DATA}.{form}", format=form, template=f"jobs/{template}")
    return bundle_pb2.BundleSpec(documents=[document], data_json=data, **fields)


def add_panics(world: WorkerWorld) -> None:
    folder = world.folder / "packs" / "jobs"
    (folder / "pack.toml").write_text((folder / "pack.toml").read_text() + PANICS)
    (folder / "panics.typ").write_text(f"{PLEX}#panic(data.text)\n")


def own_data(log: str) -> list[str]:
    """Lines with what the customer wrote, but for the names of documents, which `job_step` shows at level debug."""
    lines = (json.loads(line) for line in log.splitlines() if line.startswith("{"))
    stray = [line for line in log.splitlines() if not line.startswith("{") and DATA in line]
    return stray + [str(line) for line in lines if DATA in str(line) and line["event"] != "job_step"]


@pytest.mark.slow
async def test_neither_service_shows_data_or_secrets_at_any_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "signing.pem"
    ManifestSigner.new().write(key, tmp_path / "signing.pub")
    secrets = (PASSWORD, TOKEN, HEADER, key.read_text().splitlines()[1])
    with own_server(requirepass=PASSWORD) as redis:
        url = redis.url.replace("unix://", f"unix://:{PASSWORD}@")
        async with (
            worker_world(url, "test:leaks", tmp_path, signing_key_file=str(key)) as world,
            trace_receiver() as (receiver, endpoint),
        ):
            add_panics(world)
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization={HEADER}")
            settings = replace(
                world.settings,
                grpc_address="127.0.0.1:0",
                metrics_address="127.0.0.1:0",
                worker_metrics_address="127.0.0.1:0",
                queue_backoff_ms=20,
                queue_max_attempts=2,
            )
            worker_settings = {"worker_metrics_address": "127.0.0.1:0", "queue_max_attempts": 2}
            async with (
                scheduler_process(settings, tmp_path) as scheduler,
                world.process("ada", **worker_settings) as ada,
                grpc.aio.insecure_channel(scheduler.address) as channel,
            ):
                caller, runs = Caller(channel), BundleRunServiceStub(channel)
                showing = (("authorization", f"Bearer {TOKEN}"),)
                labelled = bundle_pb2.ExecutionPolicy(labels={"team": DATA})
                ended: list[str] = []
                for template, form in (("note", "txt"), ("broken", "txt"), ("panics", "pdf")):
                    request = create(spec(template, form), execution_policy=labelled)
                    answer = await caller.asks(runs.CreateBundleRun(request, metadata=showing))
                    ended.append(answer.bundle_run.bundle_run_id)
                states = [(await world.finished(run_id)).state for run_id in ended]
                assert states == [RunState.SUCCEEDED, RunState.FAILED, RunState.FAILED]
                wrong = [
                    create(spec("note", data='{"text": "' + DATA)),
                    create(spec("note", data=json.dumps([DATA]))),
                    create(spec(DATA)),
                    create(spec("note", form=DATA)),
                    create(spec("note", locale=DATA)),
                    create(spec("note"), bundle_run_id=f"{DATA}/.."),
                    create(spec("note"), execution_policy=bundle_pb2.ExecutionPolicy(labels={DATA * 9: DATA * 99})),
                ]
                for request in wrong:
                    assert await caller.asks(runs.CreateBundleRun(request, metadata=showing)) is None
                for text in (f"labels.team = {DATA}", f'{DATA} = "{DATA}"', f'state = "{DATA}'):
                    await caller.asks(runs.ListBundleRuns(messages.ListBundleRunsRequest(filter=text)))
                await caller.asks(
                    runs.ListBundleRuns(messages.ListBundleRunsRequest(page_token=DATA), metadata=showing)
                )
                await world.submit_as(lambda job: replace(job, payload=DATA.encode()))
                await world.submit_as(lambda job: replace(job, payload_version=99), text=DATA)

                async def buried() -> bool:
                    return (await world.queue.stats()).dead_letters == 3

                await until("what cannot be rendered is in the dead letter queue", buried)
                metrics = get(scheduler.metrics_address)[2] + get(ada.metrics_address)[2]
                redis.stop()

                async def noticed() -> bool:
                    return bool(ada.lines("queue_unreachable"))

                await until("the worker noticed that Redis is away", noticed)
                assert (
                    await caller.asks(runs.CreateBundleRun(create(spec("note", data="{}")), metadata=showing)) is None
                )
                await caller.asks(TemplateServiceStub(channel).ListTemplatePacks(ListTemplatePacksRequest()))
                scheduler.process.send_signal(signal.SIGTERM)
                ada.signal(signal.SIGTERM)
                await scheduler.process.wait()
                await ada.ended()
    logs = scheduler.log.read_text() + ada.log.read_text()
    assert {"rpc_failed", "job_settled", "job_step", "queue_unreachable"} <= {
        json.loads(line)["event"] for line in logs.splitlines()
    }
    assert own_data(logs) == []
    assert receiver.spans
    assert DATA not in repr(receiver.spans) + metrics
    everywhere = logs + metrics + repr(receiver.spans) + caller.told()
    assert [secret for secret in secrets if secret in everywhere] == []
    assert {e.code() for e in caller.statuses} == {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAVAILABLE}


async def test_a_bug_shows_callers_an_id_and_the_log_where_it_was_and_nobody_what_it_said(tmp_path: Path) -> None:
    async def bug(task: RenderTask, n: int) -> Rendering:
        raise KeyError(task.data["text"])

    out = io.StringIO()
    configure_logs("debug", "json", out)
    try:
        async with scripted_scheduler(note_settings(tmp_path), ScriptedRenderer(bug)) as scheduler:
            answer = await scheduler.runs.CreateBundleRun(create(note(DATA)))
            caller = Caller(scheduler.channel)
            name = f"bundleRuns/{answer.bundle_run.bundle_run_id}"
            await caller.asks(scheduler.runs.VerifyBundleRun(messages.VerifyBundleRunRequest(name=name)))
    finally:
        configure_logs("info", "json")
    failure = answer.bundle_run.error
    assert (failure.reason, failure.message) == ("INTERNAL", "an internal error ended the run")
    assert DATA not in out.getvalue() + str(failure) + caller.told()
    (crash,) = [json.loads(line) for line in out.getvalue().splitlines() if "run_crashed" in line]
    assert "in bug" in crash["exception"]
    assert crash["exception"].endswith("KeyError")
    assert crash["run_id"] == answer.bundle_run.bundle_run_id
