"""What goes into a render process and what comes out: plain values that pickle on every Python version."""

from __future__ import annotations

from dataclasses import dataclass

from docugen_core.domain.bundle import Format
from docugen_core.domain.json import JsonObject
from docugen_core.rendering.packs import TemplatePack
from docugen_core.rendering.world import World


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """Bounds of one document: pages (paged formats), rows (tables), bytes of the result. Beyond: LimitExceeded."""

    pages_max: int = 2_000
    rows_max: int = 100_000
    bytes_max: int = 64 << 20


@dataclass(frozen=True, slots=True)
class RenderTask:
    """One document to render.

    document: its name in the bundle (for errors). pack and template: what to render with; `pack` holds the files. data: the
    document's complete data, already checked against the template's schema.
    """

    document: str
    format: Format
    pack: TemplatePack
    template: str
    data: JsonObject
    world: World
    limits: RenderLimits = RenderLimits()


@dataclass(frozen=True, slots=True)
class Rendering:
    """The bytes of a document. pages: 0 where the format has none."""

    data: bytes
    pages: int = 0
