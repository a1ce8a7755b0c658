"""The example bundles by the command line, a door of their own: the golden bytes, however many render processes there are."""

from __future__ import annotations

import json
from pathlib import Path

import golden_sets
import pytest
from cli_process import ROOT, process
from docugen_core.domain.identity import content_digest

BUNDLES = sorted((ROOT / "examples" / "bundles").glob("*.json"))


@pytest.mark.slow
@pytest.mark.parametrize(("bundle", "processes"), [*zip(BUNDLES, ("1", "4", "1", "4"), strict=False)], ids=str)
def test_docugen_render_writes_the_golden_bytes(bundle: Path, processes: str, tmp_path: Path) -> None:
    done = process("render", bundle, "--out", tmp_path / "out", cwd=tmp_path, DOCUGEN_RENDER_PROCESSES=processes)
    assert done.code == 0, done.err
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    written = {a["name"]: content_digest((tmp_path / "out" / a["name"]).read_bytes()) for a in manifest["artefacts"]}
    found = {"identity": manifest["spec_digest"], "engine": manifest["engine"]["components"], "artefacts": written}

    made, kept = golden_sets.comparable(found, golden_sets.kept(f"bundles/{bundle.stem}"))
    assert made == kept
