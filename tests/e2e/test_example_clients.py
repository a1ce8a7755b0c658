"""The example clients do what their first lines say, against a scheduler that runs here.

The Node client needs `npm install --prefix examples/clients/node` once; without its modules its cases are skipped, and
say so; those of grpcurl want jq.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from certificates import Authority
from cli_process import INVOICE, ROOT
from docugen.client import DocugenClient
from docugen.client.bundle_message import bundle_message
from docugen.v1.bundle_run_service_pb2 import CreateBundleRunRequest
from docugen_core.domain.tenant import Role
from docugen_core.errors import RenderFailed
from docugen_core.rendering.task import Rendering, RenderTask
from docugen_scheduler.app import running_server
from fakes import ScriptedRenderer
from google.protobuf.json_format import MessageToJson
from scheduler_server import Gate, Scheduler, create, note, note_settings, scripted_core, scripted_scheduler
from token_holders import Tokens

CLIENTS = ROOT / "examples" / "clients"
MODULES = CLIENTS / "node" / "node_modules"
NAMES = ("python_async", "python_sync", "node", "grpcurl")
NOTE = {"documents": [{"name": "note.txt", "format": "txt", "template": "note/note"}], "data": {"text": "hello"}}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(params=NAMES)
def client(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if name == "node" and shutil.which("node") is None:
        pytest.skip("there is no Node on this machine")
    if name == "grpcurl" and shutil.which("jq") is None:
        pytest.skip("there is no jq on this machine")
    if name == "node" and not (MODULES / "@grpc" / "grpc-js").is_dir():
        pytest.skip("its modules are missing: npm install --prefix examples/clients/node")
    return name


class Started:
    """An example client as a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._complaint = ""
        self.lines: list[str] = []

    async def says(self, words: str) -> str:
        """Its next line with these words. AssertionError where it ends before."""
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).decode():
            self.lines.append(line.rstrip())
            if words in line:
                return line.rstrip()
        raise AssertionError(f"never said {words!r}: {self.lines}, {await self.complaint()}")

    async def complaint(self) -> str:
        assert self._process.stderr is not None
        self._complaint += (await self._process.stderr.read()).decode()
        return self._complaint

    async def ends(self) -> int:
        assert self._process.stdout is not None
        self.lines += (await self._process.stdout.read()).decode().splitlines()
        await self.complaint()  # to its end too: what a script has started may hold it open for longer
        return await self._process.wait()


def command(client: str, bundle: Path, folder: Path, *options: str) -> list[str]:
    """What starts the client with this bundle and folder. options: of the Python clients."""
    match client:
        case "node":
            return ["node", str(CLIENTS / "node" / "client.mjs"), str(bundle), str(folder)]
        case "grpcurl":  # it wants the request, as `docugen submit --print-request` makes it
            request = CreateBundleRunRequest(spec=bundle_message(json.loads(bundle.read_text(encoding="utf-8"))))
            file = bundle.with_suffix(".request")
            file.write_text(MessageToJson(request, preserving_proto_field_name=True), encoding="utf-8")
            return [str(CLIENTS / "grpcurl.sh"), str(file), str(folder)]
    return [sys.executable, str(CLIENTS / f"{client}.py"), *options, str(bundle), str(folder)]


