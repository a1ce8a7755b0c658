"""What a template's author declares for every document that uses it: optional, fallback, page, fonts."""

from __future__ import annotations

from pathlib import Path

import pytest
from docugen_core.domain.bundle import Format, TemplateReference
from docugen_core.errors import ConfigurationError, RenderFailed
from docugen_core.rendering.pack_loader import load_pack
from docugen_core.rendering.page_format import PageFormat, page_sizes
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import RenderTask
from docugen_core.rendering.world import World
from pack_examples import DAY, PACK_TOML, PLEX, write_pack

PDF_TOML = PACK_TOML.replace('txt = "notice.txt"', 'pdf = "notice.typ"')
WORLD = World(DAY, "en-GB", "UTC", True)


def a_pack(folder: Path, declared: str, source: str = "") -> Path:
    return write_pack(folder, {"pack.toml": PDF_TOML + declared, "notice.typ": PLEX + source + "\nSPECIMEN\n"})


def refusal(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_pack(folder)
    return f"{caught.value.message} {caught.value.hint}"


def test_a_template_may_be_optional_and_have_a_stand_in_paper_and_fonts(tmp_path: Path) -> None:
    declared = 'optional = true\nfallback = "plain/notice@2.0.0"\nfonts = ["IBM Plex Sans"]\n[templates.formats]'
    toml = (
        PDF_TOML.replace("[templates.formats]", declared) + '[templates.page]\nsize = "a5"\norientation = "landscape"\n'
    )
    template = load_pack(write_pack(tmp_path, {"pack.toml": toml, "notice.typ": PLEX})).templates["notice"]

    assert template.optional
    assert template.fallback == TemplateReference("plain", "notice", "2.0.0")
    assert template.fonts == ("IBM Plex Sans",)
    assert template.page == PageFormat("a5", "landscape")
    assert template.page.millimetres == (210, 148)


def test_a_template_that_declares_nothing_is_required_and_free(tmp_path: Path) -> None:
    template = load_pack(write_pack(tmp_path)).templates["notice"]

    assert (template.optional, template.fallback, template.page, template.fonts) == (False, None, None, ())


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ('[templates.page]\nsize = "a9"\n', "pack.toml:16: unknown paper size 'a9'"),
        ('[templates.page]\nsize = "a4"\norientation = "up"\n', "pack.toml:17: unknown orientation 'up'"),
        ('[templates.page]\norientation = "portrait"\n', "pack.toml:15: templates[0].page.size is missing"),
        ('[templates.page]\nsize = "a4"\nmargin = 2\n', "pack.toml:17: unknown key 'templates[0].page.margin'"),
    ],
)
def test_paper_nobody_knows_is_refused_with_its_line(tmp_path: Path, declared: str, message: str) -> None:
    assert message in refusal(a_pack(tmp_path / "notice", declared))


def test_only_a_template_with_pages_promises_paper(tmp_path: Path) -> None:
    toml = PACK_TOML + '[templates.page]\nsize = "a4"\n'

    assert "only a template with the format pdf has a page" in refusal(write_pack(tmp_path, {"pack.toml": toml}))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('fallback = "notice"', "'notice' is not of the form pack/template[@version]"),
        ('fallback = "notice/notice"', "template 'notice' falls back to itself"),
        ('optional = "yes"', "templates[0].optional must be true or false"),
        ('fonts = ["IBM Plex Sans", "Garamond"]', "there is no font family 'Garamond' Known: IBM Plex Sans"),
    ],
)
def test_a_declaration_that_cannot_hold_is_refused(tmp_path: Path, line: str, message: str) -> None:
    toml = PACK_TOML.replace("[templates.formats]", f"{line}\n[templates.formats]")

    error = refusal(write_pack(tmp_path / "notice", {"pack.toml": toml}))
    assert message in error
    assert "pack.toml:13: " in error


@pytest.mark.parametrize(
    ("source", "sizes"),
    [
        ('#set page(paper: "a5", flipped: true)\n', [(210, 148)]),
        ('#set page(paper: "a5")\nA\n#pagebreak()\n#set page(paper: "us-letter")\nB', [(148, 210), (216, 279)]),
    ],
)
def test_pages_are_measured_one_by_one(tmp_path: Path, source: str, sizes: list[tuple[int, int]]) -> None:
    pack = load_pack(a_pack(tmp_path, "", source))
    pdf = render(RenderTask("notice.pdf", Format.PDF, pack, "notice", {}, WORLD)).data

    assert [(round(width), round(height)) for width, height in page_sizes(pdf)] == sizes


def test_a_page_that_breaks_the_promise_fails_the_document_and_is_named(tmp_path: Path) -> None:
    paper = '[templates.page]\nsize = "a5"\n'
    kept = load_pack(a_pack(tmp_path / "kept", paper, '#set page(paper: "a5")\n'))
    broken = load_pack(a_pack(tmp_path / "broken", paper, '#set page(paper: "a5")\nA\n#set page(flipped: true)\nB'))

    assert render(RenderTask("n.pdf", Format.PDF, kept, "notice", {}, WORLD)).pages == 1
    with pytest.raises(RenderFailed) as caught:
        render(RenderTask("n.pdf", Format.PDF, broken, "notice", {}, WORLD))
    assert caught.value.message == "page 2 is 210 x 148 mm, and pack.toml promises a5 portrait (148 x 210 mm)"
    assert caught.value.where is not None
    assert caught.value.where.file == "notice.typ"
