"""The bundles of the proof: number n of a seed is the same on every machine, drawn from seed and number alone.

A bundle belongs to one of FAMILIES, in turn, so that every eleven bundles in a row have met each of them:

    a shipped pack       each of its templates in each of its formats, from the sample, with a page image of each PDF
    a generator          its data, in each template that prints it
    corpus               a recipe of `docugen generate corpus`
    made of others       merged, attached, packed, omitted, fallen back, by a pack of its own: shipped ones attach nothing

Locale, date, zone, mark, accent, image, length and parameters are drawn. Nothing in here may cost much: the proof renders
thousands. Every bundle renders; what fails is optional.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from docugen_core.corpus.recipes import recipe
from docugen_core.domain.bundle import Format
from docugen_core.domain.seed import SeedStream
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.packs import TemplatePack

LOCALES = ("en-GB", "fr-FR", "de-DE", "de-CH", "fr-BE", "en-US")
SCRIPTS = {"invoice": ("el-GR", "ru-RU")}
"""Languages that only some packs speak, in scripts that the font of every installation has."""
ZONES = ("UTC", "Europe/Paris", "Asia/Kathmandu", "America/St_Johns")
FIRST_DAY, LAST_DAY = date(2019, 1, 1), date(2031, 12, 31)
ACCENTS = ("#0d4a5e", "#6b2d3c", "#14532d", "#334155")

BINDER: Mapping[str, str] = {
    "pack.toml": """\
schema = "docugen.pack/v1"
[pack]
name = "binder"
version = "1.0.0"
description = "Slips that hold other documents."
[[templates]]
name = "slip"
title = "Slip"
schema = "slip.schema.json"
sample = "slip.sample.json"
[templates.formats]
pdf = "slip.typ"
html = "slip.html"
txt = "slip.txt"
md = "slip.md.j2"
xml = "slip.xml.j2"
json = "slip.json.j2"
csv = "slip.table.toml"
xlsx = "slip.table.toml"
[templates.pdf]
standards = ["a-3b"]
embed_data = true
[[templates]]
name = "fragile"
title = "Slip that fails"
schema = "slip.schema.json"
sample = "slip.sample.json"
[templates.formats]
txt = "fragile.txt"
""",
    "fragile.txt": "SPECIMEN {{ data.nobody_gave_this }}\n",
    "slip.typ": """\
#let data = json("data.json")
#set document(title: "Slip " + data.name)
#set text(font: "IBM Plex Sans")
= SPECIMEN #data.name
#for line in data.lines [- #line.item: #line.price]
#pagebreak()
#lorem(data.words)
""",
    "slip.html": "<p>SPECIMEN {{ data.name }}</p>{% for l in data.lines %}<p>{{ l.price | money('EUR') }}</p>{% endfor %}\n",
    "slip.txt": "SPECIMEN {{ data.name }}: {{ data }}\n",
    "slip.md.j2": "# SPECIMEN {{ data.name }}\n",
    "slip.xml.j2": '<slip specimen="yes">{{ data }}</slip>\n',
    "slip.json.j2": '{"specimen": true, "data": {{ data }}, "world": {{ world }}}',
    "slip.table.toml": """\
title = "Lines"
rows = "lines"
[[columns]]
header = "Item"
value = "item"
[[columns]]
header = "Price"
value = "price"
type = "decimal"
""",
    "slip.schema.json": '{"type": "object"}',
    "slip.sample.json": '{"name": "SPECIMEN", "words": 5, "lines": []}',
    "labels/en.toml": 'greeting = "Hello"\n',
}
ITEMS = ("lantern", "kettle", "twine", "oilcloth", "chalk")

Bundle = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Drawn:
    """number: from 0. bundle: as in a bundle file, JSON without a float."""

    number: int
    family: str
    bundle: Bundle


def drawn(seed: str, number: int) -> Drawn:
    """Bundle `number` of `seed`."""
    place = SeedStream.of(seed, "determinism", number)
    family = FAMILIES[number % len(FAMILIES)]
    bundle = _DRAW[family](place)
    world = {
        "seed": f"{seed}-{number}"[:128],
        "locale": (place / "locale").choice(LOCALES + SCRIPTS.get(family, ())),
        "time_zone": (place / "zone").choice(ZONES),
        "document_date": (place / "day").date(FIRST_DAY, LAST_DAY).isoformat(),
        "specimen": True,
    }
    return Drawn(number, family, world | bundle)


def install_binder(folder: Path) -> Path:
    """The pack `binder` in a folder of packs; what DOCUGEN_TEMPLATE_PATH names. Idempotent."""
    for name, text in BINDER.items():
        path = folder / "binder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@cache
def shipped() -> Mapping[str, TemplatePack]:
    """The packs that come with DocuGen, by name."""
    return {pack.name: pack for pack in TemplateCatalogue.load([]).packs()}


# --- shipped packs ------------------------------------------------------------------------------------------------


def pack_documents(name: str, place: SeedStream | None = None, data: bool = True) -> list[dict[str, Any]]:
    """Every template of a shipped pack in every format it offers, and images of the first page of each PDF: one of the two
    kinds, drawn at `place`, or else both. data: the template's sample."""
    documents = []
    for template in shipped()[name].templates.values():
        own = {"template": f"{name}/{template.name}"} | ({"data": template.sample} if data else {})
        documents += [_document(f"{template.name}.{f.value}", f, own) for f in template.formats]
        if Format.PDF in template.formats:
            ppi = 60 if place is None else (place / template.name / "ppi").choice((36, 60, 96))
            images = [
                _document(f"{template.name}-1.png", Format.PNG, own | {"ppi": ppi}),
                _document(f"{template.name}-1.svg", Format.SVG, own),
            ]
            documents += images if place is None else [(place / template.name / "image").choice(images)]
    return documents


