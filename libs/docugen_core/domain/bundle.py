"""What a caller asks for: the bundle, its documents, and the canonical form that is hashed.

Two stages, two types. `BundleSpec` is what the caller wrote, parsed and with defaults filled in. `ResolvedBundle` is the
same with every template reference pinned to one version and digest and the generator to one version: everything that may
influence bytes, and nothing else. Only a ResolvedBundle has a digest.

Documents are kept sorted by name: their order in the request means nothing, so it must not reach the digest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from docugen_core.domain.identity import SPEC_PREFIX, canonical_json, digest_of_canonical
from docugen_core.domain.json import JsonObject

BUNDLE_SCHEMA = "docugen.bundle/v1"
FIRST_PAGE = 1
PPI_DEFAULT = 144


class Format(Enum):
    """File formats. The value is the name in requests and the file extension; `media_type` is served with the bytes."""

    PDF = "pdf"
    PNG = "png"
    SVG = "svg"
    HTML = "html"
    TXT = "txt"
    MD = "md"
    DOCX = "docx"
    XLSX = "xlsx"
    CSV = "csv"
    JSON = "json"
    XML = "xml"
    ZIP = "zip"

    @property
    def media_type(self) -> str:
        return _MEDIA_TYPES[self]

    @property
    def is_archive(self) -> bool:
        """Archives hold other documents of the bundle: they take `members`, never a template."""
        return self is Format.ZIP

    @property
    def is_page_image(self) -> bool:
        """An image of one page of what the template's PDF source makes."""
        return self in (Format.PNG, Format.SVG)


_MEDIA_TYPES = {
    Format.PDF: "application/pdf",
    Format.PNG: "image/png",
    Format.SVG: "image/svg+xml",
    Format.HTML: "text/html; charset=utf-8",
    Format.TXT: "text/plain; charset=utf-8",
    Format.MD: "text/markdown; charset=utf-8",
    Format.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSON: "application/json",
    Format.XML: "application/xml",
    Format.ZIP: "application/zip",
}


@dataclass(frozen=True, slots=True)
class TemplateReference:
    """`pack/template` or `pack/template@version`, as a caller writes it. No version means the newest installed one."""

    pack: str
    template: str
    version: str = ""

    @classmethod
    def parse(cls, text: str) -> TemplateReference:
        """Raises ValueError unless `text` is `pack/template` with an optional `@version`."""
        name, _, version = text.partition("@")
        pack, slash, template = name.partition("/")
        if not (slash and pack and template) or "/" in template or (not version and "@" in text):
            raise ValueError(f"{text!r} is not of the form pack/template[@version]")
        return cls(pack, template, version)

    def __str__(self) -> str:
        return f"{self.pack}/{self.template}" + (f"@{self.version}" if self.version else "")


