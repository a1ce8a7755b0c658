"""Reads a template pack from a folder and refuses everything that could surprise at render time.

Refused, each with file, line and remedy: files that have no place in a pack (`pack_files`), unknown keys, files that are named
but absent, font families that are neither installed nor the pack's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from docugen_core.domain.bundle import Format, TemplateReference
from docugen_core.domain.json import JsonObject
from docugen_core.errors import ConfigurationError
from docugen_core.rendering.fonts import families, installed_fonts
from docugen_core.rendering.pack_files import PACK_FILE, FileProblem, PackFiles, read_pack_files
from docugen_core.rendering.packs import PACK_SCHEMA, PdfOptions, PdfStandard, Template, TemplatePack, pack_digest
from docugen_core.rendering.page_format import ORIENTATIONS, PAPER_SIZES, Orientation, PageFormat, PaperSize
from docugen_core.rendering.strict_toml import TomlProblems, TomlTable, read_toml
from docugen_core.rendering.table_layout import parse_layout

T = TypeVar("T")

_NAME = re.compile(r"[a-z][a-z0-9-]{1,62}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_NUMBER = r"(?:0|[1-9]\d*)"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z.-]+)?")

_SUFFIXES: dict[Format, tuple[str, ...]] = {
    Format.PDF: (".typ",),
    Format.HTML: (".html",),
    Format.TXT: (".txt", ".txt.j2"),
    Format.MD: (".md", ".md.j2"),
    Format.DOCX: (".docx",),
    Format.CSV: (".table.toml",),
    Format.XLSX: (".table.toml",),
    Format.JSON: (".json.j2",),
    Format.XML: (".xml.j2",),
}


def load_pack(folder: Path) -> TemplatePack:
    """The pack in `folder`.

    Raises ConfigurationError (INVALID_TEMPLATE_PACK). Of files that have no place in a pack it names the first; then every
    mistake in TOML and JSON files, one a line as `folder/file:line: what is wrong`. details: `file` and `line` of the first.
    hint: the remedy; where there are several mistakes, it stands behind each instead.
    """
    try:
        files = read_pack_files(folder)
    except FileProblem as problem:
        raise _all_refused(folder, [_Mistake(problem.file, str(problem), problem.line, problem.hint)]) from None
    return _Loader(folder, files).pack()


@dataclass(frozen=True, slots=True)
class _Mistake:
    """line: from 1, or 0 for the file as a whole."""

    file: str
    problem: str
    line: int
    hint: str

    def told(self, folder: Path) -> str:
        return f"{folder.name}/{self.file}" + (f":{self.line}" if self.line else "") + f": {self.problem}"


def _all_refused(folder: Path, mistakes: Sequence[_Mistake]) -> ConfigurationError:
    first = mistakes[0]
    details = {"pack": folder.name, "file": first.file} | ({"line": str(first.line)} if first.line else {})
    if len(mistakes) == 1:
        return ConfigurationError(first.told(folder), hint=first.hint, code="INVALID_TEMPLATE_PACK", details=details)
    lines = [mistake.told(folder) + (f" ({mistake.hint})" if mistake.hint else "") for mistake in mistakes]
    return ConfigurationError("\n".join(lines), code="INVALID_TEMPLATE_PACK", details=details)


class _Loader:
    """One folder's files on their way to a TemplatePack. Mistakes are collected; a pack with any never leaves."""

    def __init__(self, folder: Path, files: PackFiles) -> None:
        self._folder = folder
        self._files = files.contents
        self._fonts = files.fonts
        self._mistakes: list[_Mistake] = []
        self._declarations = {PACK_FILE}

    def pack(self) -> TemplatePack:
        pack = self._in_file(PACK_FILE, self._pack)
        if pack is None or self._mistakes:
            # pack.toml first: what is wrong there is the cause of other complaints, not the other way round.
            raise _all_refused(self._folder, sorted(self._mistakes, key=lambda mistake: mistake.file != PACK_FILE))
        return pack

    def _in_file(self, file: str, read: Callable[[TomlTable], T]) -> T | None:
        """What `read` makes of one TOML file, or None and its mistakes in the list, with the file's name."""
        try:
            return read_toml(self._files[file], read)
        except TomlProblems as found:
            for problem in found.problems:
                self._mistaken(file, problem.message, problem.line, problem.hint)
        return None

    def _mistaken(self, file: str, problem: str, line: int, hint: str = "") -> None:
        mistake = _Mistake(file, problem, line, hint)
        if mistake not in self._mistakes:  # a layout serves both CSV and XLSX
            self._mistakes.append(mistake)

    def _pack(self, top: TomlTable) -> TemplatePack:
        if top.text("schema") != PACK_SCHEMA:
            top.refuse("schema", f"schema must be {PACK_SCHEMA!r}")
        head = top.table("pack", required=True)
        name, version = head.text("name"), head.text("version")
        if not _NAME.fullmatch(name):
            head.refuse("name", f"pack.name {name!r} must match ^[a-z][a-z0-9-]{{1,62}}$")
        if not _VERSION.fullmatch(version):
            head.refuse("version", f"pack.version {version!r} is no semantic version", "Write e.g. 1.0.0.")
        description, language = head.text("description", ""), head.text("default_language", "en")
        labels = self._labels()
        if labels and language not in labels:
            head.refuse("default_language", f"there is no labels/{language}.toml", f"Found: {_listed(labels)}.")
        head.finish()
        templates: dict[str, Template] = {}
        for entry in top.tables("templates"):
            template = self._template(entry)
            if template.name in templates:
                entry.refuse("name", f"template {template.name!r} is declared twice")
            templates[template.name] = template
            if template.fallback and (template.fallback.pack, template.fallback.template) == (name, template.name):
                entry.refuse("fallback", f"template {template.name!r} falls back to itself", "Name another template.")
        if not templates:
            top.refuse("templates", "a pack declares at least one template", "Add a [[templates]] table.")
        digest = pack_digest(self._files, self._fonts)
        return TemplatePack(
            name,
            version,
            description,
            digest,
            templates,
            self._files,
            language,
            labels,
            self._fonts,
            frozenset(self._declarations),
        )

    def _template(self, entry: TomlTable) -> Template:
        name = entry.text("name")
        if not _NAME.fullmatch(name):
            entry.refuse("name", f"template name {name!r} must match ^[a-z][a-z0-9-]{{1,62}}$")
        formats = self._formats(entry.table("formats", required=True))
        template = Template(
            name=name,
            title=entry.text("title"),
            description=entry.text("description", ""),
            formats=formats,
            schema=self._json(entry, "schema"),
            sample=self._json(entry, "sample"),
            pdf=_pdf_options(entry.table("pdf")),
            optional=entry.flag("optional", False),
            fallback=_fallback(entry),
            page=_page(entry, formats),
            fonts=self._chain(entry),
        )
        entry.finish()
        return template

    def _chain(self, entry: TomlTable) -> tuple[str, ...]:
        wanted = entry.texts("fonts", ())
        if wanted:
            known = families([*installed_fonts(), *self._fonts.values()])
            missing = [family for family in wanted if family not in known]
            if missing:
                message = f"there is no font family {', '.join(map(repr, missing))}"
                entry.refuse("fonts", message, f"Known: {', '.join(known)}.")
        return wanted

    def _formats(self, table: TomlTable) -> dict[Format, str]:
        formats: dict[Format, str] = {}
        for known in _SUFFIXES:
            if not table.has(known.value):
                table.text(known.value, "")
                continue
            file = formats[known] = self._existing(table, known.value)
            if not file.endswith(_SUFFIXES[known]):
                wanted = " or ".join(_SUFFIXES[known])
                table.refuse(known.value, f"the source of {known.value} is a {wanted} file, not {file!r}")
            elif file.endswith(".table.toml") and file in self._files:
                self._in_file(file, parse_layout)
        table.finish()
        if not table.names():
            table.refuse("", "a template offers at least one format", f"Known: {', '.join(_values(_SUFFIXES))}.")
        return formats

    def _existing(self, table: TomlTable, key: str) -> str:
        file = table.text(key)
        if file not in self._files:
            hint = "Paths are relative to the pack's folder and stay inside it."
            table.refuse(key, f"there is no file {file!r} in the pack", hint)
        return file

    def _json(self, entry: TomlTable, key: str) -> JsonObject:
        file = self._existing(entry, key)
        if file not in self._files:
            return {}
        self._declarations.add(file)
        try:
            value: Any = json.loads(self._files[file])
        except json.JSONDecodeError as error:
            self._mistaken(file, f"is not JSON: {error.msg}", error.lineno)
            return {}
        if not isinstance(value, dict):
            self._mistaken(file, "must be a JSON object", 1)
            return {}
        return value

    def _labels(self) -> dict[str, JsonObject]:
        labels: dict[str, JsonObject] = {}
        for file in sorted(self._files):
            if not file.startswith("labels/"):
                continue
            language = file.removeprefix("labels/").removesuffix(".toml")
            if not file.endswith(".toml") or not _LANGUAGE.fullmatch(language):
                self._mistaken(file, "is not labels/<language>.toml", 0, "For example labels/fr.toml.")
            else:
                self._declarations.add(file)
                labels[language] = self._in_file(file, _words) or {}
        return labels


