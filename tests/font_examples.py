"""Fonts for tests: a few letters of a shipped face under another name, and a letter that no shipped face has."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

from docugen_core.rendering.fonts import FONT_FOLDER
from fontTools import subset
from fontTools.ttLib import TTFont

SHIPPED = FONT_FOLDER / "ibm-plex-sans" / "regular" / "IBMPlexSans-Regular.ttf"
SNOWMAN = "\u2603"
LETTERS = "".join(map(chr, range(0x20, 0x7F)))
_FAMILY, _FULL, _POSTSCRIPT, _TYPOGRAPHIC = 1, 4, 6, 16


@cache
def a_font(
    family: str = "Quay Sans", *, weight: int = 400, fs_type: int = 0, drop: tuple[str, ...] = (), snowman: str = "A"
) -> bytes:
    """A .ttf of the ASCII letters and SNOWMAN, drawn as `snowman`. drop: tables it does without. The same bytes every time."""
    font = TTFont(SHIPPED, recalcTimestamp=False)
    options = subset.Options(layout_features=[], name_IDs=["*"], recalc_timestamp=False)
    cutter = subset.Subsetter(options)
    cutter.populate(text=LETTERS)
    cutter.subset(font)
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[ord(SNOWMAN)] = table.cmap[ord(snowman)]
    for record in list(font["name"].names):
        if record.nameID in (_FAMILY, _FULL, _TYPOGRAPHIC):
            record.string = family
        elif record.nameID == _POSTSCRIPT:
            record.string = family.replace(" ", "")
    font["OS/2"].usWeightClass = weight
    font["OS/2"].fsType = fs_type
    for name in drop:
        del font[name]
    return _saved(font)


def changed_font(data: bytes, change: Callable[[TTFont], None]) -> bytes:
    """The font after `change` to its tables."""
    font = TTFont(io.BytesIO(data), recalcTimestamp=False)
    change(font)
    return _saved(font)


def _saved(font: TTFont) -> bytes:
    buffer = io.BytesIO()
    font.save(buffer)
    return buffer.getvalue()
