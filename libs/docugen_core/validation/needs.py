"""What the documents of a request need of each other: members of archives and merged PDFs, attachments of PDFs.

A need is a name in the request. Every one must be that of another document which can be packed, merged or embedded there, and
no document may need itself, however many others lie between: `domain.stages` could not say which one to make first.

The members of an archive and the attachments of a PDF are sorted, since their order means nothing. Merged pages keep theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from docugen_core.domain.bundle import Format
from docugen_core.domain.stages import circular
from docugen_core.rendering.pdf_attachments import DATA_FILE
from docugen_core.strict_json.findings import Finding
from docugen_core.strict_json.places import Place
from docugen_core.validation.documents import DocumentDraft, Pinned


def take_inputs(drafts: Sequence[DocumentDraft], misshapen: AbstractSet[Place]) -> list[Finding]:
    """Write members and attachments into the drafts, and return everything that is wrong with them.

    misshapen: places the bundle schema already complained about; nothing is said twice.
    """
    by_name = {draft.written_name: draft for draft in drafts if draft.written_name is not None}
    found: list[Finding] = []
    for draft in drafts:
        if (*draft.place, "members") not in misshapen:
            found += _members(draft, by_name)
        if (*draft.place, "attachments") not in misshapen:
            found += _attachments(draft, by_name)
    told = {finding.place for finding in found}
    return found + [finding for finding in _circles(drafts) if finding.place not in told]


def _members(draft: DocumentDraft, by_name: Mapping[str, DocumentDraft]) -> Iterator[Finding]:
    place: Place = (*draft.place, "members")
    names = _names(draft, "members")
    if not draft.is_assembled:
        if names and draft.format is not None:
            remedy = "remove it, or the template" if draft.format is Format.PDF else "remove it, or make the format zip"
            yield Finding(place, "only an archive or a pdf without a template takes members", remedy)
        return
    suitable = tuple(sorted(name for name, other in by_name.items() if other is not draft and _fits(draft, other)))
    if not suitable:
        wanted, kind = ("pdf to merge", "merged PDF") if draft.is_merge else ("document to pack", "archive")
        yield Finding(place, f"there is no other {wanted}", f"add one, or remove the {kind}")
        return
    for index, name in enumerate(names):
        other = by_name.get(name)
        if other is None:
            yield Finding((*place, index), "is not the name of a document", wrong=name, known=suitable)
        elif draft.is_archive and other.is_archive:
            yield Finding((*place, index), "is an archive, and archives cannot hold archives", "remove it")
        elif other.format is not None and not _fits(draft, other):
            problem = f"is a {other.format.value}, and only pdf documents can be merged"
            yield Finding((*place, index), problem, "remove it")
    draft.members = names if draft.is_merge else tuple(sorted(names)) or suitable


def _fits(draft: DocumentDraft, other: DocumentDraft) -> bool:
    return other.format is Format.PDF if draft.is_merge else not other.is_archive


def _attachments(draft: DocumentDraft, by_name: Mapping[str, DocumentDraft]) -> Iterator[Finding]:
    place: Place = (*draft.place, "attachments")
    names = _names(draft, "attachments")
    if not names or draft.format is None:
        return
    if draft.format is not Format.PDF or draft.is_merge:
        yield Finding(place, "only a pdf with a template takes attachments", "remove it")
        return
    for pinned in (draft.template, draft.fallback):
        if pinned is not None:
            yield from _refused_by(pinned, place, names)
    suitable = tuple(sorted(name for name, other in by_name.items() if other is not draft))
    for index, name in enumerate(names):
        if name not in by_name:
            yield Finding((*place, index), "is not the name of a document", wrong=name, known=suitable)
    draft.attachments = tuple(sorted(names))


def _refused_by(pinned: Pinned, place: Place, names: Sequence[str]) -> Iterator[Finding]:
    """What the template's kind of PDF says against these attachments."""
    options = pinned.template.pdf
    if not options.takes_attachments:
        problem = f"template {pinned.reference} makes {'+'.join(options.standards)}, which holds no attachments"
        remedy = 'use a template whose pack.toml says e.g. standards = ["a-3b"], or remove it'
        yield Finding(place, problem, remedy)
    elif options.embed_data and DATA_FILE in names:
        problem = f"template {pinned.reference} embeds its own {DATA_FILE}"
        yield Finding((*place, names.index(DATA_FILE)), problem, "give the document another name")


def _circles(drafts: Sequence[DocumentDraft]) -> Iterator[Finding]:
    needs = {draft.written_name: (*draft.members, *draft.attachments) for draft in drafts if draft.written_name}
    bound = circular({name: tuple(dict.fromkeys(others)) for name, others in needs.items()})
    for draft in drafts:
        if draft.written_name not in bound:
            continue
        for field in ("members", "attachments"):
            written = _names(draft, field)
            if not written and bound.intersection(getattr(draft, field)):
                problem = "is left out and so means all documents, but one of them needs this one"
                yield Finding((*draft.place, field), problem, "name the members")
            for index, name in enumerate(written):
                if name == draft.written_name:
                    yield Finding((*draft.place, field, index), "is the document itself", "remove it")
                elif name in bound:
                    problem = "needs this document in turn, so neither could come first"
                    yield Finding((*draft.place, field, index), problem, "remove one of the two")


def _names(draft: DocumentDraft, field: str) -> tuple[str, ...]:
    """The names as written. Their type is looked at again: the schema's report has an end."""
    written = draft.raw.get(field)
    return tuple(n for n in written if isinstance(n, str)) if isinstance(written, list | tuple) else ()
