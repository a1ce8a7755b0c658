"""The documentation as a website: what is in the repository, staged under var/docs and built by Zensical into var/site.

    python tools/docs_site.py             build; exit code 1 for a broken link or anchor, and for a page outside the navigation
    python tools/docs_site.py --serve     build, then serve var/site on 127.0.0.1:8000 until Ctrl-C

The pages stay plain Markdown that a code host shows as well, and docs/README.md is the one map: its headings and lists are the
site's navigation, in their order. The stage mirrors the repository, so every relative link means the same in both places. Three
things are changed on the way: the second word of a code block's info string, which is for tests/doc_pages.py, goes; a link to a
folder leads to a list of its files; files that a page links to come along. Nothing is fetched, and the site asks no other host
for anything.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "var"
"""Gets docs (the stage), site and zensical.toml."""
HOME, MAP = "README.md", "docs/README.md"
LISTING = "files.md"
"""Name of the page that lists a folder's files."""
FILE_BYTES_MAX = 2 << 20

FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?P<text>!?\[[^\]]{0,300}\])\((?P<target>[^)\s]+)(?P<title>(?: \"[^\"]*\")?)\)")
_CODE = re.compile(r"\[`[^`\n]+`\]|(?P<code>^`{3,}.*?^`{3,}[ ]*$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.+)$")
_ENTRY = re.compile(
    r"^(?:- |\| )\[(?P<title>[^\]]+)\]\((?P<target>[^)#\s]+\.md)\)(?: \| (?P<rest>[^|]+) \|)?", re.MULTILINE
)

SETTINGS = """\
[project]
site_name = "DocuGen"
site_description = "Document bundles, rendered byte-identically"
docs_dir = "docs"
site_dir = "site"
use_directory_urls = false
nav = [
{nav}
]

[project.theme]
font = false
features = ["content.code.copy", "navigation.footer", "navigation.sections", "navigation.top", "search.highlight"]

[[project.theme.palette]]
media = "(prefers-color-scheme: light)"
scheme = "default"
toggle.icon = "lucide/moon"
toggle.name = "Dark"

[[project.theme.palette]]
media = "(prefers-color-scheme: dark)"
scheme = "slate"
toggle.icon = "lucide/sun"
toggle.name = "Light"

[project.markdown_extensions]
tables = {{}}
sane_lists = {{}}
toc = {{ permalink = true, slugify = {{ object = "pymdownx.slugs.slugify", kwds = {{ case = "lower" }} }} }}
pymdownx.highlight = {{}}
pymdownx.superfences = {{}}
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation; page: its path in the repository."""

    title: str
    page: str


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    entries: tuple[Entry, ...]


def navigation() -> tuple[Section, ...]:
    """What docs/README.md lists under its headings, in order; the decisions come from their own list.

    Raises SystemExit for an entry whose file does not exist.
    """
    sections = []
    for heading, text in _sections((ROOT / MAP).read_text(encoding="utf-8")):
        entries: list[Entry] = []
        for entry in _entries(text, MAP):
            entries.append(entry)
            if entry.page == "docs/decisions/README.md":
                entries += _entries((ROOT / entry.page).read_text(encoding="utf-8"), entry.page)
        if entries:
            sections.append(Section(heading, tuple(entries)))
    return tuple(sections)


def _sections(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if heading := _HEADING.match(line):
            found.append((heading[1], []))
        elif found:
            found[-1][1].append(line)
    return [(heading, "\n".join(lines)) for heading, lines in found]


def _entries(text: str, page: str) -> list[Entry]:
    entries = []
    for found in _ENTRY.finditer(text):
        target = resolved(page, found["target"])
        if not (ROOT / target).is_file():
            raise SystemExit(f"{page} lists {target}, which does not exist")
        title = f"{found['title']} {found['rest'].strip()}" if found["rest"] else found["title"]
        entries.append(Entry(title.replace("`", ""), target))
    return entries


def resolved(page: str, target: str) -> str:
    """A relative link of `page` as a path in the repository."""
    return PurePosixPath(os.path.normpath(PurePosixPath(page).parent / target)).as_posix()


def stage(pages: list[str], folder: Path) -> list[str]:
    """Write `pages` and all they link to into `folder`. Returns what is linked to and is a page that was not asked for."""
    shutil.rmtree(folder, ignore_errors=True)
    strays: set[str] = set()
    files: set[str] = set()
    for page in pages:
        text = FENCE.sub(_plain_fence, (ROOT / page).read_text(encoding="utf-8"))
        parts = _outside_code(text)
        for number, (is_code, part) in enumerate(parts):
            if is_code:
                continue
            for link in LINK.finditer(part):
                target = _target(page, link["target"])
                if target and (ROOT / target).is_file():
                    (strays if target.endswith(".md") and target not in pages else files).add(target)
                elif target:
                    files.update(_listed(target))
            parts[number] = (False, LINK.sub(functools.partial(_relinked, page), part))
        _write(folder / page, "".join(part for _, part in parts))
    for file in sorted(files - set(pages)):
        if (ROOT / file).is_dir():
            _write(folder / file / LISTING, _listing(file))
        elif (ROOT / file).stat().st_size <= FILE_BYTES_MAX:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, folder / file)
    return sorted(strays)


def _plain_fence(found: re.Match[str]) -> str:
    """The block without its action; the name of a file to save becomes its title."""
    language, *words = found["info"].split() or [""]
    name = next((word.removeprefix("file=") for word in words if word.startswith("file=")), "")
    info = f'{language} title="{name}"' if name else language
    return f"{found['fence']}{info}\n{found['body']}{found['fence']}"


def _outside_code(text: str) -> list[tuple[bool, str]]:
    """`text` in pieces, True for a block or a span of code. Code that is the text of a link belongs to the link."""
    pieces, end = [], 0
    for found in _CODE.finditer(text):
        if found["code"]:
            pieces += [(False, text[end : found.start()]), (True, found["code"])]
            end = found.end()
    return [*pieces, (False, text[end:])]


def _target(page: str, link: str) -> str:
    """What a link leads to, as a path in the repository; empty for another host and for a place in the same page."""
    path = link.partition("#")[0]
    if not path or re.match(r"[a-z][a-z0-9+.-]*:", link):
        return ""
    return resolved(page, path)


def _relinked(page: str, link: re.Match[str]) -> str:
    target = _target(page, link["target"])
    if not target or not (ROOT / target).is_dir():
        return link[0]
    return f"{link['text']}({link['target'].rstrip('/')}/{LISTING}{link['title']})"


def _listed(folder: str) -> list[str]:
    """A folder and the files in it that git knows, not those below."""
    done = subprocess.run(
        ["git", "ls-files", "--", f":(glob){folder}/*"],  # noqa: S607 - wherever git is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [folder, *(name for name in done.stdout.split("\n") if name and not name.endswith(".md"))]


def _listing(folder: str) -> str:
    names = [PurePosixPath(file).name for file in _listed(folder)[1:]]
    return f"# {folder}\n\n" + "".join(f"- [{name}]({name})\n" for name in names)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def build(work: Path) -> str:
    """Stage into `work`/docs and build `work`/site. Returns what is wrong, empty when nothing is."""
    sections = navigation()
    listed = [HOME, MAP, *(entry.page for section in sections for entry in section.entries)]
    pages = list(dict.fromkeys(listed))
    wrong = [f"{page} is in {MAP} more than once" for page in pages if listed.count(page) > 1]
    wrong += [f"{page} is linked to and not in {MAP}" for page in stage(pages, work / "docs")]
    shutil.rmtree(work / "site", ignore_errors=True)
    _write(work / "zensical.toml", settings(sections))
    done = subprocess.run(
        [Path(sys.executable).parent / "zensical", "build", "--strict", "--clean"],
        cwd=work,
        env=os.environ | {"NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        wrong.append(re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).partition("Traceback")[0].strip())
    for file in (work / "docs").rglob("*"):  # Zensical leaves out what is hidden and what it has no type for
        copy = work / "site" / file.relative_to(work / "docs")
        if file.is_file() and file.suffix != ".md" and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    return "\n".join(wrong)


def settings(sections: tuple[Section, ...]) -> str:
    """What Zensical reads, with the navigation in it."""
    lines = [f'  {{ "DocuGen" = {json.dumps(HOME)} }},', f'  {{ "All pages" = {json.dumps(MAP)} }},']
    for section in sections:
        inside = ", ".join(f"{{ {json.dumps(e.title)} = {json.dumps(e.page)} }}" for e in section.entries)
        lines.append(f"  {{ {json.dumps(section.title)} = [{inside}] }},")
    return SETTINGS.format(nav="\n".join(lines))


def serve(site: Path) -> None:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 8000), handler) as server:
        print("http://127.0.0.1:8000/  (Ctrl-C ends it)")
        server.serve_forever()


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the documentation's website.")
    parser.add_argument("--into", type=Path, default=WORK, help="folder that gets docs, site and zensical.toml")
    parser.add_argument("--serve", action="store_true", help="then serve it on 127.0.0.1:8000")
    arguments = parser.parse_args()
    if wrong := build(arguments.into):
        print(wrong, file=sys.stderr)
        return 1
    site = arguments.into / "site"
    print(f"{sum(1 for _ in site.rglob('*.html'))} pages; begin with {os.path.relpath(site / 'index.html')}")
    if arguments.serve:
        try:
            serve(site)
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
