"""Checking a template pack: what can be read is read (here), the rest is rendered (`trials`).

Fields: every field a template reads must be in its schema, every field of a schema should be shown by some format of the
templates that share it. Labels: every one that is asked for must be there, and in every language. Files: each has a purpose.

Static reading is honest in one direction only: a field it calls unknown *is* read under that name; a field it does not see may
still be used, so "unused" is said only of fields whose removal changes no byte of any format (`trials`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from docugen_core.authoring.data_paths import (
    ITEM,
    DataPath,
    DataRead,
    Known,
    LabelRead,
    SchemaPaths,
    lines_of_keys,
    written,
)
from docugen_core.authoring.findings import LintFinding, Severity
from docugen_core.authoring.pack_font_findings import belongs_to_fonts, font_findings
from docugen_core.authoring.template_reads import TemplateReads, template_reads
from docugen_core.authoring.trials import TrialReport, try_template
from docugen_core.errors import ConfigurationError
from docugen_core.ports import Renderer
from docugen_core.rendering.pack_files import PACK_FILE
from docugen_core.rendering.pack_loader import load_pack
from docugen_core.rendering.packs import Template, TemplatePack
from docugen_core.strict_json.schema import compiled

LISTED_MAX = 8
DOCUMENTATION = frozenset({"README", "LICENSE", "LICENCE", "CHANGELOG", "OFL"})
"""Names of files, without their suffix, that may stand in a pack and be referred to by nothing."""


@dataclass(frozen=True, slots=True)
class LintReport:
    """pack: None where it cannot be loaded. findings: by file and line. untried: fields beyond the bound of trials."""

    folder: Path
    pack: TemplatePack | None
    findings: tuple[LintFinding, ...]
    untried: int = 0

    @property
    def errors(self) -> int:
        return sum(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def warnings(self) -> int:
        return len(self.findings) - self.errors


async def lint_pack(folder: Path, renderer: Renderer, installed: Sequence[TemplatePack] = ()) -> LintReport:
    """Everything that is wrong with the pack in `folder`. Never raises for a mistake in the pack.

    installed: packs it may fall back to, and whose versions must not be taken for other content. Rendering trouble that is not
    the pack's (Unavailable) is raised.
    """
    try:
        pack = load_pack(folder)
    except ConfigurationError as error:
        return LintReport(folder, None, tuple(_load_findings(folder, error)))
    lint = _Lint(pack, installed)
    lint.read()
    for name, template in sorted(pack.templates.items()):
        if lint.is_sound(name):
            lint.tried(name, await try_template(pack, template, renderer))
    lint.conclude()
    return LintReport(folder, pack, tuple(sorted(set(lint.found))), lint.untried)


def _load_findings(folder: Path, error: ConfigurationError) -> Iterable[LintFinding]:
    """The loader's lines (`folder/file:line: problem`) as findings."""
    for line in error.message.split("\n"):
        place, _, problem = line.removeprefix(f"{folder.name}/").partition(": ")
        file, _, number = place.rpartition(":")
        known = number.isdigit() and bool(file)
        yield LintFinding(file if known else place, int(number) if known else 0, "pack-invalid", problem, error.hint)


