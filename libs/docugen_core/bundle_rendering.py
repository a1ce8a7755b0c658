"""Rendering a whole bundle: all its documents, and the manifest that lists them. Nothing is published here.

Documents render in parallel, in stages: one that is made of others (an archive, a merged PDF, a PDF with attachments) after
those. What comes out depends on the bundle and the engine alone: not on order, parallelism, attempt or worker.

How one of them is made, its fallback and its omission included, is in `document_rendering`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from docugen_core.composition import generated_data
from docugen_core.document_cache import DocumentCache
from docugen_core.document_rendering import DocumentRenderer, MadeDocument
from docugen_core.domain.bundle import ResolvedBundle, ResolvedDocument
from docugen_core.domain.json import JsonObject
from docugen_core.domain.manifest import ArtefactStatus, Manifest
from docugen_core.domain.run import DocumentProgress, DocumentState
from docugen_core.domain.stages import stages
from docugen_core.errors import DocugenError
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.measures import UNMEASURED, Measures
from docugen_core.ports import Renderer, Signer
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.task import RenderLimits
from docugen_core.tracing import UNTRACED, Span, Step, Tracer

OnProgress = Callable[[DocumentProgress], None]
Sink = Callable[[bytes], Awaitable[object]]


def unwatched(_: DocumentProgress) -> None:
    """Progress nobody asked for."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one document: what was made, or the error that fails the run."""

    made: MadeDocument | None = None
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
        self._bundle = bundle
        self._sink = sink
        self._on_progress = on_progress
        self._engine = parts.renderer.engine
        self._tracer = parts.tracer
        self._kept: set[str] = set()
        self._documents = DocumentRenderer(
            bundle=bundle,
            generated=generated,
            catalogue=parts.catalogue,
            renderer=parts.renderer,
            engine=self._engine,
            limits=parts.limits,
            cache=cache,
            measures=parts.measures,
            tracer=parts.tracer,
        )

    async def run(self) -> Manifest:
        outcomes: dict[str, _Outcome] = {}
        to_come = list(stages(self._bundle.documents))
        while to_come:
            stage = to_come.pop(0)
            needed = {name for later in to_come for document in later for name in document.inputs}
            async with asyncio.TaskGroup() as group:
                for document in stage:
                    group.create_task(self._settle_into(outcomes, document, keep=document.name in needed))
            _raise_first(outcomes)
            for name in outcomes.keys() - needed:
                outcomes[name] = _without_bytes(outcomes[name])
        return Manifest(
            spec_digest=self._bundle.spec_digest,
            seed=self._bundle.seed,
            engine=self._engine,
            packs=tuple({(t.pack, t.version, t.digest) for t in self._bundle.packs}),
            generators=tuple((g.name, g.version) for g in (self._bundle.generate,) if g is not None),
            artefacts=tuple(o.made.entry for o in outcomes.values() if o.made),
        )

    async def _settle_into(self, outcomes: dict[str, _Outcome], document: ResolvedDocument, *, keep: bool) -> None:
        """keep: the bytes too. Only what a later document is made of stays in memory."""
        outcome = await self._settle(document, _made_of(document, outcomes))
        outcomes[document.name] = outcome if keep else _without_bytes(outcome)

    async def _settle(self, document: ResolvedDocument, made_of: tuple[MadeDocument, ...]) -> _Outcome:
        """Bring one document to its end. A failure is a value here, so that one document cannot cancel another."""
        pinned = document.template
        template = f"{pinned.pack}/{pinned.template}" if pinned else ""
        with self._tracer.span(Step.DOCUMENT, format=document.format.value, template=template) as span:
            self._on_progress(DocumentProgress(document.name, DocumentState.RENDERING))
            try:
                made = await self._documents.render(document, made_of)
                await self._hand_over(made)
            except DocugenError as error:
                self._on_progress(DocumentProgress(document.name, DocumentState.FAILED))
                span.failed(error.reason)
                return _Outcome(error=error)
            self._tell(made, span)
        return _Outcome(made)

    async def _hand_over(self, made: MadeDocument) -> None:
        """Give the bytes to the sink, unless the store has them."""
        if made.kept:
            self._kept.add(made.entry.sha256)
        elif made.is_rendered and made.entry.sha256 not in self._kept:
            await self._sink(made.data)

    def _tell(self, made: MadeDocument, span: Span) -> None:
        entry = made.entry
        self._on_progress(DocumentProgress(entry.name, _STATE[entry.status], entry.pages, entry.size, made.reused))
        span.note(status=entry.status.value, pages=entry.pages, bytes=entry.size, reused=made.reused)


def _made_of(document: ResolvedDocument, done: dict[str, _Outcome]) -> tuple[MadeDocument, ...]:
    """What `document` is made of, in its order. What was omitted is missing here as it is missing in the bundle."""
    made = (done[name].made for name in document.inputs)
    return tuple(one for one in made if one is not None and one.is_rendered)


def _without_bytes(outcome: _Outcome) -> _Outcome:
    return replace(outcome, made=replace(outcome.made, data=b"")) if outcome.made else outcome


def _raise_first(outcomes: dict[str, _Outcome]) -> None:
    """Raise the failure that decides the run: a deterministic one before one that may pass, then by name."""
    failed = [(o.error.retryable, name, o.error) for name, o in outcomes.items() if o.error]
    if failed:
        raise min(failed, key=lambda f: f[:2])[2]


_STATE = {
    ArtefactStatus.RENDERED: DocumentState.RENDERED,
    ArtefactStatus.OMITTED: DocumentState.OMITTED,
}
