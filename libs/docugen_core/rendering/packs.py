"""Template packs: a folder with `pack.toml`, templates, schemas and labels, immutable and addressed by its digest.

    pack.toml               name, version, and per template: title, formats (source file of each), schema, sample, and what
                            its author knows better than a caller: may it be missing, what stands in for it, paper, fonts
    *.typ *.html *.j2 ...   sources; `*.table.toml` lays out a table for both CSV and XLSX
    *.schema.json           JSON Schema (2020-12) of a template's data
    labels/<language>.toml  the pack's own words; a language falls back to the pack's default one, key by key
    fonts/*/*.ttf *.otf     fonts for the pack's own templates; see `pack_fonts`

`pack_loader.load_pack` makes one from a folder. In memory a pack is plain values, so it pickles into a render process. Fonts
stay in their folder: Typst reads no others, and they are too large to travel with each document. They are held to the digest
that was theirs when the pack was loaded (`compilers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from docugen_core.domain.bundle import Format, TemplateReference
from docugen_core.domain.identity import PACK_PREFIX, content_digest, digest
from docugen_core.domain.json import JsonObject
from docugen_core.rendering.fonts import FontFile
from docugen_core.rendering.page_format import PageFormat

PACK_SCHEMA = "docugen.pack/v1"
PACK_FILES_MAX = 500
PACK_BYTES_MAX = 32 << 20


PdfStandard: TypeAlias = Literal[
    "1.4", "1.5", "1.6", "1.7", "2.0", "a-1a", "a-1b", "a-2a", "a-2b", "a-2u", "a-3a", "a-3b", "a-3u", "a-4", "a-4e", "a-4f",
    "ua-1",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PdfOptions:
    """How a template becomes PDF.

    standards: e.g. `a-2b` (default: archivable, and a missing glyph is an error instead of an empty box), `a-3a`, `ua-1`.
    tags: write structure tags for screen readers; up to five times the bytes. embed_data: put the data the document was made of
    into it, as a file (standards that take attachments only).
    """

    standards: tuple[PdfStandard, ...] = ("a-2b",)
    tags: bool = False
    embed_data: bool = False

    @property
    def takes_attachments(self) -> bool:
        """PDF/A allows embedded files of any kind in its parts 3 and 4f only; a PDF that is no PDF/A takes them as well."""
        return all(standard in _TAKE_ATTACHMENTS or not standard.startswith("a-") for standard in self.standards)


_TAKE_ATTACHMENTS = ("a-3a", "a-3b", "a-3u", "a-4f")


@dataclass(frozen=True, slots=True)
class Template:
    """One document a pack can render.

    name: within the pack. formats: the source file for each offered format. schema: JSON Schema (2020-12) of its data.
    sample: data that renders. optional, fallback: what a document that uses it gets where its request does not say. page: the
    paper of every page, checked on each PDF; None where the template is free. fonts: families it needs, checked when loaded.
    """

    name: str
    title: str
    description: str
    formats: Mapping[Format, str]
    schema: JsonObject
    sample: JsonObject
    pdf: PdfOptions = PdfOptions()
    optional: bool = False
    fallback: TemplateReference | None = None
    page: PageFormat | None = None
    fonts: tuple[str, ...] = ()

    @property
    def offered(self) -> tuple[Format, ...]:
        """Every format a document of this template can have: those with a source, and images of its pages if it makes PDF."""
        images = tuple(f for f in Format if f.is_page_image) if Format.PDF in self.formats else ()
        return (*self.formats, *images)


@dataclass(frozen=True, slots=True)
class TemplatePack:
    """A pack in memory. digest: SHA-256 over every file's path and content (64 hex digits); files: path -> content.

    labels: by language (`en`, `fr`), as written, without the fallback. fonts: path -> face; their bytes are not in `files`.
    declarations: paths of what says what the pack is: pack.toml, labels, schemas, samples.
    """

    name: str
    version: str
    description: str
    digest: str
    templates: Mapping[str, Template]
    files: Mapping[str, bytes]
    default_language: str = "en"
    labels: Mapping[str, JsonObject] = field(default_factory=dict)
    fonts: Mapping[str, FontFile] = field(default_factory=dict)
    declarations: frozenset[str] = frozenset()

    def files_for(self, format_: Format) -> dict[str, bytes]:
        """What a document of `format_` may be made of, path -> content: no declarations, a Word template for Word alone,
        and for pages no other format's source. Typst parses what it is given, whether it is read or not."""
        left_out = set(self.declarations)
        if format_ is Format.PDF or format_.is_page_image:
            sources = [item for template in self.templates.values() for item in template.formats.items()]
            left_out.update(source for made, source in sources if made is not Format.PDF)
            left_out.difference_update(source for made, source in sources if made is Format.PDF)
        words = format_ is Format.DOCX
        return {path: data for path, data in self.files.items() if path not in left_out and (words or is_text(path))}

    @property
    def file_digests(self) -> dict[str, str]:
        """SHA-256 of every file by its path, fonts included: what `digest` is over."""
        return _file_digests(self.files, self.fonts)

    def labels_for(self, language: str) -> JsonObject:
        """The words of `language` laid over those of the default language, key by key, nested tables included."""
        return _laid_over(self.labels.get(self.default_language, {}), self.labels.get(language, {}))


def is_text(file: str) -> bool:
    """Whether a file among a pack's `files` is UTF-8 text: every one but a Word template."""
    return not file.endswith(".docx")


def pack_digest(files: Mapping[str, bytes], fonts: Mapping[str, FontFile] | None = None) -> str:
    """The identity of a pack: SHA-256 over {path: SHA-256 of content}. Names and version are in pack.toml, so in here."""
    return digest(PACK_PREFIX, _file_digests(files, fonts or {}))


def _file_digests(files: Mapping[str, bytes], fonts: Mapping[str, FontFile]) -> dict[str, str]:
    return {path: content_digest(data) for path, data in files.items()} | {p: font.sha256 for p, font in fonts.items()}


def _laid_over(below: JsonObject, above: JsonObject) -> JsonObject:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _laid_over(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged
