"""The documents of a request: names, formats, templates. What fits becomes a draft, what does not a finding.

A draft holds what is known of one document, however little, so that every other rule can still be checked. Documents whose
draft is complete become ResolvedDocuments, sorted by name: their order in the request means nothing.

Not in here: what documents need of each other (`needs`); whether the data fits the template (`bundle`, which knows all three
layers of it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Protocol

from docugen_core.domain.bundle import (
    FIRST_PAGE,
    PPI_DEFAULT,
    Format,
    PinnedTemplate,
    ResolvedDocument,
    TemplateReference,
)
from docugen_core.domain.json import JsonObject
from docugen_core.errors import NotFound
from docugen_core.rendering.packs import Template, TemplatePack
from docugen_core.strict_json.findings import Finding
from docugen_core.strict_json.places import Place
from docugen_core.validation.names import clashes, name_problem


class Templates(Protocol):
    """Where templates are found; `rendering.catalogue.TemplateCatalogue` is the real one."""

    def resolve(self, reference: TemplateReference) -> tuple[TemplatePack, Template]:
        """Raises NotFound (TEMPLATE_NOT_FOUND), naming the nearest."""
        ...


@dataclass(frozen=True, slots=True)
class Pinned:
    """A template that was found, and exactly which one it is."""

    reference: PinnedTemplate
    template: Template


@dataclass(slots=True)
class DocumentDraft:
    """What is known of one document; None where the request got it wrong (or, for templates, has none)."""

    index: int
    raw: JsonObject
    name: str | None = None
    format: Format | None = None
    template: Pinned | None = None
    fallback: Pinned | None = None
    own: JsonObject | None = None
    members: tuple[str, ...] = ()
    page: int = FIRST_PAGE
    ppi: int = PPI_DEFAULT
    attachments: tuple[str, ...] = ()

    @property
    def place(self) -> Place:
        return ("documents", self.index)

    @property
    def written_name(self) -> str | None:
        """The name as the request has it, fit or not: what others may refer to."""
        name = self.raw.get("name")
        return name if isinstance(name, str) else None

    @property
    def is_optional(self) -> bool:
        """As the request says, else as the template's pack does."""
        by_pack = self.template is not None and self.template.template.optional
        return self.raw.get("optional", by_pack) is True

    @property
    def is_archive(self) -> bool:
        return self.format is not None and self.format.is_archive

    @property
    def is_merge(self) -> bool:
        """A PDF put together from other PDFs: it names members and no template."""
        return self.format is Format.PDF and bool(self.raw.get("members")) and "template" not in self.raw

    @property
    def is_assembled(self) -> bool:
        return self.is_archive or self.is_merge


def read_documents(
    raw: Sequence[object], *, misshapen: AbstractSet[Place], catalogue: Templates
) -> tuple[list[DocumentDraft], list[Finding]]:
    """Drafts of all entries of `raw` that are objects, and everything wrong with them beyond their shape.

    misshapen: places the bundle schema already complained about; nothing is said twice.
    """
    reader = _Reader(misshapen, catalogue)
    drafts = [reader.draft(index, entry) for index, entry in enumerate(raw) if isinstance(entry, dict)]
    reader.found += _name_clashes(drafts)
    return drafts, reader.found


def resolved_documents(drafts: Sequence[DocumentDraft]) -> tuple[ResolvedDocument, ...]:
    """The documents of which everything is known, sorted by name."""
    documents = [
        ResolvedDocument(
            name=d.name,
            format=d.format,
            template=d.template.reference if d.template else None,
            data=d.own,
            optional=d.is_optional,
            fallback=d.fallback.reference if d.fallback else None,
            members=d.members,
            page=d.page,
            ppi=d.ppi,
            attachments=d.attachments,
        )
        for d in drafts
        if d.name is not None and d.format is not None and d.own is not None and (d.is_assembled or d.template)
    ]
    return tuple(sorted(documents, key=lambda d: d.name))


