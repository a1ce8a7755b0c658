"""Submitting bundles over the wire, one by one and in batches: what is a run, what is one already, and what is refused."""

from __future__ import annotations

import asyncio
import contextlib

import grpc
import pytest
from docugen.v1 import bundle_pb2, bundle_run_pb2
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen_core.domain.run import ExecutionPolicy, Priority
from docugen_core.errors import RenderFailed
from docugen_core.rendering.task import Rendering, RenderTask
from fakes import ScriptedRenderer
from google.rpc import error_details_pb2
from scheduler_server import Scheduler, create, detail, note, reason, wrong_fields

Run = bundle_run_pb2.BundleRun


async def fails(task: RenderTask, _: int) -> Rendering:
    raise RenderFailed("the template does not know 'colour'", hint="Define it.")


# --- one bundle -----------------------------------------------------------------------------------------------------------


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


async def test_a_submit_whose_deadline_passes_at_any_moment_may_be_repeated_and_is_one_run(
    scheduler: Scheduler, renderer: ScriptedRenderer
) -> None:
    for milliseconds in range(1, 30):
        with contextlib.suppress(grpc.aio.AioRpcError):
            await scheduler.runs.CreateBundleRun(create(), timeout=milliseconds / 1_000)
    run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
    listed = await scheduler.runs.ListBundleRuns(messages.ListBundleRunsRequest())
    assert [r.name for r in listed.bundle_runs] == [run.name]
    assert renderer.calls == {"note0.txt": 1}


async def test_calls_at_once_are_answered_each_with_its_own(scheduler: Scheduler) -> None:
    answers = await asyncio.gather(*(scheduler.runs.CreateBundleRun(create(note(str(n)))) for n in range(30)))
    assert len({answer.bundle_run.spec_digest for answer in answers}) == 30


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


async def test_a_failed_run_is_an_answer_not_an_error(scheduler: Scheduler, renderer: ScriptedRenderer) -> None:
    renderer.script = fails
    run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
    assert run.state == Run.STATE_FAILED
    assert (run.error.reason, run.error.hint, run.error.retryable) == ("TEMPLATE_FAILED", "Define it.", False)


async def test_a_policy_is_kept_with_the_run(scheduler: Scheduler) -> None:
    policy = bundle_pb2.ExecutionPolicy(
        priority=bundle_pb2.ExecutionPolicy.PRIORITY_LOW, max_attempts=2, labels={"team": "billing"}
    )
    run = (await scheduler.runs.CreateBundleRun(create(execution_policy=policy))).bundle_run
    assert run.execution_policy == policy
    assert run.max_attempts == 2
    kept = await scheduler.served.core.executor.get(run.bundle_run_id)
    assert kept.policy == ExecutionPolicy(Priority.LOW, 2, (("team", "billing"),))


# --- what is refused ------------------------------------------------------------------------------------------------------


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


# --- batches --------------------------------------------------------------------------------------------------------------


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
