"""Renders in the calling process, so that whatever surrounds the process (clock, locale, time zone) reaches the engines."""

from __future__ import annotations

import hashlib

from docugen_core.domain.json import JsonValue
from docugen_core.domain.manifest import Engine, Manifest
from docugen_core.generation import BundleRenderer
from docugen_core.rendering.engine import engine
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import Rendering, RenderLimits, Task
from docugen_core.submission import Intake, SubmitRequest, prepare_generation_job


class DirectRenderer:
    """Implements ports.Renderer without the protection of a process of its own."""

    @property
    def engine(self) -> Engine:
        return engine()

    async def render(self, task: Task) -> Rendering:
        return render(task)


async def render_bundle(bundle: JsonValue, intake: Intake) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest of `bundle`, and the bytes of its artefacts by SHA-256."""
    job = prepare_generation_job(SubmitRequest(bundle), intake)
    kept: dict[str, bytes] = {}

    async def keep(data: bytes) -> None:
        kept[hashlib.sha256(data).hexdigest()] = data

    bundles = BundleRenderer(intake.catalogue, intake.generators, DirectRenderer(), RenderLimits())
    return await bundles.render(job.bundle, keep), kept
