"""Other Pythons than the running one, with DocuGen installed: each in an environment that is kept in `.venvs/`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED = ("3.11", "3.12", "3.13")


def python_folders(*, pyenv_root: Path, base_prefix: Path) -> list[Path]:
    """Where Pythons may lie: pyenv's, those beside the one that runs the tests (pyenv's or uv's), and the system's."""
    versions = [*(pyenv_root / "versions").glob("3.*/bin"), *base_prefix.parent.glob("*3.*/bin")]
    return [*dict.fromkeys(versions), Path("/usr/local/bin"), Path("/usr/bin")]


@cache
def other_pythons() -> tuple[Path, ...]:
    """Every Python from 3.11 on that is found here, apart from the minor version that runs the tests."""
    pyenv_root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))  # noqa: TID251 - where pyenv is, not a setting
    folders = python_folders(pyenv_root=pyenv_root, base_prefix=Path(sys.base_prefix))
    found: dict[str, Path] = {}
    for minor in range(11, 20):
        name = f"python3.{minor}"
        for path in (*(folder / name for folder in folders), shutil.which(name)):
            if path is None or not Path(path).exists() or minor == sys.version_info.minor:
                continue
            probe = subprocess.run([path, "-c", "import venv, ensurepip"], capture_output=True, check=False)
            if probe.returncode == 0:
                found.setdefault(name, Path(path))
    return tuple(found.values())


def with_docugen(python: Path) -> Path:
    """The interpreter of an environment of `python` that has this DocuGen; made anew when pyproject.toml changes."""
    home = ROOT / ".venvs" / python.name
    stamp = home / "pyproject.toml"
    pyproject = (ROOT / "pyproject.toml").read_bytes()
    if not stamp.exists() or stamp.read_bytes() != pyproject:
        subprocess.run([python, "-m", "venv", "--clear", home], check=True)
        subprocess.run([home / "bin/python", "-m", "pip", "install", "--quiet", "--editable", ROOT], check=True)
        stamp.write_bytes(pyproject)
    return home / "bin" / "python"
