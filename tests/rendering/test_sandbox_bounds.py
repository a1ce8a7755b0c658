"""What a template may not use up, tried on every engine: time, memory, pages, rows and bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.config import Settings
from docugen_core.domain.bundle import Format
from docugen_core.errors import LimitExceeded
from docugen_core.rendering.task import RenderLimits, RenderTask
from pack_examples import PLEX, TABLE_DATA, TABLE_TOML, a_task
from sandbox_attacks import TEXTS, in_docx, killed, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOUBLING = '{% set ns = namespace(a="xxxxxxxx") %}{% for i in range(64) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small() -> AsyncIterator[RenderPool]:
    """One render process with little memory and time enough to use it up."""
    async with RenderPool(Settings(render_processes=1, render_memory_mb=768)) as made:
        yield made


# --- time and memory ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_typsts_endless_loop_and_recursion_end(pool: RenderPool, strict: RenderPool) -> None:
    await refused(pool, a_task("#while true { }"))
    await refused(pool, a_task("#let f(n) = f(n + 1)\n#f(0)"))
    await killed(strict, a_task("#for i in range(60000) { for j in range(60000) { } }"), "RENDER_TIMEOUT")


async def test_minijinjas_endless_loop_runs_out_of_fuel(pool: RenderPool) -> None:
    loop = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"

    assert "fuel" in str(await refused(pool, a_task(loop, Format.TXT)))


@pytest.mark.parametrize("form", TEXTS)
async def test_minijinjas_recursion_ends(pool: RenderPool, form: Format) -> None:
    await refused(pool, a_task("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", form))


@pytest.mark.slow
async def test_a_word_templates_endless_loop_and_recursion_end(pool: RenderPool, strict: RenderPool) -> None:
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    await killed(strict, in_docx(loop), "RENDER_TIMEOUT")
    await refused(pool, in_docx("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "task",
    [
        a_task('#let bomb = "x" * 4000000000\n#bomb.len()'),
        a_task('{{ ("x" * 1000) | replace("x", "y" * 10000000) | length }}', Format.TXT),
        a_task('{{ "%4000000000d" | format(1) }}', Format.HTML),
        a_task('{{ "a\nb" | indent(4000000000) }}', Format.XML),
    ],
    ids=["typst", "replace", "format", "indent"],
)
async def test_a_memory_bomb_ends_its_process_and_is_called_by_its_name(small: RenderPool, task: RenderTask) -> None:
    await killed(small, task, "RENDER_OUT_OF_MEMORY")


@pytest.mark.slow
@pytest.mark.parametrize(
    "task",
    [
        a_task(DOUBLING, Format.TXT),
        a_task("{% for a in range(100000) %}{{ 'x' * 10000 }}{% endfor %}", Format.TXT),
    ],
    ids=["doubling", "flood"],
)
async def test_a_text_that_grows_without_end_ends_its_process(strict: RenderPool, task: RenderTask) -> None:
    await killed(strict, task, "RENDER_OUT_OF_MEMORY", "RENDER_TIMEOUT", "RENDER_PROCESS_DIED")


# --- what comes out -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "setting", "figures"),
    [
        (
            a_task(PLEX + "a #pagebreak() b", limits=RenderLimits(pages_max=1)),
            "DOCUGEN_MAX_PAGES",
            {"pages": "2", "limit": "1"},
        ),
        (
            a_task("{{ 'x' * 2000 }}", Format.TXT, limits=RenderLimits(bytes_max=1_024)),
            "DOCUGEN_MAX_ARTEFACT_BYTES",
            {"bytes": "2000", "limit": "1024"},
        ),
        (
            a_task(TABLE_TOML, Format.CSV, data=TABLE_DATA, limits=RenderLimits(rows_max=1)),
            "DOCUGEN_MAX_ROWS",
            {"rows": "2", "limit": "1"},
        ),
        (
            a_task(TABLE_TOML, Format.XLSX, data=TABLE_DATA, limits=RenderLimits(rows_max=1)),
            "DOCUGEN_MAX_ROWS",
            {"rows": "2", "limit": "1"},
        ),
    ],
    ids=["pages", "bytes", "rows", "rows of xlsx"],
)
async def test_output_beyond_a_limit_is_refused_with_document_figure_limit_and_setting(
    pool: RenderPool, task: RenderTask, setting: str, figures: dict[str, str]
) -> None:
    with pytest.raises(LimitExceeded) as caught:
        await pool.render(task)

    failure = caught.value.failure()
    assert (failure.document, dict(failure.details)) == (task.document, figures)
    assert setting in failure.hint
    for figure in figures.values():
        assert figure in failure.message.replace(",", "")
