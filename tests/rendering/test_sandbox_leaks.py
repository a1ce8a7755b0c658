"""One document after the other in one warm process, tried: nothing of a document is there for the next."""

from __future__ import annotations

import pytest
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.domain.bundle import Format
from docugen_core.rendering.task import RenderTask
from pack_examples import PLEX, a_task
from sandbox_attacks import HELLO, in_docx, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")


def of_tenant(name: str, secret: str) -> RenderTask:
    return a_task(PLEX + '#json("data.json").secret', data={"secret": secret, "tenant": name})


async def test_a_warm_process_shows_the_next_tenant_nothing_of_the_last(pool: RenderPool) -> None:
    """The same process renders a document with a secret, then others that look for it in every place there is."""
    await pool.render(HELLO)
    (process,) = pool.process_ids
    alone = await pool.render(of_tenant("b", "nothing"))
    await pool.render(of_tenant("a", "HUNTER2"))
    await pool.render(
        a_task('#let leaked = state("s", 0)\n#leaked.update(n => 7)\n#metadata("HUNTER2") <label>' + PLEX)
    )

    assert (await pool.render(of_tenant("b", "nothing"))).data == alone.data
    state = a_task(PLEX + '#context assert.eq(state("s", 0).final(), 0)\n#context assert.eq(query(<label>), ())')
    assert (await pool.render(state)).pages == 1
    await refused(pool, a_task('#json("data.json").secret'))
    assert pool.process_ids == (process,), "they were rendered by one process"


async def test_a_file_of_one_pack_is_not_there_for_the_next(pool: RenderPool) -> None:
    await pool.render(a_task(PLEX + '#read("secret.txt")', files={"secret.txt": "HUNTER2"}))
    await pool.render(a_task('{% include "secret.txt" %}', Format.TXT, files={"secret.txt": "HUNTER2"}))

    await refused(pool, a_task('#read("secret.txt")'))
    await refused(pool, a_task('{% include "secret.txt" %}', Format.TXT))


@pytest.mark.parametrize("form", [Format.TXT, Format.HTML, Format.DOCX])
async def test_what_a_template_sets_is_gone_with_its_document(pool: RenderPool, form: Format) -> None:
    write, read = "{% set leaked = data.name %}{{ leaked }}", "{{ leaked }}"
    make = in_docx if form is Format.DOCX else lambda source: a_task(source, form)

    await pool.render(make(write))

    await refused(pool, make(read))
