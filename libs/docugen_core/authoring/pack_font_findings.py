"""What lint says of the fonts in a pack's folder `fonts/`: may they be given to others, may documents hold them, are they used.

That they are whole and have names of their own is the loader's matter; nothing wrong with a font is found here that would break
a document.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from docugen_core.authoring.findings import LintFinding
from docugen_core.rendering.pack_fonts import FONT_FOLDER, forbids_embedding
from docugen_core.rendering.packs import TemplatePack

LICENCES = ("LICENSE", "LICENCE", "OFL", "COPYING")
COMPANIONS = (*LICENCES, "README", "FONTLOG", "AUTHORS", "TRADEMARKS")
"""How the names of files begin that come with fonts: of these, one of the first says what others may do with them."""


def belongs_to_fonts(file: str) -> bool:
    """Whether `file` of a pack may lie beside its fonts and be referred to by nothing."""
    return file.startswith(FONT_FOLDER) and PurePosixPath(file).name.upper().startswith(COMPANIONS)


def font_findings(pack: TemplatePack) -> Iterator[LintFinding]:
    """One finding for the folder, and those of each font. Reads the files again."""
    if not pack.fonts:
        return
    beside = [PurePosixPath(file).name.upper() for file in pack.files if file.startswith(FONT_FOLDER)]
    if not any(name.startswith(LICENCES) for name in beside):
        hint = "Add it, e.g. as fonts/OFL.txt: most licences ask that it goes where the font goes."
        yield LintFinding(FONT_FOLDER, 0, "font-unlicensed", "no licence lies beside the fonts", hint)
    named = {family for template in pack.templates.values() for family in template.fonts}
    for file, font in sorted(pack.fonts.items()):
        if font.family not in named:
            message = f"no template has {font.family!r} in its `fonts`"
            yield LintFinding(file, 0, "font-unused", message, "Name it in pack.toml, or remove the file.")
        if forbids_embedding(font.path.read_bytes()):
            message = "the font says that documents may not embed it (fsType 2, Restricted License embedding)"
            yield LintFinding(file, 0, "font-restricted", message, "Ask whoever made it, or take another.")
