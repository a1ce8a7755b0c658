"""`make demo` is what a newcomer runs first: it must work, say so plainly, and notice when bytes differ."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import ROOT, environment

DEMO = [sys.executable, str(ROOT / "tools" / "demo.py")]


@pytest.mark.slow
def test_the_demo_kills_a_worker_loses_nothing_and_finds_every_byte_equal(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = subprocess.run(
        [*DEMO, str(folder)],
        cwd=tmp_path,
        env=environment() | {"DOCUGEN_STORE_URL": "file:///nowhere"},  # the caller's settings are not the demo's
        capture_output=True,
        text=True,
        timeout=280,  # it is patient for 240 s with its runs
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is killed by SIGKILL; it held" in done.stdout
    assert "13 of 13 runs finished, each once: one manifest a run. Redelivered: " in done.stdout
    assert len(list((folder / "store" / "manifests").iterdir())) == 13
    artefacts = json.loads((folder / "first" / "manifest.json").read_bytes())["artefacts"]
    count = len(artefacts)
    assert f"{count} of {count} artefacts and the manifest are byte-identical" in done.stdout
    for artefact in artefacts:
        first, second = (folder / turn / artefact["name"] for turn in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    assert (folder / "first" / "manifest.json").read_bytes() == (folder / "second" / "manifest.json").read_bytes()


COMPARE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import demo
sys.exit(demo.compared(Path(sys.argv[2]), Path(sys.argv[3])))
"""


def test_the_demo_fails_on_one_byte(tmp_path: Path) -> None:
    manifest = {"artefacts": [{"name": "a.txt", "status": "rendered"}], "engine": {"components": {"typst": "1"}}}
    for turn, text in (("first", "SPECIMEN 1"), ("second", "SPECIMEN 2")):
        (tmp_path / turn).mkdir()
        (tmp_path / turn / "manifest.json").write_text(json.dumps(manifest))
        (tmp_path / turn / "a.txt").write_text(text)
    arguments = [str(ROOT / "tools"), str(tmp_path / "first"), str(tmp_path / "second")]
    done = subprocess.run([sys.executable, "-c", COMPARE, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "0 of 1 artefacts are byte-identical; the manifests are equal." in done.stdout
    assert "a.txt" in done.stdout
