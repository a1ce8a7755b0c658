"""The scheduler as a process: how it starts, what it says, how it ends, and that common tools can talk to it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from docugen.v1 import bundle_run_pb2
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen.v1.bundle_run_service_pb2_grpc import BundleRunServiceStub
from docugen_core import __version__
from grpc_reflection.v1alpha import reflection_pb2
from scheduler_server import Scheduler, create, note, note_settings, real_scheduler
from worker_world import until

SCHEDULER = [sys.executable, "-m", "docugen_scheduler"]
TOOLS = Path(sys.executable).parent

NO_REDIS = """
import sys
from importlib.abc import MetaPathFinder

class NoRedis(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("redis", "hiredis"):
            raise ImportError(f"{name} must not be imported without a queue")

sys.meta_path.insert(0, NoRedis())
from docugen_scheduler.__main__ import main
main([])
"""

GARBAGE = """
import gc
from docugen_core.adapters.service_process import started
from docugen_scheduler import app

before = len(gc.get_objects())
started("something_started")
print(before, len(gc.get_objects()))
"""


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """DOCUGEN_ settings for a process that keeps everything in `folder`."""
    ours = note_settings(folder)
    chosen = {
        "DOCUGEN_STORE_URL": ours.store_url,
        "DOCUGEN_TEMPLATE_PATH": ours.template_path,
        "DOCUGEN_GRPC_ADDRESS": "127.0.0.1:0",
        "DOCUGEN_METRICS_ADDRESS": "",
        "DOCUGEN_RENDER_PROCESSES": "1",
        "DOCUGEN_INLINE_CONCURRENCY": "1",
        "DOCUGEN_INLINE_ANSWER_MS": "120000",
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DOCUGEN_")}  # noqa: TID251 - for the child
    return inherited | chosen | settings


@dataclass
class Started:
    process: Process
    line: dict[str, object]

    @property
    def address(self) -> str:
        return str(self.line["address"])


@asynccontextmanager
async def started(env: dict[str, str], command: Sequence[str] = SCHEDULER) -> AsyncIterator[Started]:
    """A scheduler that has said that it answers; killed at the end if it has not ended."""
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    try:
        line = await process.stdout.readline()
        if not line:
            _, errors = await process.communicate()
            pytest.fail(f"the scheduler did not start: {errors.decode()}")
        yield Started(process, json.loads(line))
    finally:
        if process.returncode is None:
            process.kill()
        _, errors = await process.communicate()
        sys.stderr.write(errors.decode())  # pytest shows it when the test fails


async def refused(env: dict[str, str], *arguments: str) -> tuple[int | None, str]:
    """Exit code and standard error of a scheduler that does not start."""
    process = await asyncio.create_subprocess_exec(*SCHEDULER, *arguments, env=env, stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(60):  # one that starts after all would never end by itself
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, errors.decode()


async def tool(*command: str) -> str:
    """Standard output of a command that must succeed."""
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    output, errors = await process.communicate()
    assert process.returncode == 0, f"{command[0]}: {errors.decode()}"
    return output.decode()


async def test_what_starting_made_is_not_looked_through_for_garbage() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", GARBAGE, stdout=PIPE)
    said, looked_through = (await process.communicate())[0].splitlines()

    assert json.loads(said)["event"] == "something_started"
    before, after = map(int, looked_through.split())
    assert after < before / 100


@pytest.mark.slow
async def test_it_says_where_it_listens_and_ends_with_0_on_sigterm(tmp_path: Path) -> None:
    async with started(environment(tmp_path)) as scheduler:
        assert scheduler.line["event"] == "scheduler_started"
        assert scheduler.line["version"] == __version__
        assert scheduler.line["mode"] == "inline"
        assert scheduler.line["process_id"] == scheduler.process.pid
        async with grpc.aio.insecure_channel(scheduler.address) as channel:
            answer = await BundleRunServiceStub(channel).CreateBundleRun(create())
            assert answer.bundle_run.state == bundle_run_pb2.BundleRun.STATE_SUCCEEDED
        scheduler.process.send_signal(signal.SIGTERM)
        assert await scheduler.process.wait() == 0


@pytest.mark.slow
async def test_the_probe_follows_health(tmp_path: Path) -> None:
    probe = [sys.executable, "-m", "docugen_scheduler.probe"]
    async with started(environment(tmp_path)) as scheduler:
        for service in ("", "readiness", "liveness"):

            async def serving(service: str = service) -> bool:
                asked = await asyncio.create_subprocess_exec(*probe, scheduler.address, service, stderr=PIPE)
                await asked.communicate()
                return asked.returncode == 0  # within three seconds, which a busy machine may need for the answer

            await until(f"the probe calls {service!r} well", serving)
        unknown = await asyncio.create_subprocess_exec(*probe, scheduler.address, "nothing", stderr=PIPE)
        _, errors = await unknown.communicate()
        assert (unknown.returncode, "NOT_FOUND" in errors.decode()) == (1, True)
    gone = await asyncio.create_subprocess_exec(*probe, scheduler.address, stderr=PIPE)
    await gone.communicate()
    assert gone.returncode == 1


async def test_without_a_queue_redis_is_not_even_imported(tmp_path: Path) -> None:
    async with started(environment(tmp_path), [sys.executable, "-c", NO_REDIS]) as scheduler:
        async with grpc.aio.insecure_channel(scheduler.address) as channel:
            answer = await BundleRunServiceStub(channel).CreateBundleRun(create())
            assert answer.bundle_run.state == bundle_run_pb2.BundleRun.STATE_SUCCEEDED
        scheduler.process.send_signal(signal.SIGINT)
        assert await scheduler.process.wait() == 0


@pytest.mark.slow
async def test_a_run_survives_the_death_of_the_process_that_rendered_it(tmp_path: Path) -> None:
    env = environment(tmp_path, DOCUGEN_QUEUE_BACKOFF_MS="50")
    async with started(env) as scheduler, grpc.aio.insecure_channel(scheduler.address) as channel:
        request = create(note(documents=150), bundle_run_id="orphan", return_immediately=True)
        run = (await BundleRunServiceStub(channel).CreateBundleRun(request)).bundle_run
        assert run.state != bundle_run_pb2.BundleRun.STATE_SUCCEEDED
        scheduler.process.kill()
        await scheduler.process.wait()
    async with started(env) as scheduler, grpc.aio.insecure_channel(scheduler.address) as channel:
        waiting = BundleRunServiceStub(channel).WaitBundleRun(
            messages.WaitBundleRunRequest(name="bundleRuns/orphan"), timeout=200
        )
        run = (await waiting).bundle_run
        assert run.state == bundle_run_pb2.BundleRun.STATE_SUCCEEDED
        assert len(run.documents) == 150


async def test_wrong_settings_are_all_named_at_once_and_the_exit_code_says_configuration(tmp_path: Path) -> None:
    code, errors = await refused(environment(tmp_path, DOCUGEN_GRACE_MS="soon", DOCUGEN_GRPC_ADRESS="x"))
    assert code == 78
    assert "DOCUGEN_GRACE_MS" in errors
    assert "DOCUGEN_GRPC_ADDRESS?" in errors
    assert "Traceback" not in errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"DOCUGEN_QUEUE_ENABLED": "true", "DOCUGEN_REDIS_URL": "http://127.0.0.1"}, "DOCUGEN_REDIS_URL"),
        ({"DOCUGEN_QUEUE_ENABLED": "true", "DOCUGEN_QUEUE_NAME": "{odd}"}, "DOCUGEN_QUEUE_NAME"),
        ({"DOCUGEN_GRPC_ADDRESS": "0.0.0.0:0"}, "DOCUGEN_INSECURE=true"),
        ({"DOCUGEN_TEMPLATE_PATH": "/nowhere/at/all"}, "DOCUGEN_TEMPLATE_PATH"),
    ],
)
async def test_what_cannot_work_is_refused_at_the_start(tmp_path: Path, settings: dict[str, str], message: str) -> None:
    code, errors = await refused(environment(tmp_path, **settings))
    assert code == 78
    assert message in errors
    assert "Traceback" not in errors


@pytest.mark.slow
async def test_two_schedulers_never_share_a_store(tmp_path: Path) -> None:
    async with started(environment(tmp_path)):
        code, errors = await refused(environment(tmp_path))
    assert code == 78
    assert "ledger" in errors


@pytest.mark.slow
async def test_it_tells_its_version_and_its_usage() -> None:
    assert __version__ in await tool(*SCHEDULER, "--version")
    assert "DOCUGEN_" in await tool(*SCHEDULER, "--help")


async def test_grpcurl_lists_submits_and_reads_the_manifest(running_scheduler: Scheduler) -> None:
    grpcurl = [str(TOOLS / "grpcurl"), "-plaintext"]
    address = running_scheduler.address
    services = (await tool(*grpcurl, address, "list")).split()
    assert {"docugen.v1.BundleRunService", "docugen.v1.ArtefactService", "grpc.health.v1.Health"} <= set(services)
    described = await tool(*grpcurl, address, "describe", "docugen.v1.BundleSpec")
    assert "data_json" in described
    spec = {
        "documents": [{"name": "a.txt", "format": "txt", "template": "note/note"}],
        "data_json": '{"text": "hello"}',
    }
    request = json.dumps({"spec": spec})
    made = json.loads(await tool(*grpcurl, "-d", request, address, "docugen.v1.BundleRunService/CreateBundleRun"))
    run = made["bundle_run"]  # as in the .proto: descriptors that come by reflection name no JSON names
    assert run["state"] == "STATE_SUCCEEDED"
    by_name = json.dumps({"name": run["name"]})
    answer = json.loads(await tool(*grpcurl, "-d", by_name, address, "docugen.v1.ArtefactService/GetManifest"))
    manifest = json.loads(base64.b64decode(answer["manifest_json"]))
    assert manifest["artefacts"][0]["name"] == "a.txt"
    assert answer["sha256"] == run["manifest_digest"]


async def test_buf_curl_submits_and_reads_the_manifest(running_scheduler: Scheduler) -> None:
    buf = [str(TOOLS / "buf"), "curl", "--protocol", "grpc", "--http2-prior-knowledge"]
    base = f"http://{running_scheduler.address}"
    spec = {
        "documents": [{"name": "a.txt", "format": "txt", "template": "note/note"}],
        "data_json": '{"text": "hello"}',
    }
    request = json.dumps({"spec": spec})
    made = json.loads(await tool(*buf, "-d", request, f"{base}/docugen.v1.BundleRunService/CreateBundleRun"))
    name = made["bundleRun"]["name"]
    by_name = json.dumps({"name": name})
    answer = json.loads(await tool(*buf, "-d", by_name, f"{base}/docugen.v1.ArtefactService/GetManifest"))
    assert answer["manifest"]["specDigest"] == made["bundleRun"]["specDigest"]
    read = json.dumps({"name": f"{name}/artefacts/a.txt"})
    streamed = await tool(*buf, "-d", read, f"{base}/docugen.v1.ArtefactService/ReadArtefact")
    assert base64.b64encode(b"SPECIMEN hello\n").decode() in streamed


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_answers_in_both_versions(running_scheduler: Scheduler, version: str) -> None:
    call = running_scheduler.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="docugen.v1.QueueService"),
    ]
    answers = [answer async for answer in call(iter(asked))]
    names = [service.name for service in answers[0].list_services_response.service]
    assert {"docugen.v1.QueueService", "docugen.v1.TemplateService", "grpc.health.v1.Health"} <= set(names)
    assert answers[1].file_descriptor_response.file_descriptor_proto


async def test_reflection_can_be_switched_off(tmp_path: Path) -> None:
    async with real_scheduler(note_settings(tmp_path, reflection_enabled=False)) as scheduler:
        process = await asyncio.create_subprocess_exec(
            str(TOOLS / "grpcurl"), "-plaintext", scheduler.address, "list", stdout=PIPE, stderr=PIPE
        )
        _, errors = await process.communicate()
    assert process.returncode != 0
    assert "does not support the reflection API" in errors.decode()
