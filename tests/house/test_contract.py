"""The published contract and the code generated from it are in step, and no release breaks its callers unnoticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUF = Path(sys.executable).parent / "buf"


def buf(*arguments: str) -> None:
    done = subprocess.run([BUF, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_committed_code_is_what_the_protos_generate(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "tools/gen_protos.py", str(tmp_path)], cwd=ROOT, check=True)
    for package in ("docugen/v1", "docugen/keda"):
        fresh = {p.name: p.read_bytes() for p in (tmp_path / package).iterdir() if p.is_file()}
        committed = {p.name: p.read_bytes() for p in (ROOT / "libs" / package).iterdir() if p.is_file()}
        assert fresh == committed, "run `make protos` and commit the result"


def test_protos_pass_buf_lint_and_are_formatted() -> None:
    buf("lint")
    buf("format", "--diff", "--exit-code")


def test_protos_do_not_break_callers_of_the_last_release() -> None:
    """The image is renewed at a release only, by `make contract-image`."""
    buf("breaking", "--against", "protos/docugen.v1.binpb")