class _Lint:
    """One pack under examination. `found` grows."""

    def __init__(self, pack: TemplatePack, installed: Sequence[TemplatePack]) -> None:
        self.found: list[LintFinding] = []
        self.untried = 0
        self._pack = pack
        self._installed = installed
        self._reads = {name: template_reads(pack, template) for name, template in pack.templates.items()}
        toml = tomllib.loads(pack.files[PACK_FILE].decode())
        self._entries: dict[str, dict[str, Any]] = {entry["name"]: entry for entry in toml["templates"]}
        self._unsound: set[str] = set()
        self._trials: dict[str, TrialReport] = {}

    def is_sound(self, template: str) -> bool:
        """Whether its schema and sample are good enough to render anything."""
        return template not in self._unsound

    def read(self) -> None:
        """Everything that needs no rendering."""
        self._version()
        for name, template in sorted(self._pack.templates.items()):
            self._schema_and_sample(name, template)
            if self.is_sound(name):
                self._data(name, template)
                self._fallback(name, template)
        self._labels()
        self._files()
        self.found += font_findings(self._pack)

    def tried(self, name: str, report: TrialReport) -> None:
        self._trials[name] = report
        self.found += report.findings
        self.untried += report.untried

    def conclude(self) -> None:
        """What reading and trials only know together: the fields that nobody shows."""
        for schema_file in sorted({entry["schema"] for entry in self._entries.values()}):
            names = [name for name, entry in self._entries.items() if entry["schema"] == schema_file]
            if all(name in self._trials and not self._trials[name].failed for name in names):
                self._unused(schema_file, names)

    def _say(self, file: str, line: int, code: str, message: str, hint: str = "") -> None:
        self.found.append(LintFinding(file, line, code, message, hint))

    def _version(self) -> None:
        pack = self._pack
        for other in self._installed:
            if (other.name, other.version) == (pack.name, pack.version) and other.digest != pack.digest:
                message = f"{pack.name}@{pack.version} is installed with other content"
                self._say(PACK_FILE, self._line('version = "'), "version-unchanged", message, "Raise pack.version.")

    def _schema_and_sample(self, name: str, template: Template) -> None:
        entry = self._entries[name]
        try:
            schema = compiled(template.schema)
        except ConfigurationError as error:
            self._unsound.add(name)
            problem = error.message.removeprefix("schema: ")
            self._say(entry["schema"], 0, "schema-invalid", problem, error.hint)
            return
        wrong = schema.findings(dict(template.sample))
        lines = lines_of_keys(self._text(entry["sample"]))
        for finding in wrong:
            self._unsound.add(name)
            place = tuple(str(key) for key in finding.place)
            line = next((lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in lines), 1)
            path = ".".join(place) or "the sample"
            self._say(entry["sample"], line, "sample-invalid", f"{path} {finding.description}", finding.full_hint)

    def _data(self, name: str, template: Template) -> None:
        paths = SchemaPaths(template.schema)
        reads = self._reads[name]
        for read in reads.data:
            self._known(paths, read, self._entries[name]["schema"])
        for path, file, line in reads.currencies:
            rows = [read.path for read in reads.data if read.file == file and ITEM in read.path]
            beside = {row[: row.index(ITEM) + 1] for row in rows}
            places = [(*row, *path.split(".")) for row in beside] + [tuple(path.split("."))]
            if all(paths.knows(place)[0] is Known.NO for place in places):
                message = f"the currency {path!r} is neither in a row nor in the data"
                self._say(file, line, "data-unknown", message, f"{self._entries[name]['schema']} does not declare it.")
        for wrong, file, line in reads.names:
            near = get_close_matches(wrong, ("data", "world", "labels"), n=1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            self._say(file, line, "name-unknown", f"{wrong!r} is no name here", f"{hint}Given: data, world, labels.")

    def _known(self, paths: SchemaPaths, read: DataRead, schema_file: str) -> None:
        known, unknown, names = paths.knows(read.path)
        if known is not Known.NO:
            return
        near = get_close_matches(unknown[-1], names, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        message = f"reads data.{written(unknown)}, which {schema_file} does not know"
        self._say(read.file, read.line, "data-unknown", message, f"{hint}Known there: {_listed(names)}.")

    def _fallback(self, name: str, template: Template) -> None:
        wanted = template.fallback
        if wanted is None:
            return
        line = self._line("fallback")
        packs = [p for p in (self._pack, *self._installed) if p.name == wanted.pack]
        versions = [p for p in packs if wanted.version in ("", p.version)]
        fallback = next((p.templates[wanted.template] for p in versions if wanted.template in p.templates), None)
        if fallback is None:
            self._say(PACK_FILE, line, "fallback-misfit", f"{wanted} is not installed", "`docugen templates ls` lists.")
            return
        for violation in compiled(fallback.schema).violations(dict(template.sample))[:LISTED_MAX]:
            message = f"{wanted} does not take the sample of {name}: {violation.path} {violation.description}"
            self._say(PACK_FILE, line, "fallback-misfit", message, violation.hint)

    def _unused(self, schema_file: str, names: Sequence[str]) -> None:
        paths = SchemaPaths(self._pack.templates[names[0]].schema)
        reads = [r for n in names for r in (*self._reads[n].data, *_data_of_library(self._reads[n]))]
        seen = {read.path[:n] for read in reads for n in range(1, len(read.path) + 1)}
        wholes = {read.path for read in reads if read.whole}
        lines = lines_of_keys(self._text(schema_file))
        samples = [self._pack.templates[name].sample for name in names]
        told: list[DataPath] = []
        for declared in paths.declared():
            path = declared.path
            if any(path[: len(above)] == above for above in told):
                continue
            shown = any(path in self._trials[name].shown for name in names)
            tried = any(path in self._trials[name].tried for name in names)
            read = path in seen or (not tried and any(path[: len(whole)] == whole for whole in wholes))
            line = lines.get(declared.place, 0)
            if not shown and not read:
                told.append(path)
                message = f"no format shows {written(path)}"
                self._say(schema_file, line, "data-unused", message, "Remove it, or show it.")
            elif read and not any(_has(sample, path) for sample in samples):
                told.append(path)
                message = f"no sample has {written(path)}, so nobody saw what becomes of it"
                self._say(schema_file, line, "sample-lacks", message, "Add it to the sample.")

    def _labels(self) -> None:
        pack = self._pack
        by_language = {language: _flat(words) for language, words in pack.labels.items()}
        default = by_language.get(pack.default_language, frozenset())
        reads = [read for name in sorted(self._reads) for read in self._reads[name].labels]
        for read in reads:
            self._label(read, default)
        for language, keys in sorted(by_language.items()):
            file = f"labels/{language}.toml"
            missing, extra = sorted(default - keys), sorted(keys - default)
            if missing:
                message = f"{len(missing)} of {len(default)} labels are not in {language}: {_listed(missing)}"
                self._say(file, 0, "label-missing", message, f"They show as in {pack.default_language}.")
            for key in extra:
                message = f"{key} is not in labels/{pack.default_language}.toml, so no other language has it"
                self._say(file, self._key_line(file, key), "label-extra", message)
        asked = [*reads, *(r for one in self._reads.values() for r in one.by_library if isinstance(r, LabelRead))]
        everything_read = not any(one.unread for one in self._reads.values())
        if all(read.path for read in asked) and everything_read:
            unused = [key for key in sorted(default) if not any(_asks(read, key) for read in asked)]
            for key in unused:
                file = f"labels/{pack.default_language}.toml"
                self._say(file, self._key_line(file, key), "label-unused", f"no template asks for {key}", "Remove it.")

    def _label(self, read: LabelRead, default: frozenset[str]) -> None:
        if read.guarded or any(_asks(read, key) for key in default) or not read.path:
            return
        near = get_close_matches(read.path, default, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Add it to labels/{self._pack.default_language}.toml."
        begins = " begins with" if read.is_prefix else " is"
        self._say(read.file, read.line, "label-unknown", f"no label{begins} {read.path!r}", hint)

    def _files(self) -> None:
        used = {PACK_FILE} | {file for reads in self._reads.values() for file in reads.files}
        used |= {entry[key] for entry in self._entries.values() for key in ("schema", "sample")}
        for file in sorted(self._pack.files.keys() - used):
            is_documentation = Path(file).stem.upper() in DOCUMENTATION or belongs_to_fonts(file)
            if not file.startswith("labels/") and not is_documentation:
                self._say(
                    file, 0, "file-unused", "nothing refers to this file", "Remove it: it changes the pack's digest."
                )

    def _text(self, file: str) -> str:
        return self._pack.files[file].decode()

    def _line(self, beginning: str) -> int:
        lines = self._text(PACK_FILE).split("\n")
        return next((n for n, line in enumerate(lines, 1) if line.strip().startswith(beginning)), 0)

    def _key_line(self, file: str, key: str) -> int:
        *tables, last = key.split(".")
        table, wanted = "", ".".join(tables)
        for number, line in enumerate(self._text(file).split("\n"), 1):
            if line.strip().startswith("["):
                table = line.strip().strip("[]").strip()
            elif line.partition("=")[0].strip().strip("\"'") in (last, key) and table in (wanted, ""):
                return number
        return 0


def _data_of_library(reads: TemplateReads) -> list[DataRead]:
    return [read for read in reads.by_library if isinstance(read, DataRead)]


def _asks(read: LabelRead, key: str) -> bool:
    """Whether `read` may mean `key`: the label itself, a table of labels, or a beginning."""
    if read.is_prefix:
        return key.startswith(read.path)
    return key == read.path or key.startswith(f"{read.path}.")


def _flat(words: Mapping[str, Any], above: str = "") -> frozenset[str]:
    keys: set[str] = set()
    for key, value in words.items():
        keys |= _flat(value, f"{above}{key}.") if isinstance(value, Mapping) else {above + key}
    return frozenset(keys)


def _has(value: Any, path: DataPath) -> bool:
    if not path:
        return True
    if path[0] == ITEM:
        return isinstance(value, list) and any(_has(item, path[1:]) for item in value)
    return isinstance(value, Mapping) and path[0] in value and _has(value[path[0]], path[1:])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED_MAX} more" if len(names) > LISTED_MAX else ""
    return ", ".join(names[:LISTED_MAX]) + more or "nothing"
