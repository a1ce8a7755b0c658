"""A worker dies in the middle of a bundle: the next attempt renders what is missing, and nothing else."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from docugen_core.domain.run import RunState
from docugen_core.submission import SubmitRequest, prepare_generation_job
from worker_world import WorkerWorld, until

pytestmark = pytest.mark.slow


async def test_the_second_attempt_takes_over_what_the_killed_worker_had_finished(world: WorkerWorld) -> None:
    """The worker is killed after its third document, or soon after: what is left is all that there is to do."""
    quick: list[dict[str, Any]] = [
        {"name": f"a{n}.txt", "format": "txt", "template": "jobs/note", "data": {"text": f"{n}"}} for n in range(3)
    ]
    slow: list[dict[str, Any]] = [
        {"name": f"b{n}.pdf", "format": "pdf", "template": "jobs/slow", "data": {"text": f"{n}"}} for n in range(6)
    ]
    job = prepare_generation_job(SubmitRequest({"documents": [*quick, *slow], "data": {}}), world.core.intake)
    async with world.process("ada", render_processes=1) as ada:
        await world.core.executor.submit(job)

        def rendered() -> set[str]:
            return {line["document"] for line in ada.lines("job_step") if line.get("state") == "rendered"}

        async def three_are_rendered() -> bool:
            return len(rendered()) >= 3

        await until("three documents are rendered", three_are_rendered)
        ada.signal(signal.SIGKILL)
        await ada.ended()
        await world.lapse(job.run_id)
        async with world.process("bob") as bob:
            run = await world.finished(job.run_id)

            async def has_settled() -> bool:
                return bool(bob.lines("job_settled"))

            await until("bob has told how it ended", has_settled)
    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 2)
    (settled,) = bob.lines("job_settled")
    reused = {s["document"] for s in bob.lines("job_step") if s.get("state") == "rendered" and s["reused"] == "true"}
    assert rendered() <= reused < {document["name"] for document in (*quick, *slow)}
    assert len(reused - rendered()) <= 1  # stored, and killed before it could say so
    assert (settled["outcome"], settled["reused"]) == ("succeeded", len(reused))
