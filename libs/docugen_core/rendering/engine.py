"""What renders: the version of everything that decides bytes. Its fingerprint is in every manifest.

Parts that cannot change a byte are left out, so that replacing them is no new edition: tzdata (a document knows its
zone's name, never a time), Python (only its csv, json and zipfile containers, whose output is pinned by golden tests). zlib
is in because DOCX, XLSX and attachments are deflated by it; Typst and Pillow carry their own.
"""

from __future__ import annotations

import sys
import zlib
from functools import cache
from pathlib import Path

from docugen_core.domain.manifest import Engine
from docugen_core.rendering.fonts import installed_fonts
from docugen_core.rendering.typst_library import library_digest

RENDERING_EDITION = "1"
"""Raise it when DocuGen's own rendering code makes other bytes than the last release did. It is "1" until there is one: no
fingerprint was published yet. tests/rendering/test_goldens.py asks for it."""

_DISTRIBUTIONS = (
    "babel",
    "docxtpl",
    "jinja2",
    "lxml",
    "minijinja",
    "pikepdf",
    "pillow",
    "pypdfium2",
    "python-docx",
    "typst",
    "xlsxwriter",
)


@cache
def engine() -> Engine:
    """The engine of this installation. Imports no engine: the service's own process never needs one."""
    components = {name: _version(name) for name in _DISTRIBUTIONS}
    components["docugen-rendering"] = RENDERING_EDITION
    components["zlib"] = zlib.ZLIB_RUNTIME_VERSION
    components["docugen.typ"] = library_digest()
    fonts = tuple((font.name, font.sha256) for font in installed_fonts())
    return Engine(tuple(sorted(components.items())), fonts)


def _version(distribution: str) -> str:
    """The installed version, from the name of its `.dist-info` folder: importing importlib.metadata costs ten times that."""
    escaped = distribution.replace("-", "_")
    for folder in sys.path:
        found = sorted(Path(folder).glob(f"{escaped}-*.dist-info"))
        if found:
            return found[0].name.removeprefix(f"{escaped}-").removesuffix(".dist-info")
    from importlib.metadata import version

    return version(distribution)
