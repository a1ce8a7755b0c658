"""What the log and the caller learn of a call: one id for both, and of a bug no text that may name a customer."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path
from typing import cast

import grpc
import pytest
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen_core.domain.run import BundleRun
from docugen_core.domain.run_query import RunPage, RunQuery
from docugen_core.ports import ExecutionMode, GenerationJob, Submission
from docugen_core.submission import Intake
from fakes import ScriptedRenderer
from google.rpc import error_details_pb2
from scheduler_server import create, detail, note, note_settings, real_scheduler, scripted_core, scripted_scheduler

from .conftest import events

CUSTOMER = "account 4711 of Ottoline Farthing"
KINDS = ("RuntimeError", "KeyError", "OSError", "ValueError", "TimeoutError", "ZeroDivisionError")


class BrokenExecutor:
    """Implements ports.GenerationExecutor; every method fails by a bug that names a customer."""

    mode = ExecutionMode.INLINE

    async def submit(self, job: GenerationJob) -> Submission:
        raise RuntimeError(CUSTOMER)

    async def get(self, run_id: str) -> BundleRun:
        raise KeyError(CUSTOMER)

    async def spec(self, run_id: str) -> bytes | None:
        raise RuntimeError(CUSTOMER)

    async def list(self, query: RunQuery) -> RunPage:
        raise OSError(CUSTOMER)

    async def watch(self, run_id: str) -> AsyncIterator[BundleRun]:
        if run_id:
            raise ValueError(CUSTOMER)
        yield await self.get(run_id)

    async def cancel(self, run_id: str, reason: str) -> BundleRun:
        raise TimeoutError(CUSTOMER)

    async def retry(self, run_id: str) -> BundleRun:
        raise ZeroDivisionError(CUSTOMER)

    async def forget(self, run_id: str) -> None:
        raise RuntimeError(CUSTOMER)

    async def ready(self) -> bool:
        return True

    async def drain(self, grace_ms: int) -> None:
        """Nothing runs."""


# --- bugs -----------------------------------------------------------------------------------------------------------------


async def test_a_bug_is_found_in_the_log_under_the_id_the_caller_gets_and_its_text_is_nowhere(
    tmp_path: Path, log: io.StringIO
) -> None:
    settings = note_settings(tmp_path)
    async with scripted_core(settings, ScriptedRenderer()) as core:
        broken = replace(core, executor=BrokenExecutor())
        async with real_scheduler(settings, broken) as scheduler:
            name = "bundleRuns/x"
            calls: dict[str, Awaitable[object]] = {
                "CreateBundleRun": scheduler.runs.CreateBundleRun(create()),
                "GetBundleRun": scheduler.runs.GetBundleRun(messages.GetBundleRunRequest(name=name)),
                "ListBundleRuns": scheduler.runs.ListBundleRuns(messages.ListBundleRunsRequest()),
                "CancelBundleRun": scheduler.runs.CancelBundleRun(messages.CancelBundleRunRequest(name=name)),
                "RetryBundleRun": scheduler.runs.RetryBundleRun(messages.RetryBundleRunRequest(name=name)),
                "WatchBundleRun": scheduler.runs.WatchBundleRun(messages.WatchBundleRunRequest(name=name)).read(),
            }
            for method, call in calls.items():
                with pytest.raises(grpc.aio.AioRpcError) as failed:
                    await call
                assert failed.value.code() is grpc.StatusCode.INTERNAL
                info = detail(failed.value, error_details_pb2.ErrorInfo)
                assert info is not None
                assert info.reason == "INTERNAL"
                assert CUSTOMER not in repr(failed.value) + repr(failed.value.trailing_metadata())
                lines = [e for e in events(log) if e.get("request_id") == info.metadata["error_id"]]
                assert [line["method"] for line in lines] == [method]
                assert str(lines[0]["exception"]).endswith(KINDS)
                assert CUSTOMER not in log.getvalue()
            batch = messages.BatchCreateBundleRunsRequest(requests=[create()])
            answer = await scheduler.runs.BatchCreateBundleRuns(batch)
            assert answer.results[0].error.reason == "INTERNAL"
            assert CUSTOMER not in str(answer)


async def test_an_item_of_a_batch_that_meets_a_bug_is_logged_by_its_run_id_only_where_that_can_be_one(
    tmp_path: Path, log: io.StringIO
) -> None:
    settings = note_settings(tmp_path)
    async with scripted_core(settings, ScriptedRenderer()) as core:
        broken = replace(core, intake=cast(Intake, object()))  # so that the bug comes before anything is checked
        async with real_scheduler(settings, broken) as scheduler:
            items = [create(bundle_run_id=name) for name in ("mine-1", f"{CUSTOMER}\n", "")]
            batch = messages.BatchCreateBundleRunsRequest(requests=items)
            answer = await scheduler.runs.BatchCreateBundleRuns(batch)
    assert [result.error.reason for result in answer.results] == ["INTERNAL"] * 3
    crashes = [event for event in events(log) if event["event"] == "batch_item_crashed"]
    assert sorted(str(crash["run_id"]) for crash in crashes) == ["", "", "mine-1"]
    assert CUSTOMER not in log.getvalue() + str(answer)


# --- every call -----------------------------------------------------------------------------------------------------------


async def test_a_callers_request_id_is_sent_back_and_logged_with_the_run(tmp_path: Path, log: io.StringIO) -> None:
    async with scripted_scheduler(note_settings(tmp_path), ScriptedRenderer()) as scheduler:
        call = scheduler.runs.CreateBundleRun(create(bundle_run_id="mine"), metadata=(("x-request-id", "ticket-42"),))
        await call
        assert dict(await call.trailing_metadata())["x-request-id"] == "ticket-42"
        line = next(e for e in events(log) if e["event"] == "rpc_answered")
        assert (line["request_id"], line["run_id"], line["method"]) == ("ticket-42", "mine", "CreateBundleRun")
        odd = scheduler.runs.GetCapabilities(
            messages.GetCapabilitiesRequest(), metadata=(("x-request-id", "spaces and worse"),)
        )
        await odd
        made = str(dict(await odd.trailing_metadata())["x-request-id"])
        assert len(made) == 16
        assert int(made, 16) >= 0


async def test_the_log_has_a_line_for_a_change_and_for_an_error_and_none_for_a_read(
    tmp_path: Path, log: io.StringIO
) -> None:
    async with scripted_scheduler(note_settings(tmp_path), ScriptedRenderer()) as scheduler:
        await scheduler.runs.CreateBundleRun(create(note("Ottoline Farthing"), bundle_run_id="mine"))
        await scheduler.runs.GetBundleRun(messages.GetBundleRunRequest(name="bundleRuns/mine"))
        with pytest.raises(grpc.aio.AioRpcError):
            await scheduler.runs.GetBundleRun(messages.GetBundleRunRequest(name="bundleRuns/other"))
        with pytest.raises(grpc.aio.AioRpcError):
            await scheduler.runs.CreateBundleRun(create(note(locale="Ottoline", salt="x")))
    lines = [e for e in events(log) if str(e["event"]).startswith("rpc_")]
    assert [(e["event"], e["method"], e["code"], e.get("run_id")) for e in lines] == [
        ("rpc_answered", "CreateBundleRun", "OK", "mine"),
        ("rpc_failed", "GetBundleRun", "NOT_FOUND", "other"),
        ("rpc_failed", "CreateBundleRun", "INVALID_ARGUMENT", None),
    ]
    assert lines[-1]["fields"] == ["locale"]
    assert "Ottoline" not in log.getvalue()
