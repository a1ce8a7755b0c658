"""The library's files: read once, from where they are installed, and the same as long as the service runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import docugen_core
import pytest
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.config import Settings
from docugen_core.errors import RenderInterrupted
from docugen_core.rendering import typst_library
from docugen_core.rendering.typst_library import LIBRARY_FOLDER, library
from pack_examples import PLEX, a_task

# Each line: what is done to the installed files, and then a document is rendered by the process that read them before.
RENDER_AND_CHANGE = """
import os, sys
sys.path[:0] = ["", TESTS]
from docugen_core.errors import DocugenError
from docugen_core.rendering import typst_library
from docugen_core.rendering.registry import render
from docugen_core.rendering.typst_library import LIBRARY_FOLDER
from pack_examples import PLEX, a_task

SOURCE = PLEX + '#import "docugen.typ": *\\n#number("1234.5")'
part, foreign = LIBRARY_FOLDER / "docugen" / "numbers.typ", LIBRARY_FOLDER / "notes.txt"
before = part.read_bytes()

def told(do=lambda: None):
    do()
    try:
        return f"{len(render(a_task(SOURCE)).data) > 1000}"
    except DocugenError as error:
        return f"{error.reason} {error.retryable} {error.message.split()[0]}"

def while_it_is_set(do):
    marks, asked = typst_library._marks, []
    def late():
        asked.append(1)
        if len(asked) == 2:
            do()
        return marks()
    typst_library._marks = late
    try:
        return told()
    finally:
        typst_library._marks = marks

print(told())
print(told(lambda: os.utime(part, (1, 1))))
print(told(lambda: part.write_bytes(before + b"// mended")))
print(told(part.unlink))
print(told(lambda: part.write_bytes(before)))
print(told(lambda: foreign.write_text("secret")))
print(told(foreign.unlink))
print(while_it_is_set(lambda: part.write_bytes(before)))
print(told())
"""


def test_a_library_that_changes_under_a_running_service_interrupts_and_fails_nothing(tmp_path: Path) -> None:
    """On a copy of the package. A file that is only touched, or written anew with what it held, is the same."""
    installed = Path(docugen_core.__file__).parent
    shutil.copytree(installed, tmp_path / "docugen_core", ignore=shutil.ignore_patterns("__pycache__", "templates"))
    program = f"TESTS = {str(Path(__file__).parent.parent)!r}\n{RENDER_AND_CHANGE}"

    done = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    changed = "LIBRARY_CHANGED True docugen/numbers.typ"
    assert done.stdout.splitlines() == [
        "True",
        "True",
        changed,
        changed,
        "True",
        "LIBRARY_CHANGED True notes.txt",
        "True",
        "LIBRARY_CHANGED True DocuGen's",
        "True",
    ]


@pytest.fixture
def renamed_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the service had read another library at its start than is installed now."""
    monkeypatch.setattr("docugen_core.adapters.render_launch.library_digest", lambda: "0" * 64)


@pytest.mark.usefixtures("renamed_digest")
async def test_a_fork_server_that_reads_another_library_than_the_service_did_renders_nothing() -> None:
    async with RenderPool(Settings(render_processes=1)) as pool:
        with pytest.raises(RenderInterrupted, match="Typst library has changed on disk") as caught:
            await pool.render(a_task(PLEX + "Wren"))
        assert caught.value.reason == "LIBRARY_CHANGED"


def test_everything_a_template_could_read_in_the_root_is_in_the_digest() -> None:
    held = {path.relative_to(LIBRARY_FOLDER).as_posix() for path in LIBRARY_FOLDER.rglob("*") if path.is_file()}

    assert held == set(library())
    typst_library.check_library(typst_library.library_digest())


@pytest.mark.parametrize("name", sorted(library()))
def test_no_part_of_the_library_depends_on_a_documents_data(name: str) -> None:
    """Else it would be evaluated for every document anew, and everything that imports it too."""
    text = (LIBRARY_FOLDER / name).read_text(encoding="utf-8")
    code = "\n".join(line for line in text.splitlines() if not line.startswith("//"))

    assert ("data.json" in code) == (name == "docugen/data.typ")
    assert ("data.typ" in code) == (name == "docugen.typ")
