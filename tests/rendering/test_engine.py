"""The engine fingerprint: everything that decides bytes, known without importing an engine."""

from __future__ import annotations

import subprocess
import sys
import zlib
from importlib.metadata import version

from docugen_core.domain.identity import LIBRARY_PREFIX, content_digest, digest
from docugen_core.rendering.engine import engine
from docugen_core.rendering.fonts import installed_fonts
from docugen_core.rendering.typst_library import LIBRARY_FOLDER, library

PROGRAM = """
import sys
from docugen_core.rendering import engine, registry
engine.engine(); registry.formats()
print(sorted(set(sys.modules) & {"typst", "minijinja", "xlsxwriter", "docx", "lxml", "jinja2", "babel", "grpc", "asyncio"}))
"""


def test_the_engine_names_the_installed_version_of_every_part_that_decides_bytes() -> None:
    components = dict(engine().components)

    libraries = ["babel", "docxtpl", "jinja2", "lxml", "minijinja", "pikepdf", "pillow", "pypdfium2", "python-docx"]
    libraries += ["typst", "xlsxwriter"]
    for name in libraries:
        assert components[name] == version(name)
    assert components["zlib"] == zlib.ZLIB_RUNTIME_VERSION
    files = {name: content_digest((LIBRARY_FOLDER / name).read_bytes()) for name in library()}
    assert components["docugen.typ"] == digest(LIBRARY_PREFIX, files)
    assert sorted(components) == sorted([*libraries, "docugen-rendering", "docugen.typ", "zlib"])


def test_the_library_is_every_typst_file_of_its_folder() -> None:
    assert {"docugen.typ", "docugen/numbers.typ", "docugen/branding.typ"} <= set(library())
    assert set(library()) == {p.relative_to(LIBRARY_FOLDER).as_posix() for p in LIBRARY_FOLDER.rglob("*.typ")}


def test_every_font_is_named_with_its_digest() -> None:
    fonts = dict(engine().fonts)

    assert len(fonts) == len(installed_fonts()) > 0
    assert set(fonts.values()) == {content_digest(font.path.read_bytes()) for font in installed_fonts()}
    assert "ibm-plex-sans/IBMPlexSans-Bold.ttf" in fonts


def test_naming_the_engine_imports_none() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
