"""What every Renderer promises its callers (docugen_core.ports.Renderer)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.config import Settings
from docugen_core.domain.bundle import Format
from docugen_core.errors import LimitExceeded, RenderFailed
from docugen_core.ports import Renderer
from docugen_core.rendering.engine import engine
from docugen_core.rendering.packs import PdfOptions
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import Artefact, MergeTask, RenderLimits, Task
from pack_examples import PLEX, TABLE_DATA, TABLE_TOML, a_task

PDF = a_task(PLEX + '#json("data.json").name #datetime.today().display()')
TASKS: dict[str, Task] = {
    "pdf": PDF,
    "png": replace(PDF, format=Format.PNG, ppi=72),
    "svg": replace(PDF, format=Format.SVG),
    "pdf with files": replace(
        a_task(PLEX + "x", pdf=PdfOptions(("a-3b",), embed_data=True)),
        attachments=(Artefact("sheet.xlsx", Format.XLSX, bytes(range(256))),),
    ),
    "merged pdf": MergeTask("all.pdf", tuple(Artefact(n, Format.PDF, render(PDF).data) for n in "ab"), PDF.world),
    "html": a_task("<p>{{ data.name }}</p>", Format.HTML),
    "json": a_task('{"name": {{ data.name }}}', Format.JSON),
    "csv": a_task(TABLE_TOML, Format.CSV, data=TABLE_DATA),
    "xlsx": a_task(TABLE_TOML, Format.XLSX, data=TABLE_DATA),
    "docx": a_task("Dear {{ data.name }}", Format.DOCX),
    "xml": a_task("<name>{{ data.name }}</name>", Format.XML),
}


@pytest.fixture(params=[RenderPool])
async def renderer(request: pytest.FixtureRequest) -> AsyncIterator[Renderer]:
    async with request.param(Settings(render_processes=2)) as made:
        yield made


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
async def test_a_document_is_the_pure_function_of_its_task(renderer: Renderer, task: Task) -> None:
    first, second = await asyncio.gather(renderer.render(task), renderer.render(task))

    assert first == second == render(task)


async def test_a_failure_crosses_with_document_place_and_hint(renderer: Renderer) -> None:
    with pytest.raises(RenderFailed) as caught:
        await renderer.render(a_task("Dear {{ data.nmae }}", Format.TXT))

    failure = caught.value.failure()
    assert (failure.code, failure.retryable, failure.document) == ("TEMPLATE_FAILED", False, "notice.txt")
    assert failure.where is not None
    assert str(failure.where) == "notice.txt:1:9"
    assert failure.hint


async def test_a_limit_crosses_as_a_limit(renderer: Renderer) -> None:
    with pytest.raises(LimitExceeded) as caught:
        await renderer.render(a_task(PLEX + "a #pagebreak() b", limits=RenderLimits(pages_max=1)))

    assert caught.value.details["pages"] == "2"


async def test_a_failure_leaves_the_renderer_working(renderer: Renderer) -> None:
    with pytest.raises(RenderFailed):
        await renderer.render(a_task("#panic()"))

    assert (await renderer.render(TASKS["pdf"])).pages == 1


async def test_more_documents_than_slots_all_arrive(renderer: Renderer) -> None:
    tasks = [a_task(f"{number}\n", Format.TXT) for number in range(20)]

    documents = await asyncio.gather(*(renderer.render(task) for task in tasks))

    assert [document.data for document in documents] == [b"%d\n" % number for number in range(20)]


async def test_it_names_the_engine_of_its_processes(renderer: Renderer) -> None:
    assert renderer.engine == engine()
