"""The files of a pack's folder, read, and refused where they have no place in a pack.

Hidden files and folders are no part of a pack: a version control's, and what an editor keeps beside the file it has open.

Refused: symbolic links (Typst follows them out of its sandbox), what hides among fonts (the engine reads their folders), binary
files but Word templates and fonts (virtual files of the PDF engine are UTF-8; draw logos as SVG), what `docx_template` and
`pack_fonts` refuse of those, more than 500 files or 32 MiB, names the renderer itself provides.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from docugen_core.rendering.docx_template import check_docx_template
from docugen_core.rendering.fonts import FontFile
from docugen_core.rendering.ooxml import PackageProblem
from docugen_core.rendering.pack_fonts import FONT_FOLDER, FONTS_MAX, FontProblem, check_font, is_font, named_fonts
from docugen_core.rendering.packs import PACK_BYTES_MAX, PACK_FILES_MAX, is_text

PACK_FILE = "pack.toml"
RESERVED = ("main.typ", "docugen.typ", "docugen/", "data.json", "world.json", "labels.json")
"""Provided by the renderer; a name that ends in a slash is a folder."""


class FileProblem(Exception):
    """What is wrong with one file, and the remedy. file: within the pack. line: from 1, or 0 for the file as a whole."""

    def __init__(self, file: str, problem: str, hint: str, *, line: int = 0) -> None:
        super().__init__(problem)
        self.file = file
        self.hint = hint
        self.line = line


@dataclass(frozen=True, slots=True)
class PackFiles:
    """contents: path -> content of every file but fonts. fonts: path -> face of every font file."""

    contents: dict[str, bytes] = field(default_factory=dict)
    fonts: dict[str, FontFile] = field(default_factory=dict)


def read_pack_files(folder: Path) -> PackFiles:
    """Every file below `folder`. Raises FileProblem for the first, by name, that has no place in a pack."""
    if not (folder / PACK_FILE).is_file():
        raise FileProblem(PACK_FILE, "is missing", "A template pack is a folder with a pack.toml.")
    _refuse_hidden_fonts(folder)
    contents: dict[str, bytes] = {}
    fonts: dict[str, bytes] = {}
    size = 0
    for path in visible_paths(folder):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise FileProblem(
                name, "is a symbolic link", "Copy the file into the pack: links reach outside the sandbox."
            )
        if not path.is_file():
            raise FileProblem(name, "is not a regular file", "A pack holds plain files and folders.")
        try:
            data = path.read_bytes() if path.stat().st_size <= PACK_BYTES_MAX - size else None
        except OSError as error:
            raise FileProblem(name, f"cannot be read: {error.strerror}", "Is somebody changing the pack?") from None
        if data is None or len(contents) + len(fonts) >= PACK_FILES_MAX:
            limit = f"a pack holds at most {PACK_FILES_MAX} files and {PACK_BYTES_MAX >> 20} MiB"
            raise FileProblem(name, f"is too much: {limit}", "Split the pack.")
        size += len(data)
        if is_font(name):
            if len(fonts) >= FONTS_MAX:
                hint = "Split the pack, or make a distribution of the fonts."
                raise FileProblem(name, f"is too much: a pack holds at most {FONTS_MAX} fonts", hint)
            fonts[name] = data
        else:
            contents[name] = _checked(name, data)
    return PackFiles(contents, _named(folder, fonts))


def visible_paths(folder: Path) -> Iterator[Path]:
    """What is below a pack's folder and may belong to it: files, and links of any kind, by folder. Hidden folders are not even
    looked into, however much a version control keeps there; what vanishes meanwhile is passed over."""
    for parent, folders, files in os.walk(folder):
        below = Path(parent)
        seen = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in seen if (below / name).is_symlink()]
        folders[:] = [name for name in seen if name not in links]
        yield from (below / name for name in sorted([*files, *links]) if not name.startswith("."))


def _refuse_hidden_fonts(folder: Path) -> None:
    """The engine searches the folders of fonts itself, so nothing that may be or lead to one can hide in there."""
    for parent, folders, files in os.walk(folder / FONT_FOLDER):
        for name in sorted(hidden for hidden in (*folders, *files) if hidden.startswith(".")):
            path = Path(parent) / name
            if name in folders or path.is_symlink() or is_font(name):
                place = path.relative_to(folder).as_posix()
                raise FileProblem(place, "is hidden", "Remove it: the engine looks for fonts in this folder.")


def _checked(name: str, data: bytes) -> bytes:
    if name in RESERVED or name.startswith(tuple(folder for folder in RESERVED if folder.endswith("/"))):
        raise FileProblem(
            name, "has a reserved name", f"Rename it: {', '.join(RESERVED)} are provided by the renderer."
        )
    if not is_text(name):
        _check_docx(name, data)
        return data
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        hint = "Of binary files a pack holds only .docx templates and, in fonts/, fonts; draw images as SVG."
        raise FileProblem(name, "is not UTF-8 text", hint, line=line) from None
    return data


def _check_docx(name: str, data: bytes) -> None:
    try:
        check_docx_template(data)
    except PackageProblem as problem:
        raise FileProblem(name, str(problem), problem.hint) from None


def _named(folder: Path, fonts: dict[str, bytes]) -> dict[str, FontFile]:
    try:
        for name, data in fonts.items():
            check_font(name, data)
        return named_fonts(folder, fonts)
    except FontProblem as problem:
        raise FileProblem(problem.file, str(problem), problem.hint) from None
