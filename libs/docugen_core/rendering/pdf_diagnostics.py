"""Turns Typst's diagnostics into our errors: the place in the pack, the offending line, a hint; no path of this machine.

A diagnostic lists places from the inside out:

    error: dictionary does not contain key "foo"
      ┌─ some/root/invoice.typ:4:4          line from 1, column from 0
    help: while calling `total`
      ┌─ some/root/docugen/numbers.typ:6:1

The first place inside the pack is reported: an author can mend their own file, not the library or the data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from docugen_core.domain.failure import SourceLocation
from docugen_core.errors import RenderFailed
from docugen_core.rendering.missing_glyphs import NO_GLYPH, missing_glyphs
from docugen_core.rendering.typst_library import LIBRARY_FOLDER

_FROM_RENDERER = frozenset({"main.typ", "docugen.typ", "data.json", "world.json", "labels.json"})
_LIBRARY_PARTS = "docugen/"

_PLACE = re.compile(r"┌─ (.+):(\d+):(\d+)$", re.MULTILINE)
_SEARCHED = re.compile(r" \(searched at .*?\)")
_PACKAGE = re.compile(r"failed to download package|package not found|error sending request")
_MESSAGE_MAX = 500


def render_failed(
    message: str, hints: Sequence[str], diagnostic: str, files: Mapping[str, bytes], template: str
) -> RenderFailed:
    """The RenderFailed for one diagnostic. files: the virtual files. template: blamed when no place is known."""
    places = [_place(found[1], int(found[2]), int(found[3]), files) for found in _PLACE.finditer(diagnostic)]
    known = [place for place in places if place is not None]
    where = next((place for place in known if not _is_from_renderer(place.file)), SourceLocation(template))
    details = {}
    if known and known[0].file != "main.typ" and _is_from_renderer(known[0].file):
        details["inside"] = str(known[0])
    if NO_GLYPH.search(diagnostic):
        text, hint, missing = missing_glyphs(diagnostic, files)
        details |= missing
    else:
        text, hint = _in_our_words(_SEARCHED.sub("", message), where, "; ".join(hints))
    return RenderFailed(text[:_MESSAGE_MAX], where=where, hint=hint, details=details)


def _is_from_renderer(file: str) -> bool:
    """Whether this virtual file is provided by the renderer: no pack may have one of its name."""
    return file in _FROM_RENDERER or file.startswith(_LIBRARY_PARTS)


def _place(path: str, line: int, column: int, files: Mapping[str, bytes]) -> SourceLocation | None:
    """Typst prints paths as seen from the working directory it was started in, as if all files lay in its root."""
    file = _below_root(path)
    if file not in files:  # it was started in another one: ours is the longest virtual name they end with
        names = [name for name in files if path == name or path.endswith(f"/{name}")]
        if not names:
            return None
        file = max(names, key=len)
    lines = files[file].decode().split("\n")
    expression = lines[line - 1].strip() if line <= len(lines) and not file.endswith(".json") else ""
    return SourceLocation(file, line, column + 1, expression[:200])


def _below_root(path: str) -> str:
    try:
        return os.path.relpath(path, LIBRARY_FOLDER.resolve())
    except FileNotFoundError:  # the working directory is gone
        return path


def _in_our_words(message: str, where: SourceLocation, hint: str) -> tuple[str, str]:
    if _PACKAGE.search(message):
        return (
            "the template imports a package from the network",
            "Rendering has no network. Copy the package's files into the template pack and import them by path.",
        )
    if message.startswith("unable to get the current date"):
        return (
            "the template asks for today's date, but the bundle has no document_date",
            "Set document_date in the bundle.",
        )
    if message.startswith("failed to parse SVG"):
        return message, "Mend the SVG; a letterhead's logo comes from data.branding.logo."
    if message.startswith("file not found"):
        return (
            f"file not found: {where.expression}" if where.expression else message,
            "A template can read the files of its own pack and nothing else; check the path. Of those a PDF has no pack.toml,"
            " no labels, schemas and samples, and no other format's source.",
        )
    if "escape the project root" in message:
        return message, "A template can read the files of its own pack and nothing else."
    if "missing document date" in message:
        return message, "Do not set the document's date to none; without document_date it is 1980-01-01."
    return message, hint