def _words(table: TomlTable) -> JsonObject:
    """A table of texts, nested tables of texts included."""
    return {key: _words(table.table(key)) if table.is_table(key) else table.text(key, "") for key in table.names()}


def _fallback(entry: TomlTable) -> TemplateReference | None:
    """Whether it is installed is known only when all packs are: `catalogue` looks."""
    text = entry.text("fallback", "")
    try:
        return TemplateReference.parse(text) if text else None
    except ValueError as error:
        entry.refuse("fallback", f"fallback: {error}")
        return None


def _page(entry: TomlTable, formats: Mapping[Format, str]) -> PageFormat | None:
    table = entry.table("page")
    if not entry.has("page"):
        return None
    size, orientation = table.text("size"), table.text("orientation", "portrait")
    if size not in PAPER_SIZES:
        table.refuse("size", f"unknown paper size {size!r}", f"Known: {', '.join(PAPER_SIZES)}.")
    if orientation not in ORIENTATIONS:
        table.refuse("orientation", f"unknown orientation {orientation!r}", f"Known: {', '.join(ORIENTATIONS)}.")
    if Format.PDF not in formats:
        table.refuse("", "only a template with the format pdf has a page")
    table.finish()
    return PageFormat(cast("PaperSize", size), cast("Orientation", orientation))


def _pdf_options(table: TomlTable) -> PdfOptions:
    known_standards = get_args(PdfStandard)
    standards = table.texts("standards", PdfOptions().standards)
    for standard in standards:
        if standard not in known_standards:
            table.refuse("standards", f"unknown PDF standard {standard!r}", f"Known: {', '.join(known_standards)}.")
    embed_data = table.flag("embed_data", False)
    options = PdfOptions(cast("tuple[PdfStandard, ...]", standards), table.flag("tags", False), embed_data)
    if embed_data and not options.takes_attachments:
        problem = f"{'+'.join(standards)} holds no embedded data"
        table.refuse("embed_data", problem, 'Write e.g. standards = ["a-3b"], or ["a-3a", "ua-1"] with tags.')
    table.finish()
    return options


def _values(formats: Mapping[Format, object]) -> list[str]:
    return [known.value for known in formats]


def _listed(labels: Mapping[str, object]) -> str:
    return ", ".join(f"labels/{language}.toml" for language in labels)
