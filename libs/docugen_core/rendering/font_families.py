"""Which font families there are, read from the `name` table of font files: no engine is needed to check a pack.

The name of a family is the typographic one (name id 16) where a font has it, else the plain one (name id 1), as Typst reads
it. Source: OpenType specification, "name - Naming Table".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from functools import cache

from docugen_core.rendering.fonts import FONT_SUFFIXES, installed_fonts

PLAIN_FAMILY = 1
TYPOGRAPHIC_FAMILY = 16


@cache
def shipped_families() -> frozenset[str]:
    """The families of the installed fonts: those that ship with DocuGen, and those of distributions beside it."""
    return frozenset(font.family for font in installed_fonts())


def pack_families(files: Mapping[str, bytes]) -> frozenset[str]:
    """The families of the font files among a pack's `files`."""
    return families(data for path, data in files.items() if path.lower().endswith(FONT_SUFFIXES))


def families(fonts: Iterable[bytes]) -> frozenset[str]:
    """The families of these fonts. A file that is no font has none."""
    return frozenset(name for font in fonts if (name := _family(font)))


def _family(font: bytes) -> str:
    try:
        return _read_family(font)
    except struct.error:
        return ""


def _read_family(font: bytes) -> str:
    tables = struct.unpack_from(">H", font, 4)[0]
    found: dict[int, str] = {}
    for number in range(tables):
        tag, _, start, _ = struct.unpack_from(">4sLLL", font, 12 + 16 * number)
        if tag != b"name":
            continue
        _, count, texts = struct.unpack_from(">HHH", font, start)
        for record in range(count):
            platform, _, _, name, size, at = struct.unpack_from(">6H", font, start + 6 + 12 * record)
            begin = start + texts + at
            raw = font[begin : begin + size]
            # 0 and 3 are Unicode and Windows: both UTF-16. 1 is Macintosh, of which only ASCII is read.
            text = raw.decode("utf-16-be" if platform in (0, 3) else "ascii", errors="ignore")
            found.setdefault(name, text)
    return found.get(TYPOGRAPHIC_FAMILY) or found.get(PLAIN_FAMILY, "")