def _document(name: str, format_: Format, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "format": format_.value, **fields}


def _pack(name: str) -> Callable[[SeedStream], Bundle]:
    def draw(place: SeedStream) -> Bundle:
        documents = pack_documents(name, place)
        for document in documents:
            document["data"] = _varied(place, document["data"])
        return {"documents": documents}

    return draw


def _varied(place: SeedStream, sample: Mapping[str, Any]) -> dict[str, Any]:
    """The sample with another accent, and the long ones shorter."""
    data = dict(sample)
    data["branding"] = {**sample.get("branding", {}), "accent": (place / "accent").choice(ACCENTS)}
    if "blocks" in data:
        data["blocks"] = data["blocks"][: (place / "blocks").between(6, len(data["blocks"]))]
    if "serial" in data:
        data["serial"] = f"HSL-{(place / 'serial').below(10**6):06d}"
    return data


# --- generators ---------------------------------------------------------------------------------------------------


def _account(place: SeedStream) -> Bundle:
    params = {
        "first_month": f"{(place / 'year').between(2019, 2031)}-{(place / 'month').between(1, 12):02d}",
        "months": (place / "months").between(1, 2),
        "transactions_per_month": (place / "transactions").between(5, 14),
    }
    return {
        "generate": {"name": "household_account", "params": params},
        "documents": pack_documents("quarterly-account-pack", place, data=False),
    }


def _finance(place: SeedStream) -> Bundle:
    params = {
        "months": 12,
        "transactions_per_month": (place / "transactions").between(20, 24),
        "monthly_gross": (place / "gross").between(18, 90) * 100,
    }
    documents = pack_documents("payslip", place, data=False) + pack_documents("letter", place, data=False)
    return {"generate": {"name": "household_finance", "params": params}, "documents": documents}


def _commerce(place: SeedStream) -> Bundle:
    count = (place / "invoices").between(1, 6)
    params = {
        "first_month": f"{(place / 'year').between(2019, 2031)}-{(place / 'month').between(1, 12):02d}",
        "invoices": count,
        "invoice": (place / "invoice").between(1, count),
        "lines_max": (place / "lines").between(1, 24),
        "rounding": (place / "rounding").choice(("total", "line")),
    }
    return {
        "generate": {"name": "commerce", "params": params},
        "locale": (place / "locale").choice(LOCALES),
        "documents": pack_documents("invoice", place, data=False),
    }


def _corpus(place: SeedStream) -> Bundle:
    return dict(recipe(f"determinism-{place.raw():016x}", 1).bundle)


# --- made of others -----------------------------------------------------------------------------------------------


def _made_of_others(place: SeedStream) -> Bundle:
    count = (place / "lines").between(1, 9)
    lines = [
        {"item": (place / i / "item").choice(ITEMS), "price": f"{(place / i / 'price').between(1, 99_999)}.50"}
        for i in range(count)
    ]
    slip = {"template": "binder/slip"}
    texts = [_document(f"slip.{f.value}", f, slip) for f in _TEXTS]
    attached = (place / "attached").sample([text["name"] for text in texts], 3)
    gone = {"name": "gone", "lines": lines, "words": "many"}
    documents: Sequence[dict[str, Any]] = (
        *texts,
        _document("a.pdf", Format.PDF, slip | {"attachments": attached}),
        _document("b.pdf", Format.PDF, slip | {"attachments": ["slip.csv", "page.png"]}),
        _document("page.png", Format.PNG, slip | {"page": 2, "ppi": 40}),
        _document("page.svg", Format.SVG, slip),
        _document("gone.pdf", Format.PDF, slip | {"optional": True, "data": gone}),
        _document("kept.txt", Format.TXT, {"template": "binder/fragile", "fallback": "binder/slip"}),
        _document("both.pdf", Format.PDF, {"members": (place / "members").sample(["a.pdf", "b.pdf", "gone.pdf"], 3)}),
        _document("some.zip", Format.ZIP, {"members": attached}),
        _document("all.zip", Format.ZIP, {}),
    )
    data = {"name": f"No. {(place / 'name').below(1_000)}", "lines": lines, "words": (place / "words").between(5, 400)}
    return {"data": data, "documents": list(documents)}


_TEXTS = (Format.HTML, Format.TXT, Format.MD, Format.XML, Format.JSON, Format.CSV, Format.XLSX)

_DRAW: Mapping[str, Callable[[SeedStream], Bundle]] = {
    "certificate": _pack("certificate"),
    "invoice": _pack("invoice"),
    "letter": _pack("letter"),
    "payslip": _pack("payslip"),
    "quarterly-account-pack": _pack("quarterly-account-pack"),
    "report": _pack("report"),
    "household_account": _account,
    "household_finance": _finance,
    "commerce": _commerce,
    "corpus": _corpus,
    "made of others": _made_of_others,
}
FAMILIES = tuple(_DRAW)
