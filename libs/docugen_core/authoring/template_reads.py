"""Everything the sources of a template read, its formats together: data, labels, files."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from docugen_core.authoring.data_paths import DataRead, LabelRead
from docugen_core.authoring.table_reads import currency_places, table_reads
from docugen_core.authoring.text_reads import text_reads, undeclared_names
from docugen_core.authoring.typst_reads import typst_reads
from docugen_core.rendering.packs import Template, TemplatePack
from docugen_core.rendering.strict_toml import read_toml
from docugen_core.rendering.table_layout import parse_layout
from docugen_core.rendering.typst_library import library

LIBRARY = "docugen.typ"
BRANDING = DataRead(("branding",), "docugen/branding.typ", 1, whole=True, guarded=True)
"""The library reads this part of the data from a file of its own, which `typst_reads` does not know."""


@dataclass(slots=True)
class TemplateReads:
    """data, labels: in the pack's own sources. by_library: what DocuGen's own Typst library may read for it: reason enough not
    to call a field or a label unused, and no more. currencies: (path, file, line). names: (name, file, line) that nobody gives.
    unread: sources in a form that is not read (Word documents)."""

    data: list[DataRead] = field(default_factory=list)
    labels: list[LabelRead] = field(default_factory=list)
    by_library: list[DataRead | LabelRead] = field(default_factory=list)
    currencies: list[tuple[str, str, int]] = field(default_factory=list)
    names: list[tuple[str, str, int]] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)


def template_reads(pack: TemplatePack, template: Template) -> TemplateReads:
    """What `template` reads, every source and everything it imports or includes once."""
    reads = TemplateReads()
    waiting = sorted(set(template.formats.values()))
    while waiting:
        file = waiting.pop(0)
        if file in reads.files:
            continue
        reads.files.add(file)
        waiting += _read(file, pack.files, reads)
    return reads


def _read(file: str, files: Mapping[str, bytes], reads: TemplateReads) -> list[str]:
    """Read one file into `reads`; returns the files of the pack that it refers to."""
    source = files[file]
    if file.endswith(".table.toml"):
        layout = read_toml(source, parse_layout)
        data, labels = table_reads(layout, file)
        reads.data += data
        reads.labels += labels
        reads.currencies += [(path, file, line) for path, line in currency_places(layout)]
        return []
    if file.endswith(".typ"):
        typst = typst_reads(source, file, {**files, **library()})
        reads.data += typst.data
        reads.labels += typst.labels
        if LIBRARY in typst.files and not reads.by_library:
            reads.by_library += _library_reads()
        return [name for name in typst.files if name in files]
    if _is_minijinja(file):
        text = text_reads(source, file, files)
        reads.data += text.data
        reads.labels += text.labels
        reads.names += [(name, file, line) for name, line in undeclared_names(source, file)]
        return list(text.files)
    if posixpath.splitext(file)[1] == ".docx":
        reads.unread.add(file)
    return []


def _is_minijinja(file: str) -> bool:
    return file.endswith((".html", ".txt", ".md", ".xml", ".j2"))


def _library_reads() -> list[DataRead | LabelRead]:
    files = library()
    found: list[DataRead | LabelRead] = [BRANDING]
    for file, source in files.items():
        found += [read for read in typst_reads(source, file, files).labels if read.path]
    return found
