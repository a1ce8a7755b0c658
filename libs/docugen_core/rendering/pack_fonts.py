"""The fonts in a pack's folder `fonts/`: which files may lie there, whether they are whole, what Typst calls them.

    fonts/regular/QuaySans-Regular.ttf    one face a file, .ttf or .otf, up to 32 of them of 16 MiB each
    fonts/bold/QuaySans-Bold.ttf          each in a folder of its own, of whatever name: `fonts` tells why
    fonts/OFL.txt                         and text, such as their licence

They are for the templates of their own pack, by the names that some template has in `fonts` of pack.toml. No list of names and
digests is needed: the pack's digest is over their bytes, and their names are read from them by the engine that will use them.

Refused: collections, variable and web fonts, files whose tables are cut off or absent (Typst would draw nothing, silently), two
files with one face, and a family that is installed too: which of the two a text gets would depend on the machine.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from docugen_core.domain.identity import content_digest
from docugen_core.rendering.fonts import FONT_SUFFIXES, FontFile, installed_fonts, without_own_folder

FONT_FOLDER = "fonts/"
FONTS_MAX = 32
FONT_BYTES_MAX = 16 << 20

_KINDS = (*FONT_SUFFIXES, ".ttc", ".otc", ".woff", ".woff2")
_SINGLE = (b"\0\1\0\0", b"OTTO", b"true")
_NEEDED = frozenset({b"cmap", b"head", b"hhea", b"hmtx", b"maxp", b"name", b"OS/2"})
_OUTLINES = (frozenset({b"glyf", b"loca"}), frozenset({b"CFF "}))
_DEPTH = 2
_EMBEDDING_RIGHTS = 8
"""Where OS/2 has fsType. Source: OpenType specification, "OS/2 - OS/2 and Windows Metrics Table"."""
_RESTRICTED = 2

_ONE_FACE = "A pack holds .ttf and .otf files of one face each: extract it, e.g. with fontTools."
_ANEW = "Copy the font anew from where it came; a broken download or a pointer of Git LFS looks like this."


class FontProblem(Exception):
    """What is wrong with one font file of a pack, and the remedy. file: within the pack."""

    def __init__(self, file: str, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.file = file
        self.hint = hint


def is_font(file: str) -> bool:
    """Whether a pack's file is a font by its name, of a kind that packs hold or not."""
    return file.lower().endswith(_KINDS)


def check_font(file: str, data: bytes) -> None:
    """Raises FontProblem unless `data` is one whole face at a place where a pack may have it."""
    if not file.startswith(FONT_FOLDER) or file.count("/") != _DEPTH:
        raise FontProblem(file, "is a font that has no folder of its own in fonts/", _own_folder(file))
    if data.startswith(b"ttcf"):
        raise FontProblem(file, "is a collection of faces", _ONE_FACE)
    if data.startswith((b"wOFF", b"wOF2")):
        raise FontProblem(file, "is a web font", "Take the .ttf or .otf file that it was made of.")
    if not file.endswith(FONT_SUFFIXES):
        raise FontProblem(file, f"does not end in {' or '.join(FONT_SUFFIXES)}", _ONE_FACE)
    if len(data) > FONT_BYTES_MAX:
        problem = f"has {len(data)} bytes, a font of a pack has at most {FONT_BYTES_MAX >> 20} MiB"
        raise FontProblem(file, problem, "Take a subset, or a distribution of fonts.")
    tables = _tables(data) if data.startswith(_SINGLE) else {}
    if b"fvar" in tables:
        raise FontProblem(file, "is a variable font", "Make an instance of it for each weight, e.g. with fontTools.")
    if not tables.keys() >= _NEEDED or not any(outlines <= tables.keys() for outlines in _OUTLINES):
        raise FontProblem(file, "is no font, or a broken one", _ANEW)
    if any(start + size > len(data) for start, size in tables.values()):
        raise FontProblem(file, "is cut off", _ANEW)


def forbids_embedding(font: bytes) -> bool:
    """Whether the font says of itself that no document may hold it (fsType "Restricted License embedding")."""
    start, size = _tables(font).get(b"OS/2", (0, 0))
    if size < _EMBEDDING_RIGHTS + 2:
        return False
    rights: int = struct.unpack_from(">H", font, start + _EMBEDDING_RIGHTS)[0]
    return rights & 0xF == _RESTRICTED


def named_fonts(folder: Path, fonts: Mapping[str, bytes]) -> dict[str, FontFile]:
    """The faces of a pack in `folder`, by file. fonts: all its font files, each past `check_font`.

    Raises FontProblem for two in one folder, one that Typst cannot read, two with one face, and a family that is installed.
    """
    if not fonts:
        return {}
    crowded = without_own_folder(PurePosixPath(file) for file in fonts)
    if crowded:
        file = str(crowded[-1])
        raise FontProblem(file, "lies in one folder with another font", _own_folder(file))
    import typst  # a service's own process needs no engine, unless a pack brings fonts

    root = folder.resolve()
    place = root / FONT_FOLDER
    seen = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[place]).fonts()
    faces = {Path(face.path or ""): (face.family, face.style, face.weight) for face in seen}
    named = {}
    for file, data in sorted(fonts.items()):
        path = root / file
        if path not in faces:
            raise FontProblem(file, "cannot be read by Typst", _ANEW)
        named[file] = FontFile(path, *faces[path], content_digest(data))
    _refuse_competitors(named)
    return named


def _refuse_competitors(named: Mapping[str, FontFile]) -> None:
    installed = {font.family.lower(): font for font in reversed(installed_fonts())}
    first: dict[tuple[str, str, int], str] = {}
    for file, font in named.items():
        family, style, weight = font.face
        same = first.setdefault((family.lower(), style, weight), file)
        if same != file:
            problem = f"is the same face as {same}: {family} {style} {weight}"
            raise FontProblem(file, problem, "Keep one of them; two faces of one name must not compete.")
        rival = installed.get(family.lower())
        if rival is not None:
            problem = f"is of the family {family!r}, which is installed: {rival.path}"
            hint = "Remove it from the pack, uninstall the other one, or give it a family name of its own."
            raise FontProblem(file, problem, hint)


def _own_folder(file: str) -> str:
    path = PurePosixPath(file)
    return f"Move it to {FONT_FOLDER}{path.stem}/{path.name}: Typst keeps no order among the fonts in one folder."


def _tables(font: bytes) -> dict[bytes, tuple[int, int]]:
    """Start and size of each table by its tag, as the table directory says; none where that is cut off."""
    try:
        count = struct.unpack_from(">H", font, 4)[0]
        entries = [struct.unpack_from(">4sLLL", font, 12 + 16 * number) for number in range(count)]
    except struct.error:
        return {}
    return {tag: (start, size) for tag, _, start, size in entries}
