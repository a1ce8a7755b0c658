"""Rendering one document of a bundle: from its template, or from the documents that it is made of.

A template or data failure is deterministic, so its consequences are too: the fallback template, else omission of an optional
document, else failure. A failure of the surroundings (store, killed render, a bound that this server sets) is never papered
over that way: the manifest must be the same on every server.

What is rendered here goes into the cache's store, where there is a cache. Which documents come first, and what becomes of the
bytes that no cache has kept, is `bundle_rendering`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from docugen_core.composition import compose
from docugen_core.document_cache import DocumentCache
from docugen_core.domain.bundle import PinnedTemplate, ResolvedBundle, ResolvedDocument
from docugen_core.domain.document_identity import assembled_digest, rendered_digest
from docugen_core.domain.identity import canonical_json, content_digest
from docugen_core.domain.json import JsonObject
from docugen_core.domain.manifest import ArtefactEntry, ArtefactStatus, Engine
from docugen_core.errors import LimitExceeded, RenderFailed
from docugen_core.measures import Measures
from docugen_core.ports import Renderer
from docugen_core.rendering.archive import pack_archive
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.task import Artefact, MergeTask, Rendering, RenderLimits, RenderTask, Task
from docugen_core.rendering.world import World
from docugen_core.tracing import Step, Tracer


@dataclass(frozen=True, slots=True)
class MadeDocument:
    """One document: its entry for the manifest, and its bytes. kept: the store has them. reused: it had them before."""

    entry: ArtefactEntry
    data: bytes = b""
    kept: bool = False
    reused: bool = False

    @property
    def is_rendered(self) -> bool:
        return self.entry.status is ArtefactStatus.RENDERED


@dataclass(frozen=True, kw_only=True)
class DocumentRenderer:
    """Renders the documents of one bundle, in any order and many at once. Tells `measures` and `tracer` of them.

    generated: what the bundle's generator made. engine: the renderer's, as it is in the manifest. cache: what is taken over
    instead of rendering it, and keeps what is rendered; None renders everything and keeps nothing.
    """

    bundle: ResolvedBundle
    generated: JsonObject
    catalogue: TemplateCatalogue
    renderer: Renderer
    engine: Engine
    limits: RenderLimits
    cache: DocumentCache | None
    measures: Measures
    tracer: Tracer

    async def render(self, document: ResolvedDocument, made_of: Sequence[MadeDocument]) -> MadeDocument:
        """Make `document`. made_of: its members or attachments, in its order; of what was omitted, nothing.

        Raises RenderFailed or LimitExceeded, Unavailable (trouble that may pass), NotFound (a pinned pack is not here).
        """
        self._check_size(document, made_of)
        if document.template is not None:
            return await self._of_template(document, document.template, made_of)
        if document.format.is_archive:
            return self._archive(document, made_of)
        return await self._merged(document, made_of)

    def _check_size(self, document: ResolvedDocument, made_of: Sequence[MadeDocument]) -> None:
        size = sum(len(one.data) for one in made_of)
        if size > self.limits.bytes_max:
            raise LimitExceeded(
                f"its {len(made_of)} members or attachments have {size} bytes; the bound is {self.limits.bytes_max}",
                document=document.name,
                hint="Put fewer documents into it, or raise DOCUGEN_MAX_ARTEFACT_BYTES.",
                details={"bytes": str(size), "limit": str(self.limits.bytes_max)},
            )

    async def _of_template(
        self, document: ResolvedDocument, template: PinnedTemplate, attached: Sequence[MadeDocument]
    ) -> MadeDocument:
        data = compose(self.bundle.data, self.generated, document.data)
        try:
            return await self._rendered(document, template, data, attached)
        except LimitExceeded:
            raise  # a bound is this server's setting, not part of the request: what it did must not reach a manifest
        except RenderFailed as first:
            failure = first
        if document.fallback is not None:
            try:
                return await self._rendered(document, document.fallback, data, attached, fallback_reason=failure.reason)
            except LimitExceeded:
                raise
            except RenderFailed as second:
                failure = second
        return _omitted(document, failure)

    async def _rendered(
        self,
        document: ResolvedDocument,
        template: PinnedTemplate,
        data: JsonObject,
        attached: Sequence[MadeDocument],
        fallback_reason: str = "",
    ) -> MadeDocument:
        task = RenderTask(
            document=document.name,
            format=document.format,
            pack=self.catalogue.pinned(template),
            template=template.template,
            data=data,
            world=self._world,
            limits=self.limits,
            page=document.page,
            ppi=document.ppi,
            attachments=_artefacts(attached),
        )
        identity = rendered_digest(
            self.bundle,
            document,
            template,
            data_digest=self._data_digest(document, data),
            attachments=_sha256s(attached),
            engine_fingerprint=self.engine.fingerprint,
        )
        return await self._known_or_rendered(document, identity, task, fallback_reason)

    async def _merged(self, document: ResolvedDocument, members: Sequence[MadeDocument]) -> MadeDocument:
        task = MergeTask(document.name, _artefacts(members), self._world, self.limits)
        try:
            return await self._known_or_rendered(document, self._assembled_digest(document, members), task)
        except LimitExceeded:
            raise
        except RenderFailed as failure:
            return _omitted(document, failure)

    async def _known_or_rendered(
        self, document: ResolvedDocument, identity: str, task: Task, fallback_reason: str = ""
    ) -> MadeDocument:
        """The document; in the store by then, if there is a cache."""
        if self.cache is not None:
            known = await self.cache.find(identity, task.limits)
            self.measures.document_looked_up(reused=known is not None)
            if known is not None:
                entry = _entry(document, known[1], known[0], identity, fallback_reason)
                return MadeDocument(entry, known[1].data, kept=True, reused=True)
        rendering = await self.renderer.render(task)
        if self.cache is None:
            entry = _entry(document, rendering, content_digest(rendering.data), identity, fallback_reason)
            return MadeDocument(entry, rendering.data)
        with self.tracer.span(Step.PUT, bytes=len(rendering.data)):
            sha256 = await self.cache.keep(identity, rendering)
        return MadeDocument(_entry(document, rendering, sha256, identity, fallback_reason), rendering.data, kept=True)

    def _archive(self, document: ResolvedDocument, members: Sequence[MadeDocument]) -> MadeDocument:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        data = pack_archive({one.entry.name: one.data for one in members})
        if len(data) > self.limits.bytes_max:
            raise LimitExceeded(
                f"the archive has {len(data)} bytes; the bound is {self.limits.bytes_max}",
                document=document.name,
                hint="Pack fewer members, or raise DOCUGEN_MAX_ARTEFACT_BYTES.",
                details={"bytes": str(len(data)), "limit": str(self.limits.bytes_max)},
            )
        entry = _entry(document, Rendering(data), content_digest(data), self._assembled_digest(document, members))
        self.measures.document_rendered(document.format, loop.time() - begun_s)
        return MadeDocument(entry, data)

    def _assembled_digest(self, document: ResolvedDocument, members: Sequence[MadeDocument]) -> str:
        return assembled_digest(
            self.bundle, document, members=_sha256s(members), engine_fingerprint=self.engine.fingerprint
        )

    def _data_digest(self, document: ResolvedDocument, data: JsonObject) -> str:
        return content_digest(canonical_json(data)) if document.data else self._shared_digest

    @cached_property
    def _shared_digest(self) -> str:
        # Most documents of a bundle see the same shared data: canonicalise it once.
        return content_digest(canonical_json(compose(self.bundle.data, self.generated, {})))

    @cached_property
    def _world(self) -> World:
        bundle = self.bundle
        return World(bundle.document_date, bundle.locale, bundle.time_zone, bundle.specimen)


def _omitted(document: ResolvedDocument, failure: RenderFailed) -> MadeDocument:
    """Leave it out, or raise `failure` where the bundle cannot do without it."""
    if not document.optional:
        raise failure
    return MadeDocument(ArtefactEntry(document.name, document.format, ArtefactStatus.OMITTED, reason=failure.reason))


def _entry(
    document: ResolvedDocument, rendering: Rendering, sha256: str, document_digest: str, fallback_reason: str = ""
) -> ArtefactEntry:
    return ArtefactEntry(
        name=document.name,
        format=document.format,
        size=len(rendering.data),
        sha256=sha256,
        pages=rendering.pages,
        document_digest=document_digest,
        fallback_reason=fallback_reason,
    )


def _artefacts(made: Sequence[MadeDocument]) -> tuple[Artefact, ...]:
    return tuple(Artefact(one.entry.name, one.entry.format, one.data) for one in made)


def _sha256s(made: Sequence[MadeDocument]) -> dict[str, str]:
    return {one.entry.name: one.entry.sha256 for one in made}
