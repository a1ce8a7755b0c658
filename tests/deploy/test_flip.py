"""The flip from inline to the queue and back, as the runbooks describe it, with processes in place of containers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_process import BROKEN, NOTE, Ended, process
from deploy.services import SCHEDULER, WORKER, queue_settings, service, settings_in
from docugen_core.adapters.embedded_redis import EmbeddedRedis
from redis_servers import free_port


@pytest.mark.slow
def test_runs_are_answered_across_the_flip_to_the_queue_and_back(tmp_path: Path) -> None:
    env = settings_in(tmp_path)

    def docugen(*arguments: str) -> Ended:
        return process(*arguments, cwd=tmp_path, DOCUGEN_GRPC_ADDRESS=env["DOCUGEN_GRPC_ADDRESS"])

    def submit(text: str, bundle: dict[str, Any] = NOTE) -> Ended:
        spec = json.dumps(bundle | {"data": {"text": text}})
        return process(
            *("submit", "-", "--watch", "--json", "--quiet"),
            cwd=tmp_path,
            stdin=spec,
            DOCUGEN_GRPC_ADDRESS=env["DOCUGEN_GRPC_ADDRESS"],
        )

    def rendered(text: str) -> dict[str, Any]:
        run: dict[str, Any] = submit(text).json()["bundle_run"]
        assert run["state"] == "succeeded"
        return run

    def state(run_id: str) -> str:
        return str(docugen("runs", "show", run_id, "--json").json()["bundle_run"]["state"])

    def failed() -> list[str]:
        listed = docugen("runs", "ls", "--filter", "state = FAILED", "--json").json()["bundle_runs"]
        return [run["id"] for run in listed]

    with service(SCHEDULER, env) as scheduler:
        assert scheduler["mode"] == "inline"
        before = rendered("before")
        assert submit("broken", BROKEN).code == 1
        (broken,) = failed()

    with EmbeddedRedis(tmp_path / "redis", port=free_port()) as redis:
        queued = env | queue_settings(redis.url)
        with service(WORKER, queued) as worker, service(SCHEDULER, queued) as scheduler:
            assert scheduler["mode"] == "queue"
            assert state(before["id"]) == "succeeded"
            again = rendered("before")
            assert again["deduplicated"]
            assert again["manifest_digest"] == before["manifest_digest"]
            during = rendered("during")
            assert during["worker"] == worker["consumer"]
            assert docugen("runs", "show", broken).code == 2, "a failed inline run is in the ledger, not in Redis"
            assert submit("broken", BROKEN).code == 1
            assert failed() == [broken], "the same bundle is the same run"

    with service(SCHEDULER, env) as scheduler:
        assert scheduler["mode"] == "inline"
        assert [state(run["id"]) for run in (before, during)] == ["succeeded", "succeeded"]
        assert rendered("during")["manifest_digest"] == during["manifest_digest"]
        assert failed() == [broken]
        assert rendered("after")["worker"] == "inline"


@pytest.mark.slow
def test_a_second_inline_scheduler_on_the_same_store_is_refused(tmp_path: Path) -> None:
    """So that the way back cannot be taken with two schedulers by mistake."""
    env = settings_in(tmp_path)
    with service(SCHEDULER, env):
        second = process(
            "serve", cwd=tmp_path, **env | {"DOCUGEN_GRPC_ADDRESS": "127.0.0.1:0", "DOCUGEN_METRICS_ADDRESS": ""}
        )
    assert second.code == 78, second.err
