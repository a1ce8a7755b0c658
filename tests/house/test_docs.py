"""The documentation is true: its snippets run and print what it shows, its links lead somewhere, its names exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from cli_process import ROOT
from doc_pages import blocks, desk, pattern, plain, without_blocks
from docugen.cli.entry import docugen
from docugen_core.config import FILE_SUFFIX, declarations
from docugen_core.rendering.typst_library import library

DOCS = ROOT / "docs"
TAUGHT = [
    ROOT / "README.md",
    *sorted(page for room in ("tutorial", "how-to", "explanation") for page in (DOCS / room).rglob("*.md")),
]

_LINK = re.compile(r"!?\[[^\]\n]*\]\((?P<target>[^)\s]+)(?: \"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6} (.+?)\s*#*$", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_SETTING = re.compile(r"\bDOCUGEN_[A-Z0-9_]*[A-Z0-9]\b")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def markdown_pages() -> list[Path]:
    """Every Markdown file of the repository; not those of tools, environments and test runs."""
    found = []
    for folder, names, files in os.walk(ROOT):
        names[:] = [
            n for n in names if not n.startswith(".") and n not in ("var", "out", "build", "dist", "node_modules")
        ]
        found += [Path(folder, file) for file in files if file.endswith(".md")]
    return sorted(found)


PAGES = markdown_pages()


@pytest.mark.slow
@pytest.mark.timeout(300)  # a page is a dozen processes, one after the other
@pytest.mark.parametrize("page", TAUGHT, ids=name_of)
def test_every_snippet_does_what_its_page_says(page: Path, tmp_path: Path) -> None:
    steps = blocks(page)
    with desk(tmp_path) as here:
        for block in steps:
            here.do(block)


@pytest.mark.parametrize("page", TAUGHT, ids=name_of)
def test_a_page_names_the_file_before_it_shows_what_to_save(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        before = "\n".join(text.splitlines()[: block.line - 1])
        assert block.action != "file" or block.file in before, f"{block.place}: nothing above names {block.file}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    lost = [target for target in relative_links(page) if not leads_somewhere(page, target)]
    assert not lost, f"{name_of(page)} links to {', '.join(lost)}"


def relative_links(page: Path) -> Iterator[str]:
    text = _CODE.sub("", without_blocks(page.read_text(encoding="utf-8")))
    for link in _LINK.finditer(text):
        if not re.match(r"[a-z][a-z0-9+.-]*:", link["target"]):
            yield link["target"]


def leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = page if not path else page.parent / path
    if not file.exists():
        return False
    return not anchor or anchor in anchors(file)


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as code hosts derive them."""
    headings = _HEADING.findall(without_blocks(page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_setting_named_in_a_page_exists(page: Path) -> None:
    known = {declaration.env for declaration in declarations()}
    known |= {declaration.env + FILE_SUFFIX for declaration in declarations() if declaration.secret}
    named = set(_SETTING.findall(page.read_text(encoding="utf-8")))
    unknown = sorted(n for n in named - known if not n.startswith(("DOCUGEN_TEST_", "_")))
    assert not unknown, f"{name_of(page)} names {', '.join(unknown)}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_and_option_named_in_a_page_exists(page: Path) -> None:
    for line in code_lines(page):
        for call in re.findall(r"(?:^|[|;&(] *|\$ )docugen( [^|;&)#]*)", line):
            wrong = not_understood(call.split())
            assert not wrong, f"{name_of(page)}: `docugen{call}` has no {wrong}"


def code_lines(page: Path) -> Iterator[str]:
    text = page.read_text(encoding="utf-8")
    yield from _CODE.findall(without_blocks(text))
    for fenced in re.findall(r"^```(?:bash|console)[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from fenced.replace("\\\n", " ").splitlines()


def not_understood(words: list[str]) -> str:
    """The first command or option in `words` that `docugen` does not have."""
    command: click.Command = docugen
    context = click.Context(command)
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z]+", words[0]):
        found = command.get_command(context, words[0])
        if found is None:
            return words[0]
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"-h", "--help"}
    return next((w for w in words if re.match(r"--?[a-z]", w) and w.split("=")[0] not in known), "")


@pytest.mark.parametrize("page", TAUGHT, ids=name_of)
def test_every_make_target_named_in_a_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {m for line in code_lines(page) for m in re.findall(r"^make ([a-z-]+)", line)}
    assert named <= targets


def test_the_page_about_packs_names_everything_the_library_offers() -> None:
    imported = re.findall(
        r"^#import \"docugen/[a-z-]+\.typ\": \(?([^\"#()]*)", library()["docugen.typ"].decode(), re.MULTILINE
    )
    offered = {name for names in imported for name in re.split(r"[,\s]+", names) if name}
    assert len(offered) > 30
    named = {
        found for line in code_lines(DOCS / "how-to" / "template-packs.md") for found in re.findall("^[a-z-]+", line)
    }
    assert offered - named == set()


def test_the_map_of_the_docs_leads_to_every_page() -> None:
    linked = {(DOCS / target.partition("#")[0]).resolve() for target in relative_links(DOCS / "README.md")}
    pages = {page for page in DOCS.rglob("*.md") if page != DOCS / "README.md" and "decisions" not in page.parts}
    assert pages <= linked, f"docs/README.md misses {sorted(name_of(page) for page in pages - linked)}"


@pytest.mark.slow
def test_pictures_show_what_the_examples_render_today() -> None:
    done = subprocess.run(
        [sys.executable, "tools/doc_images.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_shown_output_is_matched_line_by_line_and_only_ellipses_are_free() -> None:
    shown = pattern("run       br-…\n…\nfiles     out  (4 written)\n")
    assert shown.fullmatch(plain("run       br-abc\nstate ok\nfiles     out  (4 written)\n"))
    assert shown.fullmatch(plain("run       br-abc\nfiles     out  (4 written)"))
    assert not shown.fullmatch(plain("run       br-abc\nfiles     out  (5 written)"))
    assert not shown.fullmatch(plain("run       br-abc\nfiles     out  (4 written)\nmore"))


def test_a_command_or_option_that_does_not_exist_is_found() -> None:
    assert not_understood(["runs", "show", "br-1", "--json"]) == ""
    assert not_understood(["runs", "sow", "br-1"]) == "sow"
    assert not_understood(["submit", "x.json", "--wach"]) == "--wach"


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One title\n\n[a](#one-title) [b](#another) [c](page.md#one-title) [d](other.md)\n")
    assert [t for t in relative_links(page) if not leads_somewhere(page, t)] == ["#another", "other.md"]


def test_a_block_without_a_known_action_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```bash\nls\n```\n")
    with pytest.raises(ValueError, match=r"page\.md:3: no known action"):
        blocks(page)
