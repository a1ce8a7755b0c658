"""The packs that ship with DocuGen, and what a reader of their documents would see."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pypdf
from docugen_core.composition import compose, generated_data
from docugen_core.domain.bundle import Format, ResolvedBundle
from docugen_core.domain.json import JsonObject
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.packs import TemplatePack
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import RenderTask
from docugen_core.rendering.world import World
from docugen_core.validation import BundleLimits, resolve_bundle

DAY = dt.date(2026, 10, 2)
LOCALES = ("en-GB", "fr-FR", "de-DE")
EXAMPLES = Path(__file__).parent.parent / "examples" / "bundles"


@cache
def catalogue() -> TemplateCatalogue:
    return TemplateCatalogue.load([])


def shipped(name: str) -> TemplatePack:
    return next(pack for pack in catalogue().packs() if pack.name == name)


def rendered(
    pack: TemplatePack,
    template: str,
    format_: Format,
    data: JsonObject | None = None,
    locale: str = "en-GB",
    *,
    specimen: bool = True,
    day: dt.date | None = DAY,
) -> bytes:
    """The document, of the template's own sample unless `data` is given."""
    world = World(day, locale, "Europe/Paris", specimen)
    sample = pack.templates[template].sample
    return render(RenderTask(template, format_, pack, template, sample if data is None else data, world)).data


def pages_of(pdf: bytes) -> list[str]:
    """The text of each page, its no-break spaces plain."""
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return [re.sub("[\u00a0\u202f]", " ", page.extract_text()) for page in pages]


def example(name: str) -> dict[str, Any]:
    """An example bundle as it is written."""
    bundle: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return bundle


def resolved(bundle: dict[str, Any]) -> ResolvedBundle:
    return resolve_bundle(bundle, catalogue=catalogue(), generators=GeneratorRegistry.load(), limits=BundleLimits())


@cache
def quarter(months: int = 3, transactions_per_month: int = 58) -> dict[str, Any]:
    """The data of the quarterly example, generated; treat it as read-only."""
    raw = example("quarterly-account-pack")
    raw["generate"]["params"] |= {"months": months, "transactions_per_month": transactions_per_month}
    bundle = resolved(raw)
    return dict(compose(bundle.data, generated_data(bundle, GeneratorRegistry.load()), {}))
