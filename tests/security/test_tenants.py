"""A tenant's runs are its own: for everybody else they do not exist, with a queue and without, whatever the method."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from docugen.client import BundleRun, DocugenClient, Refused
from docugen.v1.artefact_service_pb2 import ReadArtefactRequest, SignArtefactUrlRequest
from docugen.v1.bundle_run_service_pb2 import (
    BatchCreateBundleRunsRequest,
    DeleteBundleRunRequest,
    ListBundleRunsRequest,
)
from docugen_core.adapters import queue_listing, redis_queue
from docugen_core.domain.tenant import Role
from docugen_core.errors import RenderFailed
from docugen_core.rendering.task import Rendering, RenderTask
from fakes import ScriptedRenderer, plain
from queue_scheduler import queue_scheduler
from redis_servers import queue_name
from scheduler_server import Scheduler, create, note, note_settings, real_scheduler, reason, scripted_core
from token_holders import Callers, Tokens, callers


def bundle(text: str = "hello") -> dict[str, Any]:
    return {"documents": [{"name": "note.txt", "format": "txt", "template": "note/note"}], "data": {"text": text}}


@dataclass(frozen=True, slots=True)
class House:
    """A scheduler and its callers."""

    scheduler: Scheduler
    callers: Callers
    tokens: dict[str, str]
    root: Path

    def metadata(self, tenant: str) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.tokens[tenant]}"),)


@asynccontextmanager
async def tenant_house(mode: str, root: Path, renderer: ScriptedRenderer, url: str, queue: str) -> AsyncIterator[House]:
    """mode: inline or queue. Houses with one root share its store."""
    file = Tokens.new(root / f"tokens-{queue.rpartition(':')[2]}.toml")
    tokens = {tenant: file.add(tenant, Role.SUBMIT, Role.READ) for tenant in ("acme", "birch")}
    tokens["ops"] = file.add("ops", *Role)
    async with AsyncExitStack() as stack:
        scheduler: Scheduler
        if mode == "inline":
            settings = note_settings(root, auth_tokens_file=str(file.file))
            core = await stack.enter_async_context(scripted_core(settings, renderer))
            scheduler = await stack.enter_async_context(real_scheduler(settings, core))
        else:
            queued = queue_scheduler(root, url, queue, auth_tokens_file=str(file.file))
            scheduler = queue_side = await stack.enter_async_context(queued)
            await stack.enter_async_context(queue_side.worker(renderer))
        three = await stack.enter_async_context(callers(scheduler.address, tokens))
        yield House(scheduler, three, tokens, root)


@pytest.fixture(params=["inline", "queue"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def house(
    mode: str, tmp_path: Path, renderer: ScriptedRenderer, queue_url: str, request: pytest.FixtureRequest
) -> AsyncIterator[House]:
    async with tenant_house(mode, tmp_path, renderer, queue_url, queue_name(request.node.nodeid)) as opened:
        yield opened


async def drained(client: DocugenClient, filter: str = "", page_size: int = 100) -> list[str]:
    return [run.id async for run in client.list(filter, page_size=page_size)]


async def watched(client: DocugenClient, run: str) -> list[BundleRun]:
    return [snapshot async for snapshot in client.watch(run)]


async def refusal(call: Awaitable[object]) -> Refused:
    with pytest.raises(Refused) as refused:
        await call
    return refused.value


# --- ids ----------------------------------------------------------------------------------------------------------------


async def test_two_tenants_may_choose_the_same_id_and_never_notice(house: House) -> None:
    acme, birch = house.callers.acme, house.callers.birch
    one = await acme.submit(bundle("of acme"), "march", wait=True)
    two = await birch.submit(bundle("of birch"), "march", wait=True)
    assert (one.id, two.id, two.deduplicated) == ("march", "march", False)
    assert one.spec_digest != two.spec_digest
    assert "of acme" in str(await acme.bundle("march"))
    assert "of birch" in str(await birch.bundle("march"))
    assert (await acme.submit(bundle("of acme"), "march")).deduplicated
    await acme.download("march", house.root / "a")
    await birch.download("march", house.root / "b")
    assert "of acme" in (house.root / "a" / "note.txt").read_text()
    assert "of birch" in (house.root / "b" / "note.txt").read_text()
    clash = await refusal(acme.submit(bundle("another"), "march"))
    assert clash.reason == "BUNDLE_RUN_EXISTS"
    assert (clash.details["bundle_run_id"], "~" in f"{clash}{clash.hint}{clash.details}") == ("march", False)


async def test_the_same_bundle_is_one_run_for_each_tenant_with_the_same_bytes(house: House) -> None:
    one = await house.callers.acme.submit(bundle(), wait=True)
    two = await house.callers.birch.submit(bundle(), wait=True)
    assert one.id != two.id
    assert (one.spec_digest, one.manifest_digest) == (two.spec_digest, two.manifest_digest)
    assert (await refusal(house.callers.birch.get(one.id))).reason == "BUNDLE_RUN_NOT_FOUND"


async def test_a_tenant_cannot_write_another_ones_id(house: House) -> None:
    await house.callers.acme.submit(bundle(), "march", wait=True)
    assert (await refusal(house.callers.birch.get("acme~march"))).reason == "BUNDLE_RUN_NOT_FOUND"
    assert (await refusal(house.callers.birch.submit(bundle(), "acme~april"))).reason == "INVALID_SPEC"
    assert (await refusal(house.callers.ops.submit(bundle(), "acme~april"))).reason == "INVALID_SPEC"
    assert (await house.callers.acme.get("acme~march")).id == "march"


async def test_a_batch_is_its_callers(house: House) -> None:
    for tenant in ("acme", "birch"):
        batch = BatchCreateBundleRunsRequest(
            requests=[create(note(tenant), bundle_run_id=f"run-{n}") for n in range(5)]
        )
        stub = house.scheduler.runs
        results = (await stub.BatchCreateBundleRuns(batch, metadata=house.metadata(tenant))).results
        assert [r.response.bundle_run.bundle_run_id for r in results] == [f"run-{n}" for n in range(5)]
        assert not any(r.response.deduplicated for r in results)
    assert sorted(await drained(house.callers.birch)) == [f"run-{n}" for n in range(5)]


# --- what does not exist ------------------------------------------------------------------------------------------------

METHODS: dict[str, Callable[[DocugenClient, str], Awaitable[object]]] = {
    "get": lambda client, run: client.get(run),
    "bundle": lambda client, run: client.bundle(run),
    "wait": lambda client, run: client.wait(run, 60),
    "watch": watched,
    "cancel": lambda client, run: client.cancel(run),
    "retry": lambda client, run: client.retry(run),
    "verify": lambda client, run: client.verify(run),
    "manifest": lambda client, run: client.manifest(run),
    "artefacts": lambda client, run: client.artefacts(run),
    "download": lambda client, run: client.download(run, "nowhere"),
}


@pytest.mark.parametrize("method", METHODS)
async def test_another_tenants_run_is_answered_as_one_that_does_not_exist(house: House, method: str) -> None:
    run = await house.callers.acme.submit(bundle(), "march", wait=True)
    there = await refusal(METHODS[method](house.callers.birch, "march"))
    nowhere = await refusal(METHODS[method](house.callers.birch, "never"))
    assert (there.reason, there.status) == ("BUNDLE_RUN_NOT_FOUND", "NOT_FOUND")
    assert there.message.replace("march", "never") == nowhere.message
    assert {k: v.replace("march", "never") for k, v in there.details.items()} == nowhere.details
    after = await house.callers.acme.get("march")
    assert (after.state, after.revision) == (run.state, run.revision), "nothing happened to it"


async def test_the_rest_of_the_contract_keeps_to_it_too(house: House) -> None:
    await house.callers.acme.submit(bundle(), "march", wait=True)
    name = "bundleRuns/march/artefacts/note.txt"
    artefacts, metadata = house.scheduler.artefacts, house.metadata("birch")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await artefacts.SignArtefactUrl(SignArtefactUrlRequest(name=name), metadata=metadata)
    assert reason(refused.value) == "BUNDLE_RUN_NOT_FOUND"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        [_ async for _ in artefacts.ReadArtefact(ReadArtefactRequest(name=name), metadata=metadata)]
    assert reason(refused.value) == "BUNDLE_RUN_NOT_FOUND"


async def test_deleting_another_tenants_run_deletes_nothing(house: House) -> None:
    await house.callers.acme.submit(bundle(), "march", wait=True)
    deletion = DeleteBundleRunRequest(name="bundleRuns/march")
    await house.scheduler.runs.DeleteBundleRun(deletion, metadata=house.metadata("birch"))
    assert (await house.callers.acme.get("march")).succeeded
    assert await house.callers.acme.artefacts("march")


async def test_checking_an_id_does_not_tell_whether_another_tenant_has_it(house: House) -> None:
    await house.callers.acme.submit(bundle(), "march", wait=True)
    checked = await house.callers.birch.validate(bundle("another"), "march")
    assert (checked.id, checked.create_time) == ("march", None)


async def test_bytes_are_read_by_digest_by_operators_alone(house: House) -> None:
    run = await house.callers.acme.submit(bundle(), wait=True)
    digest = (await house.callers.acme.artefacts(run))[0].sha256
    for tenant, sha256 in (("birch", digest), ("birch", "0" * 64), ("acme", digest)):
        reading = house.scheduler.artefacts.ReadArtefact(
            ReadArtefactRequest(sha256=sha256), metadata=house.metadata(tenant)
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            [_ async for _ in reading]
        assert (refused.value.code(), reason(refused.value)) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_MISSING")
    reading = house.scheduler.artefacts.ReadArtefact(ReadArtefactRequest(sha256=digest), metadata=house.metadata("ops"))
    assert len([_ async for _ in reading]) == 2


# --- lists --------------------------------------------------------------------------------------------------------------


async def test_a_list_holds_ones_own_runs_whatever_the_filter_says(house: House) -> None:
    for n in range(5):
        await house.callers.acme.submit(bundle(f"a{n}"), f"a{n}")
        await house.callers.birch.submit(bundle(f"b{n}"), f"b{n}")
    assert sorted(await drained(house.callers.acme, page_size=2)) == [f"a{n}" for n in range(5)]
    assert await drained(house.callers.acme, 'tenant = "birch"') == []
    assert sorted(await drained(house.callers.acme, 'tenant != "birch"')) == [f"a{n}" for n in range(5)]
    assert len(await drained(house.callers.ops)) == 10
    assert sorted(await drained(house.callers.ops, 'tenant = "birch"')) == [f"birch~b{n}" for n in range(5)]


@pytest.mark.parametrize("mode", ["queue"], indirect=True)
async def test_a_page_token_never_names_another_tenants_run(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_listing, "PAGE_ITEMS", 4)
    monkeypatch.setattr(queue_listing, "SCAN_MAX", 4)
    monkeypatch.setattr(redis_queue, "TENANT_SCAN_ITEMS", 4)
    await house.callers.birch.submit(bundle("first"), "mine")
    for n in range(20):
        await house.callers.acme.submit(bundle(f"{n}"), f"secret-{n}")
    tokens, token, found = [], "", []
    while True:
        request = ListBundleRunsRequest(page_token=token)
        page = await house.scheduler.runs.ListBundleRuns(request, metadata=house.metadata("birch"))
        found += [run.bundle_run_id for run in page.bundle_runs]
        token = page.next_page_token
        if not token:
            break
        tokens.append(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
    assert found == ["mine"]
    assert tokens
    assert not any("secret" in text or "acme" in text for text in tokens)


@pytest.mark.parametrize("mode", ["queue"], indirect=True)
async def test_a_filter_that_names_another_tenant_learns_nothing_of_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_listing, "PAGE_ITEMS", 2)
    monkeypatch.setattr(queue_listing, "SCAN_MAX", 2)
    monkeypatch.setattr(redis_queue, "TENANT_SCAN_ITEMS", 2)
    for n in range(6):
        await house.callers.acme.submit(bundle(f"{n}"), f"{n}")
    request = ListBundleRunsRequest(filter='tenant = "acme"')
    page = await house.scheduler.runs.ListBundleRuns(request, metadata=house.metadata("birch"))
    assert (list(page.bundle_runs), page.next_page_token) == ([], "")


# --- operators ----------------------------------------------------------------------------------------------------------


async def test_an_operator_reaches_every_tenants_runs_by_names_that_say_whose_they_are(house: House) -> None:
    ops = house.callers.ops
    await house.callers.acme.submit(bundle("of acme"), "march", wait=True)
    own = await ops.submit(bundle("of ops"), "march", wait=True)
    assert own.id == "march"
    found = await ops.get("acme~march")
    assert (found.id, found.state) == ("acme~march", own.state)
    assert "of acme" in str(await ops.bundle(found))
    assert (await ops.verify(found)).comparisons
    await ops.download(found, house.root / "o")
    assert "of acme" in (house.root / "o" / "note.txt").read_text()
    assert [run.id for run in await watched(ops, "acme~march")] == ["acme~march"]
    assert (await refusal(ops.get("birch~march"))).message.count("birch~march") == 1
    assert (await refusal(ops.get("default~march"))).reason == "BUNDLE_RUN_NOT_FOUND"


async def test_a_failed_run_names_itself_as_its_caller_does(house: House, renderer: ScriptedRenderer) -> None:
    async def fail(task: RenderTask, n: int) -> Rendering:
        raise RenderFailed("unknown variable", document=task.document, details={"bundle_run_id": "acme~march"})

    renderer.script = fail
    run = await house.callers.acme.submit(bundle(), "march", wait=True)
    assert run.error is not None
    assert "~" not in str(run.error)
    assert (await refusal(house.callers.acme.cancel("march"))).details["bundle_run_id"] == "march"


@pytest.mark.parametrize("mode", ["queue"], indirect=True)
async def test_dead_letters_are_for_operators_who_see_whose_they_are(house: House, renderer: ScriptedRenderer) -> None:
    async def fail(task: RenderTask, n: int) -> Rendering:
        raise RenderFailed("unknown variable", document=task.document)

    renderer.script = fail
    for tenant, client in (("acme", house.callers.acme), ("birch", house.callers.birch)):
        await client.submit(bundle(tenant), "march", wait=True)
    assert (await refusal(house.callers.acme.queue.stats())).reason == "ROLE_MISSING"
    queue = house.callers.ops.queue
    assert sorted([letter.bundle_run async for letter in queue.dead_letters()]) == ["acme~march", "birch~march"]
    assert [letter.bundle_run async for letter in queue.dead_letters('tenant = "birch"')] == ["birch~march"]
    renderer.script = plain
    redriven = await queue.redrive('tenant = "birch"')
    assert redriven.bundle_runs == ("birch~march",)
    assert (await house.callers.birch.wait("march", 60)).succeeded
    assert not (await house.callers.acme.get("march")).succeeded


# --- when only the manifest is left -------------------------------------------------------------------------------------


async def test_whose_a_run_is_outlives_its_record(
    mode: str, tmp_path: Path, renderer: ScriptedRenderer, queue_url: str, request: pytest.FixtureRequest
) -> None:
    """The record expires or is lost; the manifest, which names no tenant, is all that is left."""
    queues = [queue_name(f"{request.node.nodeid} {n}") for n in range(2)]
    async with tenant_house(mode, tmp_path, renderer, queue_url, queues[0]) as house:
        await house.callers.acme.submit(bundle(), "march", wait=True)
    for file in (tmp_path / "store").glob("ledger*"):
        file.unlink()
    async with tenant_house(mode, tmp_path, renderer, queue_url, queues[1]) as house:
        assert (await house.callers.acme.get("march")).succeeded
        assert await house.callers.acme.artefacts("march")
        for call in (house.callers.birch.get, house.callers.birch.manifest, house.callers.birch.verify):
            assert (await refusal(call("march"))).reason == "BUNDLE_RUN_NOT_FOUND"
        assert (await house.callers.ops.get("acme~march")).succeeded
