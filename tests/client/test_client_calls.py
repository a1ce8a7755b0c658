"""The client against a real scheduler: what each call gives back, and how a refusal reads."""

from __future__ import annotations

import datetime as dt
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from docugen.client import DocugenClient, DocumentState, Refused, RunState, TryAgain, Verdict, to_json
from s3_server import prefix_of
from scheduler_server import Scheduler, note_settings, real_scheduler


@pytest.fixture
async def client(running_scheduler: Scheduler) -> AsyncIterator[DocugenClient]:
    async with DocugenClient(running_scheduler.address, patience=10) as client:
        yield client


def bundle(text: str = "hello", **fields: Any) -> dict[str, Any]:
    return {
        "documents": [{"name": "note.txt", "format": "txt", "template": "note/note"}],
        "data": {"text": text},
    } | fields


async def test_a_waited_for_run_has_succeeded_and_names_its_documents(client: DocugenClient) -> None:
    run = await client.submit(bundle(), labels={"team": "x"}, wait=True, timeout=60)
    assert run.state is RunState.SUCCEEDED
    assert [(d.name, d.state) for d in run.documents] == [("note.txt", DocumentState.RENDERED)]
    assert run.documents[0].size > 0
    assert run.labels == {"team": "x"}
    assert run.create_time is not None
    assert run.finish_time is not None
    assert run.create_time <= run.finish_time
    assert run.create_time.utcoffset() is not None
    assert not run.deduplicated


async def test_submitting_again_is_the_same_run(client: DocugenClient) -> None:
    first = await client.submit(bundle(), wait=True)
    second = await client.submit(bundle())
    assert second.deduplicated
    assert (second.id, second.state) == (first.id, RunState.SUCCEEDED)


async def test_validating_names_the_run_and_stores_nothing(client: DocugenClient) -> None:
    named = await client.validate(bundle())
    with pytest.raises(Refused) as missing:
        await client.get(named)
    assert missing.value.reason == "BUNDLE_RUN_NOT_FOUND"
    assert missing.value.status == "NOT_FOUND"
    assert (await client.submit(bundle())).id == named.id


async def test_a_refusal_lists_every_wrong_field_with_its_remedy(client: DocugenClient) -> None:
    wrong = bundle(locale="nowhere", documents=[{"name": "note.txt", "format": "txt", "template": "note/nope"}])
    with pytest.raises(Refused) as refused:
        await client.submit(wrong)
    assert refused.value.reason == "INVALID_SPEC"
    assert {v.path for v in refused.value.violations} >= {"locale", "documents[0].template"}
    assert any("note" in v.hint for v in refused.value.violations)


async def test_an_id_with_another_bundle_is_refused_with_both_digests(client: DocugenClient) -> None:
    await client.submit(bundle("one"), "mine")
    with pytest.raises(Refused) as refused:
        await client.submit(bundle("two"), "mine")
    assert refused.value.reason == "BUNDLE_RUN_EXISTS"
    assert refused.value.details["submitted_spec_digest"] != refused.value.details["existing_spec_digest"]
    assert refused.value.hint


async def test_listing_walks_through_all_pages_newest_first(client: DocugenClient) -> None:
    ids = [(await client.submit(bundle(str(n)), f"run-{n}", labels={"n": str(n)}, wait=True)).id for n in range(5)]
    assert [run.id async for run in client.list(page_size=2)] == ids[::-1]
    assert [run.id async for run in client.list('labels.n = "3"')] == ["run-3"]


async def test_a_filter_that_is_none_is_refused(client: DocugenClient) -> None:
    with pytest.raises(Refused, match="filter"):
        [run async for run in client.list("colour = blue")]


async def test_a_finished_run_verifies_as_identical(client: DocugenClient) -> None:
    run = await client.submit(bundle(), wait=True)
    verification = await client.verify(run)
    assert verification.verdict is Verdict.IDENTICAL
    assert [c.artefact for c in verification.comparisons] == ["note.txt"]


async def test_a_run_waits_for_its_time_and_can_be_cancelled_before_it(client: DocugenClient) -> None:
    run = await client.submit(bundle(), not_before=dt.datetime(2099, 1, 31, tzinfo=dt.UTC))
    with pytest.raises(TryAgain):
        await client.wait(run, timeout=0.2)
    assert (await client.get(run)).state is RunState.QUEUED
    assert (await client.cancel(run)).state is RunState.CANCELLED


async def test_a_deleted_run_is_gone_and_deleting_it_again_is_no_error(client: DocugenClient) -> None:
    run = await client.submit(bundle(), wait=True)
    for _ in range(2):
        await client.delete(run)
    with pytest.raises(Refused) as missing:
        await client.get(run)
    assert missing.value.reason == "BUNDLE_RUN_NOT_FOUND"


async def test_a_run_that_has_not_ended_is_not_deleted(client: DocugenClient) -> None:
    run = await client.submit(bundle(), not_before=dt.datetime(2099, 1, 31, tzinfo=dt.UTC))
    with pytest.raises(Refused) as refused:
        await client.delete(run)
    assert refused.value.reason == "NOT_DELETABLE"


async def test_a_url_leads_to_an_artefact_until_its_time(s3: str, tmp_path: Path) -> None:
    settings = note_settings(tmp_path, store_url=prefix_of(tmp_path), store_allow_http=True, state_dir=f"{tmp_path}/s")
    async with real_scheduler(settings) as scheduler, DocugenClient(scheduler.address) as client:
        run = await client.submit(bundle("Ada Example"), wait=True)
        signed = await client.artefact_url(run, "note.txt", dt.timedelta(hours=1))
        assert signed.url.startswith(s3)
        assert signed.expire_time.utcoffset() == dt.timedelta(0)
        assert (await client.download(run, tmp_path / "out")).written == ("note.txt",)


async def test_a_finished_run_cannot_be_cancelled(client: DocugenClient) -> None:
    run = await client.submit(bundle(), wait=True)
    with pytest.raises(Refused) as refused:
        await client.cancel(run)
    assert refused.value.reason == "NOT_CANCELLABLE"


async def test_capabilities_and_templates_describe_the_server(client: DocugenClient) -> None:
    capabilities = await client.capabilities()
    assert capabilities.mode == "inline"
    assert "pdf" in capabilities.formats
    assert capabilities.limits["max_documents"] == 200
    assert capabilities.limits["render_timeout"] == 60.0
    packs = {pack.name: pack for pack in await client.templates()}
    assert [t.name for t in packs["note"].templates] == ["note"]
    assert packs["note"].templates[0].sample is None
    assert (await client.template_pack("note")).templates[0].sample == {"text": "hello"}


async def test_results_are_plain_json_on_request(client: DocugenClient) -> None:
    run = await client.submit(bundle(), wait=True)
    document = json.loads(json.dumps(to_json(run)))
    assert document["state"] == "succeeded"
    assert document["create_time"].endswith("Z")
    assert document["documents"][0]["state"] == "rendered"
    manifest = await client.manifest(run)
    assert to_json(manifest) == json.loads(manifest.json_bytes)


async def test_a_server_that_is_not_there_is_named_with_the_remedy() -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers, and nobody else can take the port
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with DocugenClient(address, timeout=10) as client:
            with pytest.raises(TryAgain, match=address) as unanswered:
                await client.capabilities()
    assert unanswered.value.reason == "UNAVAILABLE"
    assert "docugen serve" in unanswered.value.hint
