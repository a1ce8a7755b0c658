"""What goes into a render process and what comes out: plain values that pickle on every Python version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from docugen_core.domain.bundle import FIRST_PAGE, PPI_DEFAULT, Format
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
class Artefact:
    """A document of the bundle that was made before and goes into another one."""

    name: str
    format: Format
    data: bytes


@dataclass(frozen=True, slots=True)
class RenderTask:
    """One document to render.

    document: its name in the bundle (for errors). pack and template: what to render with; `pack` holds the files. data: the
    document's complete data, already checked against the template's schema. page, ppi: of a page image. attachments: what to
    embed in a PDF. labelled: answer with the PDF and where its fields are (`layout_truth`).
    """

    document: str
    format: Format
    pack: TemplatePack
    template: str
    data: JsonObject
    world: World
    limits: RenderLimits = RenderLimits()
    page: int = FIRST_PAGE
    ppi: int = PPI_DEFAULT
    attachments: tuple[Artefact, ...] = ()
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class MergeTask:
    """PDFs to make one of, in their order. world: its date and language go into the file's metadata."""

    document: str
    members: tuple[Artefact, ...]
    world: World
    limits: RenderLimits = RenderLimits()

    @property
    def format(self) -> Format:
        return Format.PDF


Task: TypeAlias = RenderTask | MergeTask


@dataclass(frozen=True, slots=True)
class Rendering:
    """The bytes of a document. pages: 0 where the format has none."""

    data: bytes
    pages: int = 0
