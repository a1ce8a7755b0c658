"""What lint says of the fonts in a pack: licence, right to embed, use."""

from __future__ import annotations

from pathlib import Path

import pytest
from direct_renderer import DirectRenderer
from docugen_core.authoring.lint import lint_pack
from font_examples import a_font
from pack_examples import PACK_TOML, write_pack

NAMED = PACK_TOML.replace('notice.txt"', 'notice.txt"\npdf = "notice.typ"').replace(
    "[templates.formats]", 'fonts = ["IBM Plex Sans", "Quay Sans"]\n[templates.formats]'
)
UNNAMED = NAMED.replace('fonts = ["IBM Plex Sans", "Quay Sans"]\n', "")
SOUND: dict[str, str | bytes] = {
    "pack.toml": NAMED,
    "notice.typ": '#import "docugen.typ": *\n#data.name #label("greeting")',
    "fonts/regular/QuaySans.ttf": a_font(),
    "fonts/OFL.txt": "A licence.\n",
}
SCHEMA = '{"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}'


async def linted(folder: Path, files: dict[str, str | bytes]) -> list[str]:
    report = await lint_pack(write_pack(folder, {"notice.schema.json": SCHEMA, **files}), DirectRenderer())
    assert report.errors == 0
    return [f"{f.file}: {f.code}: {f.message}" for f in report.findings]


@pytest.mark.parametrize("licence", ["OFL.txt", "LICENSE", "LICENCE-Quay.md", "Copying.txt"])
async def test_fonts_beside_their_licence_are_without_blame(tmp_path: Path, licence: str) -> None:
    files = {path: content for path, content in SOUND.items() if path != "fonts/OFL.txt"}

    assert await linted(tmp_path, {**files, f"fonts/{licence}": "A licence.\n", "fonts/FONTLOG.txt": "1.0\n"}) == []


async def test_fonts_without_a_licence_are_asked_for_one(tmp_path: Path) -> None:
    files = {path: content for path, content in SOUND.items() if path != "fonts/OFL.txt"}

    assert await linted(tmp_path, {**files, "fonts/README.txt": "Two files.\n"}) == [
        "fonts/: font-unlicensed: no licence lies beside the fonts"
    ]


async def test_a_font_that_may_not_be_embedded_is_named(tmp_path: Path) -> None:
    assert await linted(tmp_path, {**SOUND, "fonts/regular/QuaySans.ttf": a_font(fs_type=2)}) == [
        "fonts/regular/QuaySans.ttf: font-restricted: the font says that documents may not embed it (fsType 2, Restricted"
        " License embedding)"
    ]


async def test_a_font_that_nobody_names_is_told(tmp_path: Path) -> None:
    assert await linted(tmp_path / "a", {**SOUND, "pack.toml": UNNAMED}) == [
        "fonts/regular/QuaySans.ttf: font-unused: no template has 'Quay Sans' in its `fonts`"
    ]
