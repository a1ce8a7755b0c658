"""Rendering a whole bundle: all its documents, and the manifest that lists them. Nothing is published here.

Documents render in parallel, in stages: one that is made of others (an archive, a merged PDF, a PDF with attachments) after
those. What comes out depends on the bundle and the engine alone: not on order, parallelism, attempt or worker.

A template or data failure is deterministic, so its consequences are too: the fallback template, else omission of an optional
document, else failure of the run. A failure of the surroundings (store, killed render, a bound that this server sets) is never
papered over that way: the manifest must be the same on every server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from docugen_core.composition import compose, generated_data
from docugen_core.document_cache import DocumentCache
from docugen_core.domain.bundle import PinnedTemplate, ResolvedBundle, ResolvedDocument
from docugen_core.domain.document_identity import assembled_digest, rendered_digest
from docugen_core.domain.identity import canonical_json, content_digest
from docugen_core.domain.json import JsonObject
from docugen_core.domain.manifest import ArtefactEntry, ArtefactStatus, Manifest
from docugen_core.domain.run import DocumentProgress, DocumentState
from docugen_core.domain.stages import stages
from docugen_core.errors import DocugenError, LimitExceeded, RenderFailed
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.measures import UNMEASURED, Measures
from docugen_core.ports import Renderer, Signer
from docugen_core.rendering.archive import pack_archive
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.task import Artefact, MergeTask, Rendering, RenderLimits, RenderTask, Task
from docugen_core.rendering.world import World
from docugen_core.tracing import UNTRACED, Step, Tracer

OnProgress = Callable[[DocumentProgress], None]
Sink = Callable[[bytes], Awaitable[object]]


def unwatched(_: DocumentProgress) -> None:
    """Progress nobody asked for."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one document: an entry for the manifest, or the error that fails the run."""

    entry: ArtefactEntry | None = None
    data: bytes = b""
    error: DocugenError | None = None


@dataclass(frozen=True, slots=True)
class BundleRenderer:
    """Renders whole bundles. Holds no state between bundles; safe to use from many tasks at once. measures: of what no renderer
    sees, archives and what is kept. cache: what `generate` takes over instead of rendering it; None renders everything.
    signer: of the manifests that `generate` publishes. tracer: of documents, and of what keeps them."""

    catalogue: TemplateCatalogue
    generators: GeneratorRegistry
    renderer: Renderer
    limits: RenderLimits
    measures: Measures = UNMEASURED
    cache: DocumentCache | None = None
    signer: Signer | None = None
    tracer: Tracer = UNTRACED

    async def render(
        self,
        bundle: ResolvedBundle,
        sink: Sink,
        on_progress: OnProgress = unwatched,
        cache: DocumentCache | None = None,
    ) -> Manifest:
        """Render every document, pass its bytes to `sink`, and return the manifest.

        `sink` gets each artefact's bytes once, in no particular order; what it raises counts as trouble of the
        surroundings. Cancelling this kills the renders that are under way. cache: of the store that `sink` fills; documents
        that it has are not rendered, and those that it keeps do not go to `sink` again. Without one everything is rendered.

        Raises RenderFailed or LimitExceeded (the first failing document by name, so the report is deterministic too),
        Unavailable (trouble that may pass), NotFound (a pinned pack or generator is not installed here).
        """
        # In a thread: a book of two hundred invoices takes half a second, and leases have to be renewed meanwhile.
        generated = await asyncio.to_thread(generated_data, bundle, self.generators) if bundle.generate else {}
        rendering = _BundleRendering(self, bundle, generated, sink, on_progress, cache)
        return await rendering.run()


