"""One PDF of several: their pages in the given order, each member under a bookmark of its own.

Kept: pages as they are (fonts, images, links), links within a member, and every member's bookmarks below that of the member.
Not kept, since no PDF can have them twice or they speak of a whole file:
- conformance: a merged PDF claims no PDF/A and no PDF/UA, whatever its members are;
- structure tags and the members' metadata: the title becomes the bookmark, the rest is left behind;
- files embedded in members: attach them to the merged bundle another way, e.g. in an archive.

The date in the file is the bundle's document_date, or none; nothing else in it varies (`pdf_rewriting`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docugen_core.errors import LimitExceeded, RenderFailed
from docugen_core.rendering.pdf_rewriting import opened, pdf_date, written
from docugen_core.rendering.task import Artefact, MergeTask, Rendering

if TYPE_CHECKING:
    import pikepdf

OUTLINE_DEPTH_MAX = 15


def merge_pdfs(task: MergeTask) -> Rendering:
    """The merged PDF of `task` and its page count.

    Raises RenderFailed without a member (all of them were omitted), LimitExceeded beyond `pages_max`.
    """
    import pikepdf

    if not task.members:
        raise RenderFailed(
            "there is nothing to merge: every member was omitted",
            hint="Make the merged document optional too, or look at why its members were omitted.",
        )
    with ExitStack() as open_files:
        merged = open_files.enter_context(pikepdf.new())
        members = [_Member(member, open_files.enter_context(opened(member.data))) for member in task.members]
        pages = sum(len(member.pdf.pages) for member in members)
        if pages > task.limits.pages_max:
            message = f"the merged document has {pages} pages, the limit is {task.limits.pages_max}"
            details = {"pages": str(pages), "limit": str(task.limits.pages_max)}
            raise LimitExceeded(message, hint="Merge fewer documents, or raise DOCUGEN_MAX_PAGES.", details=details)
        bookmarks = [_append(merged, member) for member in members]
        with merged.open_outline() as outline:
            outline.root.extend(bookmarks)
        _describe(merged, task)
        versions = (member.pdf.pdf_version for member in members)
        return Rendering(written(merged, min_version=max(versions)), pages)


@dataclass(frozen=True, slots=True)
class _Member:
    artefact: Artefact
    pdf: pikepdf.Pdf

    def title(self) -> str:
        """The one in its metadata, else its file name."""
        with self.pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
            title = metadata.get("dc:title")
        return str(title or self.artefact.name.rpartition(".")[0])


def _append(merged: pikepdf.Pdf, member: _Member) -> pikepdf.OutlineItem:
    """Add the member's pages; returns its bookmark with its own ones below."""
    import pikepdf

    first = len(merged.pages)
    for page in member.pdf.pages:
        merged.pages.append(page)
    targets = _Targets(member.pdf, merged, first)
    for number, page in enumerate(member.pdf.pages):
        added = merged.pages[first + number]
        if pikepdf.Name.StructParents in added:
            del added[pikepdf.Name.StructParents]
        _mend_links(page.obj, added.obj, targets)
    bookmark = pikepdf.OutlineItem(member.title(), first, "Fit")
    with member.pdf.open_outline(max_depth=OUTLINE_DEPTH_MAX) as outline:
        bookmark.children.extend(_copied(outline.root, targets))
    return bookmark


def _copied(items: Sequence[pikepdf.OutlineItem], targets: _Targets) -> list[pikepdf.OutlineItem]:
    import pikepdf

    copies = []
    for item in items:
        action: Any = item.action if item.action is not None else {}
        copy = pikepdf.OutlineItem(item.title, targets.moved(item.destination or action.get("/D")))
        copy.is_closed = item.is_closed
        copy.children.extend(_copied(item.children, targets))
        copies.append(copy)
    return copies


def _mend_links(original: pikepdf.Object, added: pikepdf.Object, targets: _Targets) -> None:
    """Point the page's links to the pages that were added; qpdf drops references from one page to another."""
    for before, after in zip(original.get("/Annots", ()), added.get("/Annots", ()), strict=True):
        if "/StructParent" in after:
            del after["/StructParent"]
        action: Any = before.get("/A", {})
        destination = targets.moved(before.get("/Dest") or (action.get("/D") if action.get("/S") == "/GoTo" else None))
        if destination is not None:
            after["/Dest"] = destination
            if "/A" in after:
                del after["/A"]


class _Targets:
    """Where destinations of a member lie in the merged document."""

    def __init__(self, source: pikepdf.Pdf, merged: pikepdf.Pdf, first: int) -> None:
        self._numbers = {page.obj.objgen: first + number for number, page in enumerate(source.pages)}
        self._merged = merged
        self._named = _named_destinations(source)

    def moved(self, destination: Any) -> pikepdf.Array | None:
        """`destination`, which may be a name, as an array that begins with a page of the merged document."""
        import pikepdf

        if isinstance(destination, pikepdf.String | pikepdf.Name):
            destination = self._named.get(str(destination))
        if isinstance(destination, pikepdf.Dictionary):
            destination = destination.get("/D")
        if not isinstance(destination, pikepdf.Array) or not len(destination):
            return None
        number = self._numbers.get(getattr(destination[0], "objgen", (0, 0)))
        if number is None:
            return None
        return pikepdf.Array([self._merged.pages[number].obj, *list(destination)[1:]])


def _named_destinations(source: pikepdf.Pdf) -> Mapping[str, Any]:
    import pikepdf

    names: Any = source.Root.get("/Names", {})
    if "/Dests" not in names:
        return {}
    return {str(name): destination for name, destination in pikepdf.NameTree(names["/Dests"]).items()}


def _describe(merged: pikepdf.Pdf, task: MergeTask) -> None:
    import pikepdf

    merged.Root.Lang = pikepdf.String(task.world.locale)
    # Open with the bookmarks shown: they are what leads through several documents.
    merged.Root.PageMode = pikepdf.Name.UseOutlines
    merged.docinfo["/Title"] = pikepdf.String(task.document.rpartition(".")[0])
    if task.world.document_date is not None:
        date = pikepdf.String(pdf_date(task.world.document_date))
        merged.docinfo["/CreationDate"] = merged.docinfo["/ModDate"] = date