class _Reader:
    """Reads one document after the other; `found` grows."""

    def __init__(self, misshapen: AbstractSet[Place], catalogue: Templates) -> None:
        self.found: list[Finding] = []
        self._misshapen = misshapen
        self._catalogue = catalogue

    def draft(self, index: int, raw: dict[str, Any]) -> DocumentDraft:
        draft = DocumentDraft(index, raw)
        draft.format = next((f for f in Format if f.value == raw.get("format")), None)
        draft.name = self._name(draft)
        own = raw.get("data", {})
        draft.own = own if isinstance(own, dict) else None
        self.found += self._page_image(draft)
        if draft.is_assembled:
            self.found += _superfluous(draft)
        else:
            draft.template = self._pinned(draft, "template")
            draft.fallback = self._pinned(draft, "fallback") if "fallback" in raw else self._declared_fallback(draft)
            if draft.format is not None and "template" not in raw:
                hint = _TEMPLATE_HINTS.get(draft.format, "write pack/template")
                self.found.append(Finding((*draft.place, "template"), "is required", hint))
        return draft

    def _page_image(self, draft: DocumentDraft) -> Iterator[Finding]:
        """Read `page` and `ppi`; findings for those that the format has no use for."""
        for field, taking in _IMAGE_FIELDS.items():
            value = draft.raw.get(field)
            if value is None or draft.format is None or (*draft.place, field) in self._misshapen:
                continue
            if draft.format not in taking:
                formats = " and ".join(f.value for f in taking)
                yield Finding((*draft.place, field), f"only {formats} documents take {field}", "remove it")
            elif isinstance(value, int):
                setattr(draft, field, value)

    def _declared_fallback(self, draft: DocumentDraft) -> Pinned | None:
        """What the pack says stands in for the template; the catalogue has made sure that it is there."""
        if draft.template is None or draft.template.template.fallback is None:
            return None
        pack, template = self._catalogue.resolve(draft.template.template.fallback)
        return Pinned(PinnedTemplate(pack.name, template.name, pack.version, pack.digest), template)

    def _text(self, draft: DocumentDraft, field: str) -> str | None:
        """The field if the schema accepts it. Its type is looked at again: the schema's report has an end."""
        text = draft.raw.get(field)
        return text if isinstance(text, str) and (*draft.place, field) not in self._misshapen else None

    def _name(self, draft: DocumentDraft) -> str | None:
        name = self._text(draft, "name")
        problem = name_problem(name, draft.format) if name is not None else None
        if problem:
            self.found.append(Finding((*draft.place, "name"), *problem))
        return None if problem else name

    def _pinned(self, draft: DocumentDraft, field: str) -> Pinned | None:
        text = self._text(draft, field)
        if text is None:
            return None
        try:
            reference = TemplateReference.parse(text)
        except ValueError as error:
            self.found.append(Finding((*draft.place, field), str(error)))
            return None
        try:
            pack, template = self._catalogue.resolve(reference)
        except NotFound as error:
            self.found.append(Finding((*draft.place, field), error.message, error.hint))
            return None
        if draft.format is not None and draft.format not in template.offered:
            offered = ", ".join(sorted(f.value for f in template.offered)) or "nothing"
            # A wrong format is mended at the format; but a fallback has to follow the document's format.
            at = "format" if field == "template" else field
            problem = f"template {pack.name}/{template.name} does not offer {draft.format.value}"
            self.found.append(Finding((*draft.place, at), problem, f"it offers {offered}"))
        return Pinned(PinnedTemplate(pack.name, template.name, pack.version, pack.digest), template)


_IMAGE_FIELDS = {"page": (Format.PNG, Format.SVG), "ppi": (Format.PNG,)}
_TEMPLATE_HINTS = {Format.PDF: "write pack/template, or name the members to merge"}


def _superfluous(draft: DocumentDraft) -> Iterator[Finding]:
    kind = "an archive" if draft.is_archive else "a merged PDF"
    for field in ("template", "fallback", "data"):
        if draft.raw.get(field):
            yield Finding((*draft.place, field), f"{kind} takes no {field}", "remove it")


def _name_clashes(drafts: Sequence[DocumentDraft]) -> Iterator[Finding]:
    for index, description in clashes((d.index, name) for d in drafts if (name := d.written_name) is not None):
        yield Finding(("documents", index, "name"), description, "every document needs a name of its own")