class _BundleRendering:
    """One bundle on its way through."""

    def __init__(
        self,
        parts: BundleRenderer,
        bundle: ResolvedBundle,
        generated: JsonObject,
        sink: Sink,
        on_progress: OnProgress,
        cache: DocumentCache | None,
    ) -> None:
        self._parts = parts
        self._bundle = bundle
        self._generated = generated
        self._sink = sink
        self._on_progress = on_progress
        self._cache = cache
        self._stored: set[str] = set()
        self._reused: set[str] = set()
        self._engine = parts.renderer.engine
        self._shared_digest = ""
        self._world = World(bundle.document_date, bundle.locale, bundle.time_zone, bundle.specimen)

    async def run(self) -> Manifest:
        outcomes: dict[str, _Outcome] = {}
        to_come = list(stages(self._bundle.documents))
        while to_come:
            stage = to_come.pop(0)
            needed = {name for later in to_come for document in later for name in document.inputs}
            async with asyncio.TaskGroup() as group:
                for document in stage:
                    group.create_task(self._settle_into(outcomes, document, keep=document.name in needed))
            self._raise_first(outcomes)
            for name in outcomes.keys() - needed:
                outcomes[name] = replace(outcomes[name], data=b"")
        entries = tuple(o.entry for o in outcomes.values() if o.entry)
        return Manifest(
            spec_digest=self._bundle.spec_digest,
            seed=self._bundle.seed,
            engine=self._engine,
            packs=tuple({(t.pack, t.version, t.digest) for t in self._bundle.packs}),
            generators=tuple((g.name, g.version) for g in (self._bundle.generate,) if g is not None),
            artefacts=entries,
        )

    def _raise_first(self, outcomes: dict[str, _Outcome]) -> None:
        """Raise the failure that decides the run: a deterministic one before one that may pass, then by name."""
        failed = [(o.error.retryable, name, o.error) for name, o in outcomes.items() if o.error]
        if failed:
            raise min(failed, key=lambda f: f[:2])[2]

    async def _settle_into(self, outcomes: dict[str, _Outcome], document: ResolvedDocument, *, keep: bool) -> None:
        """keep: the bytes too. Only what a later document is made of stays in memory."""
        outcome = await self._settle(document, outcomes)
        outcomes[document.name] = outcome if keep else replace(outcome, data=b"")

    async def _settle(self, document: ResolvedDocument, done: dict[str, _Outcome]) -> _Outcome:
        """Bring one document to its end. A failure is a value here, so that one document cannot cancel another."""
        pinned = document.template
        template = f"{pinned.pack}/{pinned.template}" if pinned else ""
        with self._parts.tracer.span(Step.DOCUMENT, format=document.format.value, template=template) as span:
            outcome = await self._settled(document, done)
            if outcome.error is not None:
                span.failed(outcome.error.reason)
            elif outcome.entry is not None:
                entry = outcome.entry
                reused = document.name in self._reused
                span.note(status=entry.status.value, pages=entry.pages, bytes=entry.size, reused=reused)
        return outcome

    async def _settled(self, document: ResolvedDocument, done: dict[str, _Outcome]) -> _Outcome:
        self._report(document, DocumentState.RENDERING)
        try:
            if document.template is not None:
                entry, data = await self._document(document, document.template, self._made_of(document, done))
            elif document.format.is_archive:
                entry, data = self._archive(document, self._made_of(document, done))
            else:
                entry, data = await self._merged(document, self._made_of(document, done))
            if entry.status is ArtefactStatus.RENDERED and entry.sha256 not in self._stored:
                await self._sink(data)
        except DocugenError as error:
            self._report(document, DocumentState.FAILED)
            return _Outcome(error=error)
        self._report(document, _STATE[entry.status], pages=entry.pages, size=entry.size)
        return _Outcome(entry, data)

    def _made_of(self, document: ResolvedDocument, done: dict[str, _Outcome]) -> tuple[_Input, ...]:
        """What `document` is made of, in its order. What was omitted is missing here as it is missing in the bundle."""
        inputs = tuple(
            _Input(Artefact(name, outcome.entry.format, outcome.data), outcome.entry.sha256)
            for name in document.inputs
            if (outcome := done[name]).entry and outcome.entry.status is ArtefactStatus.RENDERED
        )
        size = sum(len(one.artefact.data) for one in inputs)
        if size > self._parts.limits.bytes_max:
            raise LimitExceeded(
                f"its {len(inputs)} members or attachments have {size} bytes; the bound is {self._parts.limits.bytes_max}",
                document=document.name,
                hint="Put fewer documents into it, or raise DOCUGEN_MAX_ARTEFACT_BYTES.",
                details={"bytes": str(size), "limit": str(self._parts.limits.bytes_max)},
            )
        return inputs

    async def _document(
        self, document: ResolvedDocument, template: PinnedTemplate, attached: tuple[_Input, ...]
    ) -> tuple[ArtefactEntry, bytes]:
        data = compose(self._bundle.data, self._generated, document.data)
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
        return self._omitted(document, failure)

    def _omitted(self, document: ResolvedDocument, failure: RenderFailed) -> tuple[ArtefactEntry, bytes]:
        """Leave it out, or raise `failure` where the bundle cannot do without it."""
        if not document.optional:
            raise failure
        return ArtefactEntry(document.name, document.format, ArtefactStatus.OMITTED, reason=failure.reason), b""

    async def _rendered(
        self,
        document: ResolvedDocument,
        template: PinnedTemplate,
        data: JsonObject,
        attached: tuple[_Input, ...],
        fallback_reason: str = "",
    ) -> tuple[ArtefactEntry, bytes]:
        task = RenderTask(
            document=document.name,
            format=document.format,
            pack=self._parts.catalogue.pinned(template),
            template=template.template,
            data=data,
            world=self._world,
            limits=self._parts.limits,
            page=document.page,
            ppi=document.ppi,
            attachments=tuple(one.artefact for one in attached),
        )
        identity = rendered_digest(
            self._bundle,
            document,
            template,
            data_digest=self._data_digest(document, data),
            attachments=_sha256s(attached),
            engine_fingerprint=self._engine.fingerprint,
        )
        sha256, rendering = await self._known_or_rendered(document, identity, task)
        return self._entry(document, rendering, sha256, identity, fallback_reason), rendering.data

    async def _merged(self, document: ResolvedDocument, members: tuple[_Input, ...]) -> tuple[ArtefactEntry, bytes]:
        task = MergeTask(document.name, tuple(one.artefact for one in members), self._world, self._parts.limits)
        identity = self._assembled_digest(document, members)
        try:
            sha256, rendering = await self._known_or_rendered(document, identity, task)
        except LimitExceeded:
            raise
        except RenderFailed as failure:
            return self._omitted(document, failure)
        return self._entry(document, rendering, sha256, identity), rendering.data

    async def _known_or_rendered(self, document: ResolvedDocument, identity: str, task: Task) -> tuple[str, Rendering]:
        """The document, and the SHA-256 of its bytes; in the store by then, if there is a cache."""
        known = await self._known(document, identity, task.limits)
        if known is not None:
            return known
        rendering = await self._parts.renderer.render(task)
        if self._cache is None:
            return content_digest(rendering.data), rendering
        with self._parts.tracer.span(Step.PUT, bytes=len(rendering.data)):
            sha256 = await self._cache.keep(identity, rendering)
        self._stored.add(sha256)
        return sha256, rendering

    async def _known(
        self, document: ResolvedDocument, identity: str, limits: RenderLimits
    ) -> tuple[str, Rendering] | None:
        """The same document from an earlier rendering, whose bytes are in the store."""
        if self._cache is None:
            return None
        found = await self._cache.find(identity, limits)
        self._parts.measures.document_looked_up(reused=found is not None)
        if found is None:
            return None
        self._stored.add(found[0])
        self._reused.add(document.name)
        return found

    def _archive(self, document: ResolvedDocument, members: tuple[_Input, ...]) -> tuple[ArtefactEntry, bytes]:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        data = pack_archive({one.artefact.name: one.artefact.data for one in members})
        if len(data) > self._parts.limits.bytes_max:
            raise LimitExceeded(
                f"the archive has {len(data)} bytes; the bound is {self._parts.limits.bytes_max}",
                document=document.name,
                hint="Pack fewer members, or raise DOCUGEN_MAX_ARTEFACT_BYTES.",
                details={"bytes": str(len(data)), "limit": str(self._parts.limits.bytes_max)},
            )
        entry = self._entry(document, Rendering(data), content_digest(data), self._assembled_digest(document, members))
        self._parts.measures.document_rendered(document.format, loop.time() - begun_s)
        return entry, data

    def _entry(
        self,
        document: ResolvedDocument,
        rendering: Rendering,
        sha256: str,
        document_digest: str,
        fallback_reason: str = "",
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

    def _assembled_digest(self, document: ResolvedDocument, members: tuple[_Input, ...]) -> str:
        fingerprint = self._engine.fingerprint
        return assembled_digest(self._bundle, document, members=_sha256s(members), engine_fingerprint=fingerprint)

    def _data_digest(self, document: ResolvedDocument, data: JsonObject) -> str:
        # Most documents of a bundle see the same shared data: canonicalise it once.
        if document.data:
            return content_digest(canonical_json(data))
        self._shared_digest = self._shared_digest or content_digest(canonical_json(data))
        return self._shared_digest

    def _report(self, document: ResolvedDocument, state: DocumentState, pages: int = 0, size: int = 0) -> None:
        reused = document.name in self._reused
        self._on_progress(DocumentProgress(document.name, state, pages, size, reused))


@dataclass(frozen=True, slots=True)
class _Input:
    """A document that another one is made of, and its SHA-256."""

    artefact: Artefact
    sha256: str


def _sha256s(inputs: tuple[_Input, ...]) -> dict[str, str]:
    return {one.artefact.name: one.sha256 for one in inputs}


_STATE = {
    ArtefactStatus.RENDERED: DocumentState.RENDERED,
    ArtefactStatus.OMITTED: DocumentState.OMITTED,
}
