"""Use case 5: one document of a bundle, shown and not kept. No run is recorded, nothing reaches the store.

It goes the way of every document (`generation`), with the same templates, data, fallback and bounds, in the same render
processes, so that a preview shows what a run would make. Two things differ: an optional document that fails is not left out
but says why, and the seed is that of the whole bundle although only a part of it is rendered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from docugen_core.domain.bundle import Format, ResolvedBundle, ResolvedDocument
from docugen_core.domain.failure import Violation
from docugen_core.domain.identity import content_digest
from docugen_core.errors import InvalidRequest, LimitExceeded, RenderFailed
from docugen_core.generation import BundleRenderer

PAGES_MAX = 20
PPI_MIN, PPI_MAX, PPI_DEFAULT = 36, 300, 96


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """document: its name in the bundle. as_pdf: the PDF itself, else a PNG of each of `pages` (from 1; none: the first)."""

    document: str
    as_pdf: bool = False
    pages: tuple[int, ...] = ()
    ppi: int = PPI_DEFAULT

    def violations(self) -> list[Violation]:
        """What is wrong with it, whatever the bundle."""
        found = [] if self.document else [Violation("document", "is required", "Name a document of the bundle.")]
        if not PPI_MIN <= self.ppi <= PPI_MAX:
            found.append(Violation("ppi", f"must be from {PPI_MIN} to {PPI_MAX}", "Leave it 0 for 96."))
        if len(self.pages) > PAGES_MAX:
            found.append(
                Violation("pages", f"has {len(self.pages)} pages, at most {PAGES_MAX} are allowed", "Ask twice.")
            )
        found += [Violation(f"pages[{n}]", "must be 1 or more") for n, page in enumerate(self.pages) if page < 1]
        if self.as_pdf and self.pages:
            found.append(Violation("pages", "a PDF is shown as a whole", "Leave it out, or ask for PNG."))
        return found


@dataclass(frozen=True, slots=True)
class Preview:
    """page_count: of the whole document. renditions: one PDF, or one PNG a page, in the order asked for."""

    page_count: int
    renditions: tuple[bytes, ...]


async def preview_document(bundles: BundleRenderer, bundle: ResolvedBundle, wanted: PreviewRequest) -> Preview:
    """The preview of one document. Cancelling it kills its renders.

    Raises InvalidRequest (no such document, one without pages, a page beyond the last), RenderFailed, LimitExceeded (also where
    all renditions together are larger than one artefact may be), Unavailable, NotFound.
    """
    if violations := wanted.violations():
        raise InvalidRequest.from_violations(violations)
    document = _named(bundle, wanted)
    as_pdf = replace(document, format=Format.PDF, optional=False)
    [(page_count, pdf)] = await _rendered(bundles, bundle, document, [as_pdf])
    if wanted.as_pdf:
        return Preview(page_count, (pdf,))
    for n, page in enumerate(wanted.pages):
        if page > page_count:
            problem = f"there is no page {page}, the document has {page_count}"
            raise InvalidRequest.from_violations([Violation(f"pages[{n}]", problem)])
    images = [
        replace(as_pdf, name=f"{page}.png", format=Format.PNG, page=page, ppi=wanted.ppi, attachments=())
        for page in wanted.pages or (document.page,)
    ]
    made = await _rendered(bundles, bundle, document, list({image.page: image for image in images}.values()))
    by_page = dict(zip(dict.fromkeys(image.page for image in images), (data for _, data in made), strict=True))
    renditions = tuple(by_page[image.page] for image in images)
    size = sum(len(rendition) for rendition in renditions)
    if size > bundles.limits.bytes_max:
        raise LimitExceeded(
            f"the {len(renditions)} images have {size} bytes, the limit is {bundles.limits.bytes_max}",
            document=document.name,
            hint="Ask for fewer pages or pixels, or raise DOCUGEN_MAX_ARTEFACT_BYTES.",
        )
    return Preview(page_count, renditions)


def _named(bundle: ResolvedBundle, wanted: PreviewRequest) -> ResolvedDocument:
    documents = {document.name: document for document in bundle.documents}
    document = documents.get(wanted.document)
    if document is None:
        near = get_close_matches(wanted.document, documents, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(sorted(documents)[:8])}."
        raise InvalidRequest.from_violations([Violation("document", "is not a document of the bundle", hint)])
    if document.format is not Format.PDF and not document.format.is_page_image:
        problem = f"is {document.format.value}, and only PDFs and images of their pages have a preview"
        raise InvalidRequest.from_violations([Violation("document", problem, "CreateBundleRun renders it.")])
    if document.template is None and not wanted.as_pdf:
        problem = "is put together from other PDFs, and shown as PDF only"
        hint = "Ask for RENDITION_PDF, or preview one of its members."
        raise InvalidRequest.from_violations([Violation("document", problem, hint)])
    return document


async def _rendered(
    bundles: BundleRenderer, bundle: ResolvedBundle, document: ResolvedDocument, wanted: Sequence[ResolvedDocument]
) -> list[tuple[int, bytes]]:
    """Pages and bytes of each of `wanted`, which stand in the place of `document`."""
    needed = _inputs_of(bundle, wanted)
    others = [other for other in bundle.documents if other.name in needed and other.name != document.name]
    # The seed of the whole: by default it is the digest of all documents, and generated data must not change.
    part = replace(bundle, documents=(*others, *wanted), requested_seed=bundle.seed)
    made: dict[str, bytes] = {}

    async def keep(data: bytes) -> None:
        made[await asyncio.to_thread(content_digest, data)] = data

    try:
        manifest = await bundles.render(part, keep)
    except RenderFailed as error:
        if error.document not in needed:
            error.document = document.name
        raise
    entries = {entry.name: entry for entry in manifest.artefacts}
    return [(entries[one.name].pages, made[entries[one.name].sha256]) for one in wanted]


def _inputs_of(bundle: ResolvedBundle, wanted: Sequence[ResolvedDocument]) -> set[str]:
    """Names of everything `wanted` is made of, to the last."""
    documents = {document.name: document for document in bundle.documents}
    needed: set[str] = set()
    waiting = [name for one in wanted for name in one.inputs]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += documents[name].inputs
    return needed
