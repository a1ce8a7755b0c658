"""The documents of a request: names, formats, templates, members. What fits becomes a draft, what does not a finding.

A draft holds what is known of one document, however little, so that every other rule can still be checked. Documents whose
draft is complete become ResolvedDocuments, sorted by name: their order in the request means nothing.

Not in here: whether the data fits the template (`validation`, which knows all three layers of it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Protocol

from docugen_core.domain.bundle import Format, PinnedTemplate, ResolvedDocument, TemplateReference
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

    @property
    def place(self) -> Place:
        return ("documents", self.index)

    @property
    def written_name(self) -> str | None:
        """The name as the request has it, fit or not: what others may refer to."""
        name = self.raw.get("name")
        return name if isinstance(name, str) else None

    @property
    def is_archive(self) -> bool:
        return self.format is not None and self.format.is_archive


def read_documents(
    raw: Sequence[object], *, misshapen: AbstractSet[Place], catalogue: Templates
) -> tuple[list[DocumentDraft], list[Finding]]:
    """Drafts of all entries of `raw` that are objects, and everything wrong with them beyond their shape.

    misshapen: places the bundle schema already complained about; nothing is said twice.
    """
    reader = _Reader(misshapen, catalogue)
    drafts = [reader.draft(index, entry) for index, entry in enumerate(raw) if isinstance(entry, dict)]
    reader.found += _name_clashes(drafts)
    for draft in drafts:
        reader.found += _take_members(draft, drafts, misshapen)
    return drafts, reader.found


def resolved_documents(drafts: Sequence[DocumentDraft]) -> tuple[ResolvedDocument, ...]:
    """The documents of which everything is known, sorted by name."""
    documents = [
        ResolvedDocument(
            name=d.name,
            format=d.format,
            template=d.template.reference if d.template else None,
            data=d.own,
            optional=d.raw.get("optional") is True,
            fallback=d.fallback.reference if d.fallback else None,
            members=d.members,
        )
        for d in drafts
        if d.name is not None and d.format is not None and d.own is not None and (d.is_archive or d.template)
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
        if draft.is_archive:
            self.found += _superfluous(draft)
        else:
            draft.template = self._pinned(draft, "template")
            draft.fallback = self._pinned(draft, "fallback")
            if draft.format is not None and "template" not in raw:
                self.found.append(Finding((*draft.place, "template"), "is required", "write pack/template"))
        return draft

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
        if draft.format is not None and draft.format not in template.formats:
            offered = ", ".join(sorted(f.value for f in template.formats)) or "nothing"
            # A wrong format is mended at the format; but a fallback has to follow the document's format.
            at = "format" if field == "template" else field
            problem = f"template {pack.name}/{template.name} does not offer {draft.format.value}"
            self.found.append(Finding((*draft.place, at), problem, f"it offers {offered}"))
        return Pinned(PinnedTemplate(pack.name, template.name, pack.version, pack.digest), template)


def _superfluous(draft: DocumentDraft) -> Iterator[Finding]:
    for field in ("template", "fallback", "data"):
        if draft.raw.get(field):
            yield Finding((*draft.place, field), f"an archive takes no {field}", "remove it")


def _name_clashes(drafts: Sequence[DocumentDraft]) -> Iterator[Finding]:
    for index, description in clashes((d.index, name) for d in drafts if (name := d.written_name) is not None):
        yield Finding(("documents", index, "name"), description, "every document needs a name of its own")


def _take_members(
    draft: DocumentDraft, drafts: Sequence[DocumentDraft], misshapen: AbstractSet[Place]
) -> list[Finding]:
    """Write the archive's members into its draft, sorted; by default all documents that are no archives."""
    place: Place = (*draft.place, "members")
    members = draft.raw.get("members") or ()
    if place in misshapen or not isinstance(members, list | tuple):
        return []
    if not draft.is_archive:
        wrong = bool(members) and draft.format is not None
        return [Finding(place, "only an archive takes members", "remove it, or make the format zip")] if wrong else []
    is_archive = {d.written_name: d.is_archive for d in drafts if d.written_name is not None}
    packable = tuple(sorted(name for name, archive in is_archive.items() if not archive))
    if not packable:
        return [Finding(place, "there is no other document to pack", "add one, or remove the archive")]
    found = []
    for index, member in enumerate(members):
        if not isinstance(member, str):
            continue
        if member not in is_archive:
            problem = "is not the name of a document"
            found.append(Finding((*place, index), problem, wrong=member, known=packable))
        elif is_archive[member]:
            found.append(Finding((*place, index), "is an archive, and archives cannot hold archives", "remove it"))
    draft.members = tuple(sorted(m for m in members if isinstance(m, str))) if members else packable
    return found
