"""Submitting bundles and following their runs, over the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from pathlib import Path

import grpc
import pytest
from docugen.v1 import bundle_pb2, bundle_run_pb2
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen_core.domain.run import ExecutionPolicy, Priority
from docugen_core.errors import RenderFailed
from docugen_core.rendering.task import Rendering, RenderTask
from docugen_scheduler import bundle_run_service
from fakes import ScriptedRenderer
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from scheduler_server import (
    Gate,
    Scheduler,
    create,
    detail,
    note,
    note_settings,
    reason,
    scripted_scheduler,
    wrong_fields,
)

Run = bundle_run_pb2.BundleRun
UNFINISHED = (Run.STATE_QUEUED, Run.STATE_RUNNING)


async def fails(task: RenderTask, _: int) -> Rendering:
    raise RenderFailed("the template does not know 'colour'", hint="Define it.")


async def test_create_answers_with_the_finished_run(scheduler: Scheduler) -> None:
    answer = await scheduler.runs.CreateBundleRun(create(note(documents=2)))
    run = answer.bundle_run
    assert run.state == Run.STATE_SUCCEEDED
    assert run.name == f"bundleRuns/{run.bundle_run_id}"
    assert run.seed == run.spec_digest
    assert run.attempt == 1
    assert len(run.manifest_digest) == 64
    assert [(d.document, d.state) for d in run.documents] == [
        ("note0.txt", bundle_run_pb2.DocumentProgress.STATE_RENDERED),
        ("note1.txt", bundle_run_pb2.DocumentProgress.STATE_RENDERED),
    ]
    assert run.create_time.ToMilliseconds() <= run.start_time.ToMilliseconds() <= run.finish_time.ToMilliseconds()
    assert not answer.deduplicated


async def test_the_same_spec_is_the_same_run_whatever_the_policy(scheduler: Scheduler) -> None:
    first = await scheduler.runs.CreateBundleRun(create())
    policy = bundle_pb2.ExecutionPolicy(priority=bundle_pb2.ExecutionPolicy.PRIORITY_HIGH)
    second = await scheduler.runs.CreateBundleRun(create(execution_policy=policy))
    assert second.deduplicated
    assert second.bundle_run == first.bundle_run


async def test_equal_submits_at_once_are_one_run_and_one_rendering(
    scheduler: Scheduler, renderer: ScriptedRenderer
) -> None:
    answers = await asyncio.gather(*(scheduler.runs.CreateBundleRun(create()) for _ in range(20)))
    assert len({answer.bundle_run.bundle_run_id for answer in answers}) == 1
    assert sorted(answer.deduplicated for answer in answers) == [False] + [True] * 19
    assert renderer.calls == {"note0.txt": 1}


async def test_an_id_that_names_another_spec_already_exists(scheduler: Scheduler) -> None:
    first = await scheduler.runs.CreateBundleRun(create(bundle_run_id="mine"))
    for request in (
        create(note("other"), bundle_run_id="mine"),
        create(note("o"), bundle_run_id="mine", validate_only=True),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await scheduler.runs.CreateBundleRun(request)
        assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS
        assert reason(refused.value) == "BUNDLE_RUN_EXISTS"
        info = detail(refused.value, error_details_pb2.ErrorInfo)
        assert info is not None
        assert info.metadata["existing_spec_digest"] == first.bundle_run.spec_digest
        resource = detail(refused.value, error_details_pb2.ResourceInfo)
        assert resource is not None
        assert resource.resource_name == "bundleRuns/mine"


async def test_validate_only_names_the_run_and_stores_nothing(scheduler: Scheduler, renderer: ScriptedRenderer) -> None:
    checked = (await scheduler.runs.CreateBundleRun(create(validate_only=True))).bundle_run
    listed = await scheduler.runs.ListBundleRuns(messages.ListBundleRunsRequest())
    assert not listed.bundle_runs
    assert renderer.calls == {}
    assert not checked.HasField("create_time")
    made = (await scheduler.runs.CreateBundleRun(create())).bundle_run
    assert (checked.name, checked.spec_digest) == (made.name, made.spec_digest)
    again = await scheduler.runs.CreateBundleRun(create(validate_only=True))
    assert again.deduplicated
    assert again.bundle_run.state == Run.STATE_SUCCEEDED


async def test_every_wrong_field_of_a_request_is_named_at_once(scheduler: Scheduler) -> None:
    spec = bundle_pb2.BundleSpec(
        documents=[
            bundle_pb2.DocumentSpec(name="a.txt", format="txt", template="note/note", data_json='{"text": 3}'),
            bundle_pb2.DocumentSpec(name="b.txt", format="txt", template="note/nope"),
            bundle_pb2.DocumentSpec(name="c.txt", format="txt", template="note/note", data_json="{not json}"),
            bundle_pb2.DocumentSpec(
                name="d.txt", format="txt", template="note/note", data_json='{"text": "a", "text": "b"}'
            ),
        ],
        locale="xx_unknown_LOCALE",
        document_date="yesterday",
    )
    policy = bundle_pb2.ExecutionPolicy(max_attempts=-1, labels={"Wrong Key": "x" * 200})
    request = create(spec, bundle_run_id="../up", execution_policy=policy)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await scheduler.runs.CreateBundleRun(request)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason(refused.value) == "INVALID_SPEC"
    assert sorted(wrong_fields(refused.value)) == sorted(
        [
            "bundle_run_id",
            "document_date",
            "documents[0].data.text",
            "documents[1].template",
            "documents[2].data_json",
            "documents[3].data.text",
            'execution_policy.labels["Wrong Key"]',
            'execution_policy.labels["Wrong Key"]',
            "execution_policy.max_attempts",
            "locale",
        ]
    )


async def test_data_that_cannot_be_read_is_not_also_called_incomplete(scheduler: Scheduler) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await scheduler.runs.CreateBundleRun(create(note(data_json='{"text": NaN}', salt="x")))
    assert wrong_fields(refused.value) == ["data.text"]


async def test_a_request_without_a_spec_is_refused_once(scheduler: Scheduler) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await scheduler.runs.CreateBundleRun(messages.CreateBundleRunRequest())
    assert wrong_fields(refused.value) == ["spec"]


async def test_a_failed_run_is_an_answer_not_an_error(scheduler: Scheduler, renderer: ScriptedRenderer) -> None:
    renderer.script = fails
    run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
    assert run.state == Run.STATE_FAILED
    assert (run.error.reason, run.error.hint, run.error.retryable) == ("TEMPLATE_FAILED", "Define it.", False)


async def test_return_immediately_then_watch_sees_growing_revisions_to_the_end(
    scheduler: Scheduler, renderer: ScriptedRenderer
) -> None:
    gate = renderer.script = Gate()
    run = (await scheduler.runs.CreateBundleRun(create(note(documents=3), return_immediately=True))).bundle_run
    assert run.state in (Run.STATE_QUEUED, Run.STATE_RUNNING)
    seen = []
    async for message in scheduler.runs.WatchBundleRun(messages.WatchBundleRunRequest(name=run.name)):
        seen.append(message.bundle_run)
        gate.open.set()
    assert [s.revision for s in seen] == sorted({s.revision for s in seen})
    assert seen[-1].state == Run.STATE_SUCCEEDED
    assert len(seen) >= 2


async def test_watching_a_finished_run_gives_its_state_and_ends(scheduler: Scheduler) -> None:
    run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
    seen = [m.bundle_run async for m in scheduler.runs.WatchBundleRun(messages.WatchBundleRunRequest(name=run.name))]
    assert seen == [run]


@pytest.mark.slow
async def test_create_and_wait_answer_before_the_deadline_of_the_call(
    scheduler: Scheduler, renderer: ScriptedRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_run_service, "ANSWER_BEFORE_DEADLINE_MS", 58_000)  # for machines that stop for a while
    gate = renderer.script = Gate()
    run = (await scheduler.runs.CreateBundleRun(create(), timeout=60)).bundle_run
    assert run.state in UNFINISHED
    await gate.begun.wait()
    waited = await scheduler.runs.WaitBundleRun(messages.WaitBundleRunRequest(name=run.name), timeout=60)
    assert waited.bundle_run.state == Run.STATE_RUNNING
    at_once = messages.WaitBundleRunRequest(name=run.name, timeout=Duration())
    assert (await scheduler.runs.WaitBundleRun(at_once)).bundle_run.state == Run.STATE_RUNNING
    gate.open.set()
    assert (await scheduler.finished(run.bundle_run_id)).state == Run.STATE_SUCCEEDED


async def test_create_answers_with_a_running_run_after_the_servers_own_bound(tmp_path: Path) -> None:
    gate = Gate()
    async with scripted_scheduler(note_settings(tmp_path, inline_answer_ms=50), ScriptedRenderer(gate)) as scheduler:
        assert (await scheduler.runs.CreateBundleRun(create())).bundle_run.state in UNFINISHED
        await gate.begun.wait()
        run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
        assert run.state == Run.STATE_RUNNING
        gate.open.set()
        assert (await scheduler.finished(run.bundle_run_id)).state == Run.STATE_SUCCEEDED


async def test_a_caller_that_goes_away_does_not_stop_its_run(scheduler: Scheduler, renderer: ScriptedRenderer) -> None:
    gate = renderer.script = Gate()
    call = scheduler.runs.CreateBundleRun(create(bundle_run_id="left-alone"))
    await gate.begun.wait()
    call.cancel()
    gate.open.set()
    assert (await scheduler.finished("left-alone")).state == Run.STATE_SUCCEEDED


async def test_a_cancelled_run_is_cancelled_and_can_be_started_again(
    scheduler: Scheduler, renderer: ScriptedRenderer
) -> None:
    gate = renderer.script = Gate()
    run = (await scheduler.runs.CreateBundleRun(create(return_immediately=True))).bundle_run
    await gate.begun.wait()
    cancelled = await scheduler.runs.CancelBundleRun(messages.CancelBundleRunRequest(name=run.name, reason="changed"))
    assert cancelled.bundle_run.state == Run.STATE_CANCELLED
    gate.open.set()
    again = await scheduler.runs.RetryBundleRun(messages.RetryBundleRunRequest(name=run.name))
    assert again.bundle_run.state in (Run.STATE_QUEUED, Run.STATE_RUNNING)
    assert (await scheduler.finished(run.bundle_run_id)).state == Run.STATE_SUCCEEDED
    for call, why in (
        (scheduler.runs.CancelBundleRun(messages.CancelBundleRunRequest(name=run.name)), "NOT_CANCELLABLE"),
        (scheduler.runs.RetryBundleRun(messages.RetryBundleRunRequest(name=run.name)), "NOT_RETRYABLE"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert reason(refused.value) == why
        failed = detail(refused.value, error_details_pb2.PreconditionFailure)
        assert failed is not None
        assert (failed.violations[0].type, failed.violations[0].subject) == (why, run.name)


async def test_every_item_of_a_batch_has_its_own_result_in_order(scheduler: Scheduler) -> None:
    requests = [create(note(str(n))) for n in range(40)]
    requests[7] = create(note(salt="x", data_json="[]"))
    requests[9] = create(note("0"))
    answer = await scheduler.runs.BatchCreateBundleRuns(messages.BatchCreateBundleRunsRequest(requests=requests))
    kinds = [result.WhichOneof("outcome") for result in answer.results]
    assert [n for n, kind in enumerate(kinds) if kind == "error"] == [7]
    assert answer.results[7].error.reason == "INVALID_SPEC"
    assert answer.results[7].error.violations[0].field == "data"
    assert answer.results[9].response.bundle_run.name == answer.results[0].response.bundle_run.name
    digests = {r.response.bundle_run.spec_digest for r in answer.results if r.HasField("response")}
    assert len(digests) == 38
    for n in (0, 39):
        checked = await scheduler.runs.CreateBundleRun(create(note(str(n)), validate_only=True))
        assert answer.results[n].response.bundle_run.name == checked.bundle_run.name


async def test_a_batch_of_none_or_of_too_many_is_refused(scheduler: Scheduler) -> None:
    for count in (0, 501):
        request = messages.BatchCreateBundleRunsRequest(requests=[messages.CreateBundleRunRequest()] * count)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await scheduler.runs.BatchCreateBundleRuns(request)
        assert wrong_fields(refused.value) == ["requests"]


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


async def test_a_policy_is_kept_with_the_run(scheduler: Scheduler) -> None:
    policy = bundle_pb2.ExecutionPolicy(
        priority=bundle_pb2.ExecutionPolicy.PRIORITY_LOW, max_attempts=2, labels={"team": "billing"}
    )
    run = (await scheduler.runs.CreateBundleRun(create(execution_policy=policy))).bundle_run
    assert run.execution_policy == policy
    assert run.max_attempts == 2
    kept = await scheduler.served.core.executor.get(run.bundle_run_id)
    assert kept.policy == ExecutionPolicy(Priority.LOW, 2, (("team", "billing"),))


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
