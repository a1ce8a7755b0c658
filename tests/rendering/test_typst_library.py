"""The library's files: read once, from where they are installed, and the same as long as the service runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import docugen_core
import pytest
from docugen_core.rendering.typst_library import LIBRARY_FOLDER, check_library, library

RENDER_AND_CHANGE = """
import os, sys
sys.path.insert(0, "")
from pathlib import Path
from docugen_core.errors import RenderInterrupted
from docugen_core.rendering.typst_library import LIBRARY_FOLDER, check_library, library

def told():
    try:
        check_library()
    except RenderInterrupted as error:
        return f"{error.reason} {error.retryable} {error.message.split()[0]}"
    return "the same"

part = LIBRARY_FOLDER / "docugen" / "numbers.typ"
before = part.read_bytes()
library()
print(told())
os.utime(part, (1, 1))
print(told())
part.write_bytes(before + b"// mended")
print(told())
part.unlink()
print(told())
part.write_bytes(before)
print(told())
"""


def test_a_library_that_changes_under_a_running_service_interrupts_and_fails_nothing(tmp_path: Path) -> None:
    """On a copy of the package. A file that is only touched, or written anew with what it held, is the same."""
    installed = Path(docugen_core.__file__).parent
    shutil.copytree(
        installed, tmp_path / "docugen_core", ignore=shutil.ignore_patterns("__pycache__", "fonts", "templates")
    )

    done = subprocess.run(
        [sys.executable, "-B", "-c", RENDER_AND_CHANGE], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    changed = "LIBRARY_CHANGED True docugen/numbers.typ"
    assert done.stdout.splitlines() == ["the same", "the same", changed, changed, "the same"]


def test_the_installed_library_is_the_same() -> None:
    check_library()


@pytest.mark.parametrize("name", sorted(library()))
def test_no_part_of_the_library_depends_on_a_documents_data(name: str) -> None:
    """Else it would be evaluated for every document anew, and everything that imports it too."""
    text = (LIBRARY_FOLDER / name).read_text(encoding="utf-8")
    code = "\n".join(line for line in text.splitlines() if not line.startswith("//"))

    assert ("data.json" in code) == (name == "docugen/data.typ")
    assert ("data.typ" in code) == (name == "docugen.typ")
