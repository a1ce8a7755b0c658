"""What is known of runs, over the wire: read, listed, deleted, verified; and what this scheduler can do at all."""

from __future__ import annotations

import json
from collections.abc import Awaitable

import grpc
import pytest
from docugen.v1 import bundle_pb2, bundle_run_pb2
from docugen.v1 import bundle_run_service_pb2 as messages
from fakes import ScriptedRenderer
from google.rpc import error_details_pb2
from scheduler_server import Gate, Scheduler, create, detail, note, reason, wrong_fields

Run = bundle_run_pb2.BundleRun


# --- one run, and none ----------------------------------------------------------------------------------------------------


async def test_the_full_view_has_the_spec_with_pinned_templates_and_submitting_it_is_the_same_run(
    scheduler: Scheduler, renderer: ScriptedRenderer
) -> None:
    gate = renderer.script = Gate()
    run = (await scheduler.runs.CreateBundleRun(create(return_immediately=True))).bundle_run
    assert not run.HasField("spec")
    full = messages.GetBundleRunRequest(name=run.name, view=bundle_run_pb2.BUNDLE_RUN_VIEW_FULL)
    unfinished = (await scheduler.runs.GetBundleRun(full)).bundle_run.spec
    assert unfinished.documents[0].template == "note/note@1.0.0"
    assert json.loads(unfinished.data_json) == {"text": "hello"}
    gate.open.set()
    await scheduler.finished(run.bundle_run_id)
    assert (await scheduler.runs.GetBundleRun(full)).bundle_run.spec == unfinished
    again = await scheduler.runs.CreateBundleRun(create(unfinished))
    assert again.deduplicated
    assert again.bundle_run.name == run.name


async def test_a_run_that_does_not_exist_is_not_found_by_any_method(scheduler: Scheduler) -> None:
    name = "bundleRuns/br-nobody"
    calls: list[Awaitable[object]] = [
        scheduler.runs.GetBundleRun(messages.GetBundleRunRequest(name=name)),
        scheduler.runs.WaitBundleRun(messages.WaitBundleRunRequest(name=name)),
        scheduler.runs.CancelBundleRun(messages.CancelBundleRunRequest(name=name)),
        scheduler.runs.RetryBundleRun(messages.RetryBundleRunRequest(name=name)),
        scheduler.runs.VerifyBundleRun(messages.VerifyBundleRunRequest(name=name)),
        scheduler.runs.WatchBundleRun(messages.WatchBundleRunRequest(name=name)).read(),
    ]
    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await call
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND
        assert reason(missing.value) == "BUNDLE_RUN_NOT_FOUND"
        resource = detail(missing.value, error_details_pb2.ResourceInfo)
        assert resource is not None
        assert (resource.resource_type, resource.resource_name) == ("docugen.v1.BundleRun", name)


async def test_a_deleted_run_is_not_found_and_deleting_it_again_is_no_error(scheduler: Scheduler) -> None:
    run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
    for _ in range(2):
        await scheduler.runs.DeleteBundleRun(messages.DeleteBundleRunRequest(name=run.name))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await scheduler.runs.GetBundleRun(messages.GetBundleRunRequest(name=run.name))
    assert reason(refused.value) == "BUNDLE_RUN_NOT_FOUND"
    assert not (await scheduler.runs.CreateBundleRun(create())).deduplicated


# --- lists ----------------------------------------------------------------------------------------------------------------


async def test_runs_are_listed_newest_first_by_filter_and_page(scheduler: Scheduler) -> None:
    for n in range(5):
        policy = bundle_pb2.ExecutionPolicy(labels={"team": "billing" if n % 2 else "claims"})
        await scheduler.runs.CreateBundleRun(create(note(str(n)), bundle_run_id=f"run-{n}", execution_policy=policy))
    names, token = [], ""
    while True:
        request = messages.ListBundleRunsRequest(page_size=2, page_token=token)
        page = await scheduler.runs.ListBundleRuns(request)
        assert len(page.bundle_runs) <= 2
        names += [run.bundle_run_id for run in page.bundle_runs]
        token = page.next_page_token
        if not token:
            break
    assert sorted(names) == [f"run-{n}" for n in range(5)]
    found = messages.ListBundleRunsRequest(
        filter='labels.team = "billing" AND state = SUCCEEDED', view=bundle_run_pb2.BUNDLE_RUN_VIEW_FULL
    )
    billing = (await scheduler.runs.ListBundleRuns(found)).bundle_runs
    assert sorted(run.bundle_run_id for run in billing) == ["run-1", "run-3"]
    assert all(run.HasField("spec") for run in billing)


@pytest.mark.parametrize(
    ("request_fields", "field"),
    [
        ({"filter": "colour = red"}, "filter"),
        ({"page_size": -1}, "page_size"),
        ({"page_token": "no token of ours"}, "page_token"),
    ],
)
async def test_a_list_that_cannot_be_made_names_the_field(
    scheduler: Scheduler, request_fields: dict[str, object], field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await scheduler.runs.ListBundleRuns(messages.ListBundleRunsRequest(**request_fields))  # type: ignore[arg-type]
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert wrong_fields(refused.value) == [field]


# --- verification ---------------------------------------------------------------------------------------------------------


async def test_verifying_an_unfinished_run_is_not_possible_yet(
    scheduler: Scheduler, renderer: ScriptedRenderer
) -> None:
    gate = renderer.script = Gate()
    run = (await scheduler.runs.CreateBundleRun(create(return_immediately=True))).bundle_run
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await scheduler.runs.VerifyBundleRun(messages.VerifyBundleRunRequest(name=run.name))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason(refused.value) == "BUNDLE_RUN_NOT_FINISHED"
    gate.open.set()


async def test_a_real_invoice_verifies_as_identical(running_scheduler: Scheduler) -> None:
    packs = {pack.name: pack for pack in running_scheduler.served.core.intake.catalogue.packs()}
    sample = packs["invoice"].templates["invoice"].sample
    documents = [
        bundle_pb2.DocumentSpec(name=f"invoice.{kind}", format=kind, template="invoice/invoice")
        for kind in ("pdf", "html", "json")
    ]
    spec = bundle_pb2.BundleSpec(
        documents=documents, data_json=json.dumps(sample), document_date="2026-01-31", specimen=True
    )
    run = (await running_scheduler.runs.CreateBundleRun(create(spec))).bundle_run
    assert run.state == Run.STATE_SUCCEEDED, run.error
    verified = await running_scheduler.runs.VerifyBundleRun(messages.VerifyBundleRunRequest(name=run.name))
    assert verified.verdict == messages.VerifyBundleRunResponse.VERDICT_IDENTICAL
    assert [c.artefact for c in verified.comparisons] == ["invoice.html", "invoice.json", "invoice.pdf"]
    assert all(c.equal and c.expected_sha256 == c.actual_sha256 for c in verified.comparisons)


# --- capabilities ---------------------------------------------------------------------------------------------------------


async def test_capabilities_name_mode_formats_engine_and_limits(running_scheduler: Scheduler) -> None:
    can = await running_scheduler.runs.GetCapabilities(messages.GetCapabilitiesRequest())
    assert can.mode == messages.GetCapabilitiesResponse.MODE_INLINE
    assert {"csv", "html", "json", "pdf", "xlsx", "zip"} <= set(can.formats)
    assert list(can.formats) == sorted(can.formats)
    assert "typst" in can.engine_components
    assert len(can.engine_fingerprint) == 64
    assert can.limits.max_batch_size == 500
    assert can.limits.max_wait.seconds == 600
    assert can.limits.max_request_bytes == running_scheduler.served.core.settings.max_request_bytes