async def start(words: list[str], address: str, **more: str) -> Started:
    """The program, told the address and more variables."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("DOCUGEN_")}  # noqa: TID251
    variables["PATH"] = f"{Path(sys.executable).parent}:{variables['PATH']}"
    pipe = asyncio.subprocess.PIPE
    environment = variables | {"DOCUGEN_GRPC_ADDRESS": address} | more
    return Started(await asyncio.create_subprocess_exec(*words, env=environment, stdout=pipe, stderr=pipe))


async def test_it_submits_follows_and_fetches_and_a_second_time_finds_the_same_run(
    client: str, running_scheduler: Scheduler, tmp_path: Path
) -> None:
    bundle = tmp_path / "invoice.json"
    shutil.copyfile(INVOICE, bundle)
    first = await start(command(client, bundle, tmp_path / "out"), running_scheduler.address)
    run_id = (await first.says("is new")).split()[1]
    await first.says("succeeded: 4 of 4 documents")
    assert await first.ends() == 0, await first.complaint()

    async with DocugenClient(running_scheduler.address) as caller:
        manifest = await caller.manifest(run_id)
    assert len(manifest.artefacts) == 4
    for artefact in manifest.artefacts:
        assert hashlib.sha256((tmp_path / "out" / artefact.name).read_bytes()).hexdigest() == artefact.sha256

    again = await start(command(client, bundle, tmp_path / "again"), running_scheduler.address)
    assert (await again.says("was known")).split()[1] == run_id
    assert await again.ends() == 0, await again.complaint()
    for artefact in manifest.artefacts:
        assert (tmp_path / "again" / artefact.name).read_bytes() == (tmp_path / "out" / artefact.name).read_bytes()


async def test_it_comes_back_after_the_delay_that_a_full_server_names(client: str, tmp_path: Path) -> None:
    # The typed client waits by itself while its timeout lasts. Here that ends before the delay, and long after any answer.
    delay_s, timeout = (7, "6.5") if client.startswith("python") else (2, "")
    gate = Gate()
    settings = note_settings(tmp_path, inline_concurrency=1, inline_waiting_max=delay_s)  # a second for each that waits
    async with scripted_scheduler(settings, ScriptedRenderer(gate)) as scheduler:
        for number in range(1 + delay_s):
            await scheduler.runs.CreateBundleRun(create(note(f"number {number}"), return_immediately=True), timeout=30)
        await gate.begun.wait()
        bundle = tmp_path / "note.json"
        bundle.write_text(json.dumps(NOTE), encoding="utf-8")
        started = await start(command(client, bundle, tmp_path / "out", "--timeout", timeout), scheduler.address)
        await started.says(f"again in {delay_s}")
        gate.open.set()
        await started.says("is new")
        assert await started.ends() == 0, await started.complaint()
        assert (tmp_path / "out" / "note.txt").is_file()


async def test_it_says_every_wrong_field_and_ends_with_an_error(
    client: str, running_scheduler: Scheduler, tmp_path: Path
) -> None:
    bundle = tmp_path / "wrong.json"
    documents = [{"name": "a.pdf", "format": "pfd", "template": "invoice/invoce"}]
    bundle.write_text(json.dumps({"documents": documents}), encoding="utf-8")
    started = await start(command(client, bundle, tmp_path / "out"), running_scheduler.address)
    assert await started.ends() == 1
    complaint = await started.complaint()
    assert "documents[0].format" in complaint
    assert client == "grpcurl" or "documents[0].template" in complaint
    assert not (tmp_path / "out").exists()


async def test_it_says_why_a_run_failed(client: str, tmp_path: Path) -> None:
    async with scripted_scheduler(note_settings(tmp_path), ScriptedRenderer(refused)) as scheduler:
        bundle = tmp_path / "note.json"
        bundle.write_text(json.dumps(NOTE), encoding="utf-8")
        started = await start(command(client, bundle, tmp_path / "out"), scheduler.address)
        assert await started.ends() == 1
        assert "TEMPLATE_FAILED" in await started.complaint()
        assert not (tmp_path / "out").exists()


async def test_it_speaks_tls_and_shows_its_token_and_gets_nothing_without(client: str, tmp_path: Path) -> None:
    authority, tokens = Authority(tmp_path / "ca"), Tokens.new(tmp_path / "tokens.toml")
    pair = authority.issue("server")
    token = tmp_path / "token"
    token.write_text(tokens.add("billing", Role.SUBMIT, Role.READ) + "\n", encoding="utf-8")
    bundle = tmp_path / "note.json"
    bundle.write_text(json.dumps(NOTE), encoding="utf-8")
    settings = note_settings(tmp_path, tls_cert=pair.cert, tls_key=pair.key, auth_tokens_file=str(tokens.file))
    async with scripted_core(settings, ScriptedRenderer()) as core, running_server(settings, core=core) as served:
        variables = {"DOCUGEN_CA_FILE": authority.ca, "DOCUGEN_TOKEN_FILE": str(token)}
        started = await start(command(client, bundle, tmp_path / "out"), served.address, **variables)
        assert await started.ends() == 0, await started.complaint()
        assert (tmp_path / "out" / "note.txt").is_file()

        token.write_text("no-token-of-this-server\n", encoding="utf-8")
        started = await start(command(client, bundle, tmp_path / "none"), served.address, **variables)
        assert await started.ends() == 1
        assert "token" in (await started.complaint()).lower()
        assert not (tmp_path / "none").exists()


async def refused(task: RenderTask, _: int) -> Rendering:
    raise RenderFailed(f"{task.document} cannot be rendered", document=task.document)
