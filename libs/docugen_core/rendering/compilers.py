"""Typst compilers: the process's one for the installed fonts, and a few for packs that bring fonts of their own.

A compiler belongs to a set of fonts. That of the installed fonts is made at the start; one for a pack's fonts is made when the
first of its documents comes, and kept with the last few of its kind, so that no other pack can reach those fonts. Of a pack's
it holds those whose family one of its templates names in `fonts`: what nobody names is out of reach of every text, also of one
in an SVG, or of one that has left its chain.

Typst reads a face when a text first uses it, and draws nothing, without a word, if it cannot. A pack's fonts lie in its folder,
which somebody may have changed since the pack was loaded. So a compiler for a pack reads every face once and the files are
then compared with their digests: what it will draw with is what the pack's digest is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docugen_core.domain.identity import content_digest
from docugen_core.errors import ConfigurationError, RenderInterrupted
from docugen_core.rendering.fonts import FontFile, font_folders, installed_fonts
from docugen_core.rendering.pack_fonts import FONT_FOLDER
from docugen_core.rendering.packs import TemplatePack
from docugen_core.rendering.typst_library import LIBRARY_FOLDER

if TYPE_CHECKING:
    import typst

NO_PACKAGES = Path(__file__).parent / "empty"
MAIN_FILE = "main.typ"
KEPT_MAX = 4
"""Compilers for packs with fonts. Each holds the faces its documents used, so their memory is the reason for the bound."""

_UNREAD = "a face that cannot be read"


@cache
def compiler() -> typst.Compiler:
    """The process's one for the installed fonts; never for several threads. Safe to make before a fork, not to use.

    Raises ConfigurationError as `check_fonts` does.
    """
    fonts = typst_fonts(installed_fonts())
    return _compiler_of(fonts)


def compiler_for(pack: TemplatePack) -> typst.Compiler:
    """The compiler with the installed fonts and those that `pack` brings and names. Making it uses it: never before a fork.

    Raises RenderInterrupted (FONT_CHANGED) where a font in the pack's folder, or an installed one, is no longer what it was
    when the pack was loaded. That is this machine's trouble and not the document's, so it neither fails nor omits one for good.
    """
    named = {family for template in pack.templates.values() for family in template.fonts}
    own = tuple(font for _, font in sorted(pack.fonts.items()) if font.family in named)
    if not own:
        return compiler()
    try:
        return _compiler_with(own)
    except (_FontChangedError, ConfigurationError) as error:
        which = f"the font {error} of" if isinstance(error, _FontChangedError) else "a font that is installed, or of"
        raise RenderInterrupted(
            f"{which} template pack {pack.name}@{pack.version} has changed on disk since the pack was loaded",
            code="FONT_CHANGED",
            hint="Restart the service, which reads packs at its start; give a changed pack a new version.",
            details={"pack": f"{pack.name}@{pack.version}", "pack_digest": pack.digest},
        ) from error


def typst_fonts(listed: Sequence[FontFile]) -> typst.Fonts:
    """The listed faces and no others, in an order that no machine's file system has a say in.

    Raises ConfigurationError as `check_fonts` does.
    """
    import typst

    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=font_folders(listed))
    check_fonts(fonts, listed)
    return fonts


def check_fonts(fonts: typst.Fonts, listed: Sequence[FontFile]) -> None:
    """Raises ConfigurationError naming the file unless Typst sees exactly the listed faces, under the names of the list.

    The library reads a missing folder as "no fonts", and skips what is no font.
    """
    seen = {Path(face.path or ""): (face.family, face.style, face.weight) for face in fonts.fonts()}
    for font in listed:
        face = seen.pop(font.path, None)
        if face != font.face:
            told = " ".join(map(str, face)) if face else "no font that can be read"
            message = f"{font.path} is {told}, not {' '.join(map(str, font.face))} as its list says"
            raise ConfigurationError(message, code="INVALID_FONTS", hint="Correct fonts.toml, or take another file.")
    if seen:
        message = f"the font file {min(seen)} is not listed"
        raise ConfigurationError(message, code="INVALID_FONTS", hint="List it in fonts.toml, or remove it.")


def _compiler_of(fonts: typst.Fonts) -> typst.Compiler:
    import typst

    root, packages = LIBRARY_FOLDER, NO_PACKAGES
    return typst.Compiler(root=root, font_paths=fonts, package_path=packages, package_cache_path=packages)


class _FontChangedError(Exception):
    """Its text is the font's place in the pack: a caller learns no path of this machine."""

    def __init__(self, font: FontFile) -> None:
        super().__init__(f"{FONT_FOLDER}{font.path.parent.name}/{font.path.name}")


@lru_cache(maxsize=KEPT_MAX)
def _compiler_with(own: tuple[FontFile, ...]) -> typst.Compiler:
    """own: a pack's faces. What fails is not kept: the folder may be mended."""
    _compare(own)
    fonts = typst_fonts([*installed_fonts(), *own])
    made = _compiler_of(fonts)
    for font in own:
        _read_face(made, font)
    _compare(own)
    return made


def _compare(fonts: Sequence[FontFile]) -> None:
    for font in fonts:
        try:
            same = content_digest(font.path.read_bytes()) == font.sha256
        except OSError:
            same = False
        if not same:
            raise _FontChangedError(font)


def _read_face(made: typst.Compiler, font: FontFile) -> None:
    """Has Typst read the face, by a line of text in it: a line has a height if, and only if, its font could be read.

    The line's edges are given, so that the height is not the font's matter: its own metrics may well be zero.
    """
    import typst

    family = font.family.replace("\\", "\\\\").replace('"', '\\"')
    source = (
        f'#context assert(measure(text(font: "{family}", style: "{font.style}", weight: {font.weight}, fallback: false,'
        f' top-edge: 1em, bottom-edge: 0em, "x")).height > 0pt, message: "{_UNREAD}")'
    )
    compile_files: Any = made.compile_with_warnings
    try:
        compile_files({MAIN_FILE: source.encode()}, sys_inputs=None, format="svg")
    except typst.TypstError:
        raise _FontChangedError(font) from None
