"""The gallery shows every shipped template: each page of its sample, small enough to live in the repository."""

from __future__ import annotations

import re

import pytest
from cli_process import ROOT
from docugen_core.domain.bundle import Format
from docugen_core.rendering.packs import TemplatePack
from PIL import Image
from shipped_packs import catalogue

PAGE = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "gallery"
TEXT = PAGE.read_text(encoding="utf-8")
REMEDY = "run make gallery"


@pytest.mark.parametrize("pack", [pytest.param(pack, id=pack.name) for pack in catalogue().packs()])
def test_every_shipped_template_is_in_the_gallery(pack: TemplatePack) -> None:
    assert f"\n## {pack.name}\n" in TEXT, REMEDY
    assert f"docugen templates preview libs/docugen_core/templates/{pack.name}\n" in TEXT, REMEDY
    for template in pack.templates.values():
        assert f"\n### {pack.name}/{template.name}\n" in TEXT, REMEDY
        if Format.PDF in template.formats:
            assert f"(gallery/{pack.name}-{template.name}-01.png)" in TEXT, REMEDY


def test_the_gallery_shows_each_picture_once_and_has_no_other() -> None:
    shown = re.findall(r"\(gallery/([\w.-]+\.png)\)", TEXT)
    assert len(shown) > 15
    assert sorted(shown) == sorted(picture.name for picture in PICTURES.iterdir()), REMEDY


def test_the_pictures_are_whole_pages_and_small() -> None:
    pictures = sorted(PICTURES.glob("*.png"))
    assert sum(picture.stat().st_size for picture in pictures) < 3_000_000
    for picture in pictures:
        assert picture.stat().st_size < 90_000
        with Image.open(picture) as image:
            assert 400 < min(image.size) <= max(image.size) < 1100
