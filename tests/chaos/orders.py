"""What a storm submits: small synthetic bundles drawn from a seed, with what must become of each, and the golden bytes.

Few distinct bundles and many runs of them: each bundle is rendered once inline before the storm, and every manifest that the
storm publishes is compared with that one, byte for byte.

    PLAIN, PAGE, SLOW    end SUCCEEDED           txt, csv, json, zip; a page of PDF; one that takes most of a second
    BROKEN               ends FAILED at once     its template names a variable that is not there
    HANGING              ends FAILED after exactly max attempts, each killed at the deadline of a document
    GREEDY               the same, each killed by the kernel at the bound of memory
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from docugen_core.assembly import assemble_rendering
from docugen_core.config import Settings
from docugen_core.domain.seed import SeedStream
from docugen_core.validation import resolve_bundle
from pack_examples import HANG, PLEX, write_pack

TOML = """\
schema = "docugen.pack/v1"
[pack]
name = "storm"
version = "1.0.0"
description = "Slips for a fault drill."
"""
TEMPLATE = """
[[templates]]
name = "{name}"
title = "{name}"
schema = "any.schema.json"
sample = "any.sample.json"
[templates.formats]
{formats}
"""
TABLE = """\
title = "Lines"
rows = "lines"
[[columns]]
header = "Item"
value = "item"
[[columns]]
header = "Quantity"
value = "quantity"
type = "decimal"
"""
FORMATS: Mapping[str, Mapping[str, str]] = {
    "slip": {"txt": "slip.txt", "csv": "slip.table.toml", "json": "slip.json.j2"},
    "page": {"pdf": "page.typ"},
    "slow": {"pdf": "slow.typ"},
    "broken": {"txt": "broken.txt"},
    "hanging": {"pdf": "hanging.typ"},
    "greedy": {"pdf": "greedy.typ"},
}
FILES: Mapping[str, str] = {
    "pack.toml": TOML
    + "".join(
        TEMPLATE.format(name=name, formats="\n".join(f'{key} = "{file}"' for key, file in formats.items()))
        for name, formats in FORMATS.items()
    ),
    "any.schema.json": '{"type": "object"}',
    "any.sample.json": '{"name": "Wren Fable", "lines": []}',
    "slip.txt": "SPECIMEN\n{{ data.name }}\n{% for l in data.lines %}{{ l.item }} {{ l.quantity }}\n{% endfor %}",
    "slip.table.toml": TABLE,
    "slip.json.j2": '{"specimen": true, "name": {{ data.name | tojson }}, "count": {{ data.lines | length }}}',
    "page.typ": PLEX + '#set document(title: "Slip")\nSPECIMEN #json("data.json").name',
    "slow.typ": PLEX + "#for i in range(40) { for j in range(60000) { } }\nSPECIMEN",
    "broken.txt": "SPECIMEN {{ data.nobody_gave_this }}",
    "hanging.typ": PLEX + HANG,
    "greedy.typ": PLEX + '#let bomb = "x" * 4000000000\n#bomb.len()',
    "labels/en.toml": 'greeting = "Hello"\n',
}
ITEMS = ("lantern", "kettle", "twine", "oilcloth", "chalk")
PLENTY = 60
"""Attempts of a run that must succeed: a storm may take many from it, and bad luck is no loss."""
POISON_ATTEMPTS = 2


class Kind(Enum):
    """What a bundle does to its worker."""

    PLAIN = "plain"
    PAGE = "page"
    SLOW = "slow"
    BROKEN = "broken"
    HANGING = "hanging"
    GREEDY = "greedy"


GOOD = (Kind.PLAIN, Kind.PAGE, Kind.SLOW)
"""Those that must succeed."""


@dataclass(frozen=True, slots=True)
class Order:
    """One run to submit. twice: submitted again, at once. clash: its id is also sent with another bundle. cancel_s: cancelled
    that long after it was accepted; None for never. delay_s: submitted with a start so far ahead."""

    run_id: str
    kind: Kind
    bundle: dict[str, Any]
    max_attempts: int
    twice: bool = False
    clash: bool = False
    cancel_s: float | None = None
    delay_s: float = 0.0


def install(folder: Path) -> Path:
    """The pack of the storm, in a folder of packs; what DOCUGEN_TEMPLATE_PATH names."""
    write_pack(folder / "storm", FILES)
    return folder


def bundle(kind: Kind, number: int) -> dict[str, Any]:
    """The `number`-th bundle of a kind: always the same."""
    draw = SeedStream.of("orders", kind.value, number)
    count = (draw / "lines").between(1, 20)
    lines = [{"item": (draw / n).choice(ITEMS), "quantity": str((draw / n / "q").below(900))} for n in range(count)]
    documents: list[dict[str, Any]]
    if kind is Kind.PLAIN:
        chosen = (draw / "formats").choice((("txt",), ("csv", "json"), ("txt", "csv", "json", "zip")))
        documents = [
            {"name": f"slip.{f}", "format": f} | ({} if f == "zip" else {"template": "storm/slip"}) for f in chosen
        ]
    else:
        name, formats = next((n, f) for n, f in FORMATS.items() if n == kind.value)
        (format,) = formats
        documents = [{"name": f"{name}.{format}", "format": format, "template": f"storm/{name}"}]
    data = {"name": f"Wren Fable {number}", "lines": lines}
    return {"document_date": "2026-09-30", "locale": "en-GB", "data": data, "documents": documents}


def drawn(seed: str, count: int) -> list[Order]:
    """`count` runs: 1 in 60 hangs, 1 in 60 is greedy, 1 in 30 broken, 1 in 10 slow, 1 in 12 a page, the rest plain."""
    return [_order(SeedStream.of(seed, "orders", n), n) for n in range(count)]


def _order(draw: SeedStream, number: int) -> Order:
    kind = (draw / "kind").weighted(
        ((Kind.PLAIN, 45), (Kind.PAGE, 5), (Kind.SLOW, 6), (Kind.BROKEN, 2), (Kind.HANGING, 1), (Kind.GREEDY, 1))
    )
    good = kind in GOOD
    return Order(
        run_id=f"run-{number:05d}",
        kind=kind,
        bundle=bundle(kind, (draw / "bundle").below(40 if kind is Kind.PLAIN else 8)),
        max_attempts=PLENTY if good else POISON_ATTEMPTS,
        twice=(draw / "twice").chance(1, 12),
        clash=(draw / "clash").chance(1, 25),
        cancel_s=(draw / "wait").below(800) / 1_000 if (draw / "cancel").chance(1, 20) else None,
        delay_s=(draw / "delay").between(1, 5) if good and (draw / "later").chance(1, 25) else 0.0,
    )


def key(bundle: Mapping[str, Any]) -> str:
    """What tells two bundles apart."""
    return json.dumps(bundle, sort_keys=True)


async def goldens(settings: Settings, orders: Sequence[Order]) -> dict[str, bytes]:
    """Bundle (by `key`) -> manifest, for each that can be rendered, made in this process without a queue or a store."""
    good = {key(o.bundle): o.bundle for o in orders if o.kind in GOOD}
    found: dict[str, bytes] = {}
    unhurried = replace(settings, render_timeout_ms=60_000)  # nothing is repeated here
    async with assemble_rendering(unhurried) as (intake, bundles, _):
        for name, raw in good.items():
            resolved = resolve_bundle(
                raw, catalogue=intake.catalogue, generators=intake.generators, limits=intake.limits
            )
            found[name] = (await bundles.render(resolved, _nowhere)).to_bytes()
    return found


async def _nowhere(_: bytes) -> None:
    """The digest is in the manifest; the bytes are not needed."""
