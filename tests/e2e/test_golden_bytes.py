"""The example bundles are the same bytes everywhere: against golden digests, in worlds that differ in all but the request.

Renewing goldens is `make goldens`, with a line under "Bytes" in the changelog.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUNDLES = sorted((ROOT / "examples" / "bundles").glob("*.json"))
GOLDEN = ROOT / "tests" / "rendering" / "golden"
PROGRAM = ROOT / "tests" / "direct_renderer.py"
FAKETIME = Path(sysconfig.get_path("purelib")) / "libfaketime/vendor/libfaketime/src/libfaketime.so.1"

WORLDS: dict[str, dict[str, str]] = {
    "hash seed 1, Tokyo, German": {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LANG": "de_DE.UTF-8"},
    "hash seed 777, Los Angeles, Turkish": {
        "PYTHONHASHSEED": "777",
        "TZ": "America/Los_Angeles",
        "LC_ALL": "tr_TR.UTF-8",
    },
    "clock in 2031": {"LD_PRELOAD": str(FAKETIME), "FAKETIME": "@2031-02-03 04:05:06"},
    "clock in 1999, eight threads": {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME": "@1999-12-31 23:59:59",
        "RAYON_NUM_THREADS": "8",
    },
}

by_bundle = pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.stem)


def run(command: list[str | Path], env: dict[str, str], cwd: Path) -> str:
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def expect_golden(manifest: dict[str, Any], bundle: Path) -> None:
    """Compare with the golden digests. Another zlib deflates otherwise: spreadsheets and what holds them are then excused."""
    golden = json.loads((GOLDEN / bundle.name).read_text())
    engine, expected_engine = dict(manifest["engine"]["components"]), dict(golden["engine"])
    found = {a["name"]: a["sha256"] for a in manifest["artefacts"]}
    expected = golden["artefacts"]
    if engine.pop("zlib") != expected_engine.pop("zlib"):
        deflated = {a["name"] for a in manifest["artefacts"] if a["format"] in ("xlsx", "zip")}
        found = {name: sha for name, sha in found.items() if name not in deflated}
        expected = {name: sha for name, sha in expected.items() if name not in deflated}
    assert engine == expected_engine, "another engine: see `make goldens`"
    assert found == expected


@pytest.mark.slow
@by_bundle
@pytest.mark.parametrize("world", WORLDS)
def test_bytes_do_not_depend_on_clock_zone_locale_home_or_hash_seed(bundle: Path, world: str, tmp_path: Path) -> None:
    assert FAKETIME.exists()
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **WORLDS[world]}
    expect_golden(json.loads(run([sys.executable, PROGRAM, bundle], env, tmp_path)), bundle)


def test_the_faked_clock_reaches_the_process() -> None:
    """Else the worlds above would prove nothing."""
    program = "import datetime; print(datetime.datetime.today().year)"
    env = WORLDS["clock in 2031"]
    assert run([sys.executable, "-c", program], env, ROOT).strip() == "2031"


@pytest.mark.slow
@by_bundle
@pytest.mark.parametrize("processes", ["1", "4"])
def test_bytes_do_not_depend_on_how_many_render_at_once(bundle: Path, processes: str, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "DOCUGEN_RENDER_PROCESSES": processes}
    run([Path(sys.executable).parent / "docugen", "render", bundle, "--out", tmp_path / "out"], env, tmp_path)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    expect_golden(manifest, bundle)
    for artefact in manifest["artefacts"]:
        assert (tmp_path / "out" / artefact["name"]).stat().st_size == artefact["size"]


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
            probe = subprocess.run([path, "-c", "import venv, ensurepip"], capture_output=True)
            if probe.returncode == 0:
                found.setdefault(name, Path(path))
    return tuple(found.values())


def test_other_pythons_are_looked_for_beside_the_running_one_and_where_pyenv_is(tmp_path: Path) -> None:
    """With another HOME none was found, and the test below was gone without a word."""
    beside, in_pyenv = tmp_path / "beside" / "cpython-3.12.1-linux" / "bin", tmp_path / "pyenv" / "versions/3.13.0/bin"
    for folder in (beside, in_pyenv):
        folder.mkdir(parents=True)
    found = python_folders(pyenv_root=tmp_path / "pyenv", base_prefix=tmp_path / "beside" / "cpython-3.11.7-linux")
    assert found[:2] == [in_pyenv, beside]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("python", other_pythons() or [None], ids=lambda path: path.name if path else "none found")
def test_bytes_do_not_depend_on_the_python(python: Path | None, tmp_path: Path) -> None:
    """The environment of the other Python is kept in .venvs/ and made anew when pyproject.toml changes."""
    if python is None:
        pytest.skip(f"no other Python from 3.11 on but {sys.executable}: install one, with pyenv for example")
    home = ROOT / ".venvs" / python.name
    stamp = home / "pyproject.toml"
    pyproject = (ROOT / "pyproject.toml").read_bytes()
    if not stamp.exists() or stamp.read_bytes() != pyproject:
        subprocess.run([python, "-m", "venv", "--clear", home], check=True)
        subprocess.run([home / "bin/python", "-m", "pip", "install", "--quiet", "--editable", ROOT], check=True)
        stamp.write_bytes(pyproject)
    for bundle in BUNDLES:
        env = {"HOME": str(tmp_path), "PATH": os.defpath}
        expect_golden(json.loads(run([home / "bin/python", PROGRAM, bundle], env, tmp_path)), bundle)
