"""`make check-pdfa` names what is missing; with veraPDF at hand it tells a broken claim from a kept one."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pikepdf
import pytest
from cli_process import ROOT, environment
from docugen_core.rendering.packs import PdfOptions
from docugen_core.rendering.registry import render
from pack_examples import PLEX, a_task

TOOL = ROOT / "tools" / "check_pdfa.py"
VERDICTS = """
import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import check_pdfa
jars, missing = check_pdfa.validator(check_pdfa.JAVA_JARS)
if missing: sys.exit(check_pdfa.NOT_HERE)
claims = [check_pdfa.Claim("", flavour, Path(file).read_bytes()) for flavour, file in zip(sys.argv[2::2], sys.argv[3::2])]
print(*check_pdfa.validated(claims, jars), sep="\\n")
"""


def test_a_validator_that_is_not_here_is_named_part_by_part(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", TOOL, tmp_path],
        env=environment() | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    for part in ("java and javac (Debian package ", f"JAXB in {tmp_path} (Debian package libjaxb-java)"):
        assert part in done.stderr


@pytest.mark.slow
def test_vera_pdf_tells_a_kept_claim_from_a_broken_one(tmp_path: Path) -> None:
    source = PLEX + '#set document(title: "Notice")\n#set text(lang: "en")\n= Notice\n'
    kept, broken = tmp_path / "kept.pdf", tmp_path / "broken.pdf"
    kept.write_bytes(render(a_task(source, pdf=PdfOptions(("a-2a", "ua-1")))).data)
    with pikepdf.open(io.BytesIO(kept.read_bytes())) as document:
        del document.Root.Metadata
        document.save(broken)
    pairs = [str(word) for pair in (("2a", kept), ("ua1", kept), ("2a", broken)) for word in pair]
    done = subprocess.run(
        [sys.executable, "-c", VERDICTS, TOOL.parent, *pairs],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 2:
        pytest.skip("veraPDF is not here; `make check-pdfa` says what is missing")
    first, second, third = done.stdout.splitlines()
    assert (first, second) == ("ok", "ok"), done.stderr
    assert "/" in third, "clause and test of the broken rule"
