"""Making the documents of a corpus: a recipe becomes a PDF, images of its pages if wanted, and labels.

The way of every document: the recipe's bundle is checked, its data generated and composed, and rendered by the same Renderer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from docugen_core.composition import compose, generated_data
from docugen_core.corpus.labels import CorpusFile, CorpusOptions, labels_json, origin_json
from docugen_core.corpus.recipes import Recipe, recipe
from docugen_core.domain.bundle import Format, ResolvedBundle
from docugen_core.domain.identity import canonical_json
from docugen_core.errors import RenderInterrupted
from docugen_core.ports import Renderer
from docugen_core.rendering.layout_truth import read_layout
from docugen_core.rendering.task import Rendering, RenderLimits, RenderTask
from docugen_core.rendering.world import World
from docugen_core.submission import Intake
from docugen_core.validation import resolve_bundle

ATTEMPTS_MAX = 2


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """A document before it is rendered. origin: what its labels will say of how it was made."""

    recipe: Recipe
    bundle: ResolvedBundle
    origin: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """A finished one. files: the PDF, then images; labels_file holds `labels` and comes last."""

    labels: dict[str, Any]
    labels_file: CorpusFile
    files: Sequence[CorpusFile]


@dataclass(frozen=True, slots=True)
class CorpusMaker:
    """Makes documents of one corpus. Holds no state: documents may be made in any order, and side by side."""

    options: CorpusOptions
    intake: Intake
    renderer: Renderer
    limits: RenderLimits

    def plan(self, index: int) -> PlannedDocument:
        """Document `index` (from 1). Raises InvalidRequest where an installed pack or generator does not take the recipe."""
        made = recipe(self.options.seed, index, self.options.locales)
        bundle = resolve_bundle(
            dict(made.bundle),
            catalogue=self.intake.catalogue,
            generators=self.intake.generators,
            limits=self.intake.limits,
        )
        origin = origin_json(made, bundle, self.options, self.renderer.engine.fingerprint)
        return PlannedDocument(made, bundle, origin)

    async def make(self, planned: PlannedDocument) -> CorpusDocument:
        """Render it. Raises RenderFailed, LimitExceeded, DeterminismViolation (all of them for good) and Unavailable."""
        task = self._task(planned)
        rendering = await self._rendered(replace(task, labelled=True))
        layout, pdf = read_layout(rendering.data)
        name = planned.recipe.name
        images = []
        for page in range(1, rendering.pages + 1) if self.options.ppi else ():
            image = await self._rendered(replace(task, format=Format.PNG, page=page, ppi=self.options.ppi))
            images.append(CorpusFile(f"{name}-{page}.png", image.data))
        pdf_file = CorpusFile(f"{name}.pdf", pdf)
        labels = labels_json(planned.origin, layout, pdf_file, images)
        return CorpusDocument(labels, CorpusFile(f"{name}.json", canonical_json(labels)), [pdf_file, *images])

    def _task(self, planned: PlannedDocument) -> RenderTask:
        bundle = planned.bundle
        document = bundle.documents[0]
        assert document.template is not None  # a recipe names one
        data = compose(bundle.data, generated_data(bundle, self.intake.generators), document.data)
        return RenderTask(
            document=document.name,
            format=Format.PDF,
            pack=self.intake.catalogue.pinned(document.template),
            template=document.template.template,
            data=data,
            world=World(bundle.document_date, bundle.locale, bundle.time_zone, bundle.specimen),
            limits=self.limits,
        )

    async def _rendered(self, task: RenderTask) -> Rendering:
        """Twice at most: a render process may be killed by something that passes."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                return await self.renderer.render(task)
            except RenderInterrupted:
                if attempt == ATTEMPTS_MAX:
                    raise
        raise AssertionError("the last attempt returns or raises")
