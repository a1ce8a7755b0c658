"""`docugen data`: a PDF that holds its data becomes the bundle it came from; every other file is refused, and why."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_process import Ended
from direct_renderer import render_bundle
from docugen_core.assembly import assemble_intake
from docugen_core.config import Settings
from docugen_core.rendering.packs import PdfOptions
from docugen_core.rendering.pdf_attachments import DATA_FILE, EmbeddedFile, embedded
from docugen_core.rendering.registry import render
from pack_examples import PLEX, a_task, write_pack

PACK = """
schema = "docugen.pack/v1"
[pack]
name = "slip"
version = "1.2.0"
[[templates]]
name = "slip"
title = "Slip"
schema = "notice.schema.json"
sample = "notice.sample.json"
[templates.formats]
pdf = "slip.typ"
[templates.pdf]
standards = ["a-3b"]
embed_data = true
"""
SLIP = PLEX + '#json("data.json").name #json("world.json").locale #datetime.today().display()'


def test_the_bundle_of_a_pdf_renders_the_same_bytes(docugen: Callable[..., Ended], tmp_path: Path) -> None:
    write_pack(tmp_path / "packs" / "slip", {"pack.toml": PACK, "slip.typ": SLIP})
    intake = assemble_intake(Settings(template_path=str(tmp_path / "packs")))
    bundle: dict[str, Any] = {
        "documents": [{"name": "a.pdf", "format": "pdf", "template": "slip/slip", "data": {"name": "Wren Fable é"}}],
        "locale": "fr-FR",
        "document_date": "2026-03-31",
        "specimen": True,
    }
    _, files = asyncio.run(render_bundle(bundle, intake))
    (sha256,) = files
    Path("a.pdf").write_bytes(files[sha256])

    again = docugen("data", "a.pdf").json()

    assert again["documents"][0]["template"] == "slip/slip@1.2.0"
    _, same = asyncio.run(render_bundle(again, intake))
    assert list(same) == [sha256] == [hashlib.sha256(files[sha256]).hexdigest()]


def test_a_file_that_holds_no_data_is_refused_with_the_reason(docugen: Callable[..., Ended]) -> None:
    plain = render(a_task(PLEX + "x", pdf=PdfOptions(("a-3b",)))).data
    foreign = embedded(plain, [EmbeddedFile(DATA_FILE, "application/json", "Source", b'{"a": 1}')], "D:20260101000000Z")
    broken = embedded(plain, [EmbeddedFile(DATA_FILE, "application/json", "Source", b"{")], "D:20260101000000Z")
    cases = {
        "none.pdf": (None, "No such file"),
        "text.pdf": (b"hello", "is no PDF"),
        "plain.pdf": (plain, "holds no document-data.json"),
        "foreign.pdf": (foreign, "is not of the form docugen.document-data/v1"),
        "broken.pdf": (broken, "is not of the form docugen.document-data/v1"),
    }
    for name, (content, reason) in cases.items():
        if content is not None:
            Path(name).write_bytes(content)
        ended = docugen("data", name)
        assert ended.code == 2, name
        assert name in ended.err
        assert reason in ended.err


@pytest.mark.parametrize("arguments", [(), ("a.pdf", "b.pdf")])
def test_one_file_is_asked_for(docugen: Callable[..., Ended], arguments: tuple[str, ...]) -> None:
    assert docugen("data", *arguments).code == 2
