"""What it costs to render: one document warm through the pool, two processes beside one, and a cold command line."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

from docugen_core.adapters.render_pool import RenderPool
from docugen_core.assembly import assemble_intake
from docugen_core.composition import compose, generated_data
from docugen_core.config import Settings
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import RenderTask
from docugen_core.rendering.world import World
from docugen_core.submission import SubmitRequest, prepare_generation_job

from benchmarks.measurement import Bound, Measurement, in_turns
from benchmarks.stage import ROOT, Stage, now_us, process_ms

EXAMPLES = ROOT / "examples" / "bundles"
DOCUMENTS = (("invoice", "invoice.pdf", 20), ("quarterly-account-pack", "releve-de-compte.pdf", 3))
COLD_S_MAX = 60.0
COLD_MS_MAX = 600
# Not recycled on the way: a new process is a row of its own, the cold one.
SETTINGS = replace(Settings(), render_recycle_documents=60_000)


async def measure(stage: Stage) -> list[Measurement]:
    rows = []
    for bundle, document, renders in DOCUMENTS:
        of_bundle = tasks(json.loads((EXAMPLES / f"{bundle}.json").read_text()), document)
        rows.append(await _warm(stage, bundle, of_bundle, renders))
        rows.append(await _two_processes(stage, bundle, of_bundle, renders))
    rows.append(await _cold(stage))
    return rows


async def _warm(stage: Stage, bundle: str, tasks: Iterator[RenderTask], renders: int) -> Measurement:
    """Through the pool, one at a time, beside the same renderer called in this process."""
    async with RenderPool(replace(SETTINGS, render_processes=1)) as pool:

        async def through_the_pool() -> float:
            batch = list(islice(tasks, renders))
            begin = now_us()
            for task in batch:
                await pool.render(task)
            return (now_us() - begin) / renders / 1_000

        async def in_process() -> float:
            batch = list(islice(tasks, renders))
            begin = now_us()
            for task in batch:
                render(task)
            return (now_us() - begin) / renders / 1_000

        floor, values = await in_turns(stage.rounds, in_process, through_the_pool)
        task = next(tasks)
        pages = (await pool.render(task)).pages
    name = f"{bundle}: {task.document} ({pages} p.), warm"
    return Measurement(name, "ms", values, "the renderer, called in-process", floor)


async def _two_processes(stage: Stage, bundle: str, tasks: Iterator[RenderTask], renders: int) -> Measurement:
    async def rate(pool: RenderPool, processes: int) -> float:
        batch = list(islice(tasks, renders * processes))
        begin = now_us()
        await asyncio.gather(*(pool.render(task) for task in batch))
        return len(batch) / (now_us() - begin) * 1e6

    async with (
        RenderPool(replace(SETTINGS, render_processes=1)) as one,
        RenderPool(replace(SETTINGS, render_processes=2)) as two,
    ):
        floor, values = await in_turns(stage.rounds, partial(rate, one, 1), partial(rate, two, 2))
    return Measurement(f"{bundle}: two render processes", "documents/s", values, "one", floor, Bound(1.9))


async def _cold(stage: Stage) -> Measurement:
    """The whole command, from nothing to four documents and a manifest on disk."""
    numbers = count()
    with tempfile.TemporaryDirectory(prefix="docugen-bench-") as folder:

        async def cold() -> float:
            out = Path(folder) / str(next(numbers))
            return await _timed("-m", "docugen.cli", "render", str(EXAMPLES / "invoice.json"), "--out", str(out))

        async def interpreter() -> float:
            return await _timed("-c", "pass")

        floor, values = await in_turns(stage.rounds, interpreter, cold)
    bound = Bound(COLD_MS_MAX, at_most=True, of_value=True)
    return Measurement("docugen render invoice.json, cold", "ms", values, "python -c pass", floor, bound)


async def _timed(*arguments: str) -> float:
    return await asyncio.to_thread(process_ms, [sys.executable, *arguments], ROOT, COLD_S_MAX)


def tasks(raw: Mapping[str, Any], document_name: str) -> Iterator[RenderTask]:
    """A bundle's document for one customer after the other, so that no engine's memory of the last one helps."""
    intake = assemble_intake(SETTINGS)
    for number in count():
        varied = dict(raw) | {"seed": f"{raw['seed']}-{number}", "data": dict(raw["data"])}
        if "number" in varied["data"]:  # an invoice; a statement's data come from the seed
            varied["data"]["number"] = f"SPECIMEN-{number:06d}"
        bundle = prepare_generation_job(SubmitRequest(varied), intake).bundle
        document = next(d for d in bundle.documents if d.name == document_name)
        assert document.template is not None
        yield RenderTask(
            document=document.name,
            format=document.format,
            pack=intake.catalogue.pinned(document.template),
            template=document.template.template,
            data=compose(bundle.data, generated_data(bundle, intake.generators), document.data),
            world=World(
                bundle.document_date,
                bundle.locale,
                bundle.time_zone,
                bundle.specimen,
            ),
        )