@dataclass(frozen=True, slots=True)
class PinnedTemplate:
    """One template of one pack, exactly: `digest` is the pack's content digest (64 hex digits)."""

    pack: str
    template: str
    version: str
    digest: str

    def __str__(self) -> str:
        return f"{self.pack}/{self.template}@{self.version}"

    def to_json(self) -> dict[str, Any]:
        return {
            "pack": self.pack,
            "template": self.template,
            "version": self.version,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class DocumentSpec:
    """One document to render, as asked for.

    name: its file name in the bundle. data: its own data, laid over the bundle's shared data key by key. optional: a
    template or data failure omits it instead of failing the run. fallback: the template to use after such a failure.
    members: of an archive, the documents to pack, empty for all others; of a PDF without a template, the PDFs to merge, in
    their order. page, ppi: of a page image, which page (from 1) and, for PNG, pixels an inch. attachments: of a PDF, documents
    of the bundle to embed in it.
    """

    name: str
    format: Format
    template: TemplateReference | None = None
    data: JsonObject = field(default_factory=dict)
    optional: bool = False
    fallback: TemplateReference | None = None
    members: tuple[str, ...] = ()
    page: int = FIRST_PAGE
    ppi: int = PPI_DEFAULT
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GenerateSpec:
    """Synthetic shared data made from the seed by a registered generator."""

    name: str
    params: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BundleSpec:
    """Everything that may influence bytes, as the caller wrote it, defaults filled in.

    seed: 1 to 128 bytes, or empty for the spec's own digest. locale: BCP 47 (`fr-FR`). time_zone: IANA name.
    document_date: the only "today" a template can see; None where the caller gave none (asking for it is an error).
    specimen: print the SPECIMEN mark; always on for generated data. salt: any text; changes the digest and nothing else.
    """

    documents: tuple[DocumentSpec, ...]
    data: JsonObject = field(default_factory=dict)
    generate: GenerateSpec | None = None
    seed: str = ""
    locale: str = "en-GB"
    time_zone: str = "UTC"
    document_date: dt.date | None = None
    specimen: bool = False
    salt: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedDocument:
    """A DocumentSpec whose templates are pinned. Without a template it is put together from its members."""

    name: str
    format: Format
    template: PinnedTemplate | None
    data: JsonObject
    optional: bool
    fallback: PinnedTemplate | None
    members: tuple[str, ...]
    page: int = FIRST_PAGE
    ppi: int = PPI_DEFAULT
    attachments: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the documents whose bytes this one needs, each once: it comes after them."""
        return tuple(dict.fromkeys((*self.members, *self.attachments)))

    def to_json(self) -> dict[str, Any]:
        """Fields younger than version 1 are there only when used: an upgrade renames no spec."""
        return {
            "name": self.name,
            "format": self.format.value,
            "template": self.template and self.template.to_json(),
            "data": self.data,
            "optional": self.optional,
            "fallback": self.fallback and self.fallback.to_json(),
            "members": list(self.members),
        } | self._younger_fields()

    def _younger_fields(self) -> dict[str, Any]:
        younger: dict[str, Any] = {}
        if self.page != FIRST_PAGE:
            younger["page"] = self.page
        if self.ppi != PPI_DEFAULT:
            younger["ppi"] = self.ppi
        if self.attachments:
            younger["attachments"] = list(self.attachments)
        return younger


@dataclass(frozen=True, slots=True)
class ResolvedGenerator:
    """A GenerateSpec with the generator's version pinned: another version may make other data."""

    name: str
    version: str
    params: JsonObject


@dataclass(frozen=True)
class ResolvedBundle:
    """The unit of identity. `spec_digest` names it; equal digests promise equal bytes on one engine.

    Its canonical bytes are made once, when first asked for: at a millisecond for 20 KB they are most of the cost of a submit.
    (A cached value needs a `__dict__`, so this class has no slots.)
    """

    documents: tuple[ResolvedDocument, ...]
    data: JsonObject
    generate: ResolvedGenerator | None
    requested_seed: str
    locale: str
    time_zone: str
    document_date: dt.date | None
    specimen: bool
    salt: str

    def to_json(self) -> dict[str, Any]:
        """The canonical spec, before serialisation. Every field of version 1 is always there, so that no default can drift."""
        generate = self.generate
        return {
            "schema": BUNDLE_SCHEMA,
            "documents": [d.to_json() for d in self.documents],
            "data": self.data,
            "generate": generate
            and {
                "name": generate.name,
                "version": generate.version,
                "params": generate.params,
            },
            "seed": self.requested_seed,
            "locale": self.locale,
            "time_zone": self.time_zone,
            "document_date": self.document_date and self.document_date.isoformat(),
            "specimen": self.specimen,
            "salt": self.salt,
        }

    def canonical_bytes(self) -> bytes:
        """The bytes that are hashed, stored as `specs/{spec_digest}.json`, and sent through the queue."""
        return self._canonical

    @cached_property
    def _canonical(self) -> bytes:
        return canonical_json(self.to_json())

    @cached_property
    def spec_digest(self) -> str:
        """SHA-256 hex of "docugen.spec.v1" NUL canonical bytes."""
        return digest_of_canonical(SPEC_PREFIX, self._canonical)

    @property
    def seed(self) -> str:
        """The seed in force: the requested one, else the spec digest, so that a run without a seed repeats too."""
        return self.requested_seed or self.spec_digest

    @property
    def packs(self) -> tuple[PinnedTemplate, ...]:
        """Every pinned template the bundle may use, fallbacks included, each once, in order of first use."""
        used = (t for d in self.documents for t in (d.template, d.fallback) if t)
        return tuple(dict.fromkeys(used))

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ResolvedBundle:
        """Read what `to_json` wrote (our own stored bytes, so a malformed one is a KeyError, not a user error)."""
        generate = raw["generate"]
        date = raw["document_date"]
        return cls(
            documents=tuple(
                ResolvedDocument(
                    name=d["name"],
                    format=Format(d["format"]),
                    template=PinnedTemplate(**d["template"]) if d["template"] else None,
                    data=d["data"],
                    optional=d["optional"],
                    fallback=PinnedTemplate(**d["fallback"]) if d["fallback"] else None,
                    members=tuple(d["members"]),
                    page=d.get("page", FIRST_PAGE),
                    ppi=d.get("ppi", PPI_DEFAULT),
                    attachments=tuple(d.get("attachments", ())),
                )
                for d in raw["documents"]
            ),
            data=raw["data"],
            generate=ResolvedGenerator(**generate) if generate else None,
            requested_seed=raw["seed"],
            locale=raw["locale"],
            time_zone=raw["time_zone"],
            document_date=dt.date.fromisoformat(date) if date else None,
            specimen=raw["specimen"],
            salt=raw["salt"],
        )
