"""Packs in wheels: built by the real build backend, installed into a folder, found by a process that has it on its path."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from docugen_core.errors import ConfigurationError
from docugen_core.rendering.pack_discovery import ENTRY_POINT_GROUP, distribution_packs
from pack_examples import PACK_TOML, write_pack

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "letters-of-ours"
version = "3.1.0"

[project.entry-points."docugen.template_packs"]
letters = "{value}"

[tool.hatch.build.targets.wheel]
packages = ["letters_of_ours"]
"""
LIST = """\
import json, sys
from pathlib import Path
from docugen_core.errors import ConfigurationError
from docugen_core.rendering.catalogue import TemplateCatalogue
try:
    packs = TemplateCatalogue.load([Path(folder) for folder in sys.argv[1:]]).packs()
    print(json.dumps([f"{pack.name}@{pack.version}" for pack in packs]))
except ConfigurationError as error:
    print(json.dumps({"reason": error.reason, "message": error.message}))
"""


def installed_wheel(folder: Path, value: str = "letters_of_ours.packs") -> Path:
    """`letters-of-ours` with two versions of the pack `notice`, built as a wheel and unpacked into a folder for sys.path."""
    source, target = folder / "source", folder / "installed"
    packs = source / "letters_of_ours" / "packs"
    write_pack(packs / "notice")
    write_pack(packs / "notice-2", {"pack.toml": PACK_TOML.replace('"1.0.0"', '"2.0.0"')})
    (source / "letters_of_ours" / "__init__.py").touch()
    (source / "pyproject.toml").write_text(PROJECT.format(value=value))
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, folder], cwd=source, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def packs_of_a_process(installed: Path, *folders: Path) -> list[str] | dict[str, str]:
    start = f"import sys; sys.path.insert(0, {str(installed)!r})\n"
    done = subprocess.run([sys.executable, "-c", start + LIST, *folders], capture_output=True, text=True, check=True)
    answer: list[str] | dict[str, str] = json.loads(done.stdout)
    return answer


def test_packs_of_an_installed_wheel_are_found_in_all_their_versions(tmp_path: Path) -> None:
    found = packs_of_a_process(installed_wheel(tmp_path))

    assert isinstance(found, list)
    assert [name for name in found if name.startswith("notice")] == ["notice@2.0.0", "notice@1.0.0"]
    assert "invoice@1.0.0" in found


def test_a_folder_that_contradicts_a_wheel_ends_the_start_and_both_are_named(tmp_path: Path) -> None:
    mine = write_pack(tmp_path / "mine" / "notice", {"notice.txt": "SPECIMEN other\n"})

    answer = packs_of_a_process(installed_wheel(tmp_path), mine.parent)

    assert isinstance(answer, dict)
    assert answer["reason"] == "TEMPLATE_PACK_AMBIGUOUS"
    assert str(mine) in answer["message"]
    assert "letters_of_ours/packs/notice (letters-of-ours 3.1.0)" in answer["message"]


def test_an_entry_point_that_names_no_pack_says_which_distribution_to_mend(tmp_path: Path) -> None:
    answer = packs_of_a_process(installed_wheel(tmp_path, "letters_of_ours.templates"))

    assert answer == {
        "reason": "TEMPLATE_PACK_BROKEN",
        "message": "entry point 'letters' of letters-of-ours 3.1.0 names letters_of_ours.templates, which does not exist",
    }


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("nowhere_at_all.packs", "cannot be found: No module named 'nowhere_at_all'"),
        ("json.decoder", "which is no folder on disk"),
        ("json", "which holds no pack.toml"),
    ],
)
def test_other_values_of_an_entry_point_are_refused(value: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match="entry point 'letters'") as caught:
        distribution_packs([EntryPoint("letters", value, ENTRY_POINT_GROUP)])

    assert problem in caught.value.message
    assert textwrap.shorten(caught.value.hint, 60).startswith(f"The value in [{ENTRY_POINT_GROUP}]")
