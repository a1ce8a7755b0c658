"""The documentation's website: it builds without a warning, holds every page once, and every link in it leads somewhere."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import ROOT

LINK = re.compile(r'(?:href|src)="([^"]+)"')
GENERATED = ("api", "errors", "lua", "states")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    work = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "tools/docs_site.py", "--into", work], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return work / "site"


@pytest.mark.slow
def test_every_page_of_the_docs_is_in_the_site_and_once_in_its_navigation(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs").rglob("*.md")):
        built = page.relative_to(ROOT).with_name("index.html" if page.name == "README.md" else f"{page.stem}.html")
        assert (site / built).is_file(), f"{built} was not built"
        entries = home.count(f'href="./{built.as_posix()}" class="md-nav__link')
        assert entries == 1, f"{built} is {entries} times in the navigation"


@pytest.mark.slow
def test_every_link_of_the_site_leads_to_a_file_and_to_a_place_in_it(site: Path) -> None:
    texts = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html") if page.name != "404.html"}
    assert len(texts) > 40
    lost = []
    for page, text in texts.items():
        for link in {html.unescape(found) for found in LINK.findall(text)}:
            path, _, anchor = link.partition("#")
            if re.match(r"[a-z][a-z0-9+.-]*:", link):
                continue
            target = Path(os.path.normpath(page.parent / path)) if path else page
            if not target.is_file() or (anchor and target in texts and f'id="{anchor}"' not in texts[target]):
                lost.append(f"{page.relative_to(site)} -> {link}")
    assert not lost, "\n".join(lost)


@pytest.mark.slow
def test_the_site_loads_nothing_from_another_host(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe|link)[^>]+(?:src|href)="(https?:[^"]+)"', text)
        assert not loaded, f"{page.relative_to(site)} loads {loaded}"


@pytest.mark.slow
def test_code_blocks_of_the_site_are_blocks_without_the_words_for_tests(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "```" not in text, f"{page.relative_to(site)} shows a fence"
    tutorial = (site / "docs" / "tutorial" / "first-bundle.html").read_text(encoding="utf-8")
    assert "docugen" in tutorial
    assert "bash run" not in tutorial


@pytest.mark.parametrize("name", GENERATED)
def test_a_reference_page_is_what_the_code_says(name: str) -> None:
    page = ROOT / "docs" / "reference" / f"{'lua-scripts' if name == 'lua' else name}.md"
    done = subprocess.run(
        [sys.executable, f"tools/reference_{name}.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == page.read_text(encoding="utf-8"), f"{page.name} is old: run `make docs-reference`"


@pytest.mark.parametrize("reason", ["INVALID_SPEC", "QUEUE_FULL", "RENDER_OUT_OF_MEMORY", "WORKER_LOST", "STORE_FULL"])
def test_the_page_of_errors_tells_what_a_reason_says_and_what_to_do(reason: str) -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{reason}`"))
    says, remedy = [cell.strip() for cell in row.split("|")[2:4]]
    assert says
    assert remedy
    assert remedy != "The hint says."
