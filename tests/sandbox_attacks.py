"""How attacks on every engine end, for tests/rendering/test_sandbox_*.py: in real render processes.

The pack is the author's, who may be careless; the data is a caller's, who may be hostile. Neither may read, reach, run, keep
or exhaust anything beyond the document. What cannot be refused is bounded: it ends with its process, and the next one renders.
"""

from __future__ import annotations

import pytest
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed, RenderInterrupted
from docugen_core.rendering.task import RenderTask
from docx_examples import a_docx
from pack_examples import PLEX, a_task

HELLO = a_task(PLEX + "Hello")
SECRET = "root:"  # noqa: S105 - how /etc/passwd begins
TEXTS = (Format.TXT, Format.HTML, Format.MD, Format.XML, Format.JSON)


def in_docx(expression: str) -> RenderTask:
    return a_task(a_docx(expression), Format.DOCX, labels={"en": {"specimen": "SPECIMEN"}})


async def refused(pool: RenderPool, task: RenderTask) -> RenderFailed:
    """The template's own error; the process goes on."""
    with pytest.raises(RenderFailed) as caught:
        await pool.render(task)
    assert SECRET not in str(caught.value.failure().to_json())
    return caught.value


async def killed(pool: RenderPool, task: RenderTask, *reasons: str) -> None:
    """The process ends and names the document and the bound; the next document renders."""
    with pytest.raises(RenderInterrupted) as caught:
        await pool.render(task)
    failure = caught.value.failure()
    assert failure.code in reasons
    assert failure.document == task.document
    if failure.code != "RENDER_PROCESS_DIED":
        setting = "DOCUGEN_RENDER_TIMEOUT_MS" if failure.code == "RENDER_TIMEOUT" else "DOCUGEN_RENDER_MEMORY_MB"
        assert setting in failure.hint
        assert failure.details
    assert (await pool.render(HELLO)).pages == 1
