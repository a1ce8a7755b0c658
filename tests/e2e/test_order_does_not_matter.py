"""A property: drawn bundles, drawn document orders, one and the same result."""

from __future__ import annotations

import asyncio
from functools import cache

import pytest
from direct_renderer import render_bundle
from docugen_core.assembly import assemble_intake
from docugen_core.config import Settings
from docugen_core.submission import Intake
from hypothesis import given, settings
from hypothesis import strategies as st

QUICK_FORMATS = ("csv", "xlsx", "json", "html", "txt", "md")


@cache
def intake() -> Intake:
    return assemble_intake(Settings())


@cache
def renderable() -> tuple[tuple[str, str, str], ...]:
    """(template, format, pack) of everything shipped that renders in a few milliseconds, with PDF where it is one page."""
    return tuple(
        (f"{pack.name}/{template.name}", format.value, pack.name)
        for pack in intake().catalogue.packs()
        for template in pack.templates.values()
        for format in template.formats
        if format.value in QUICK_FORMATS or template.name in ("invoice", "proof-of-balance")
    )


@st.composite
def bundles(draw: st.DrawFn) -> dict[str, object]:
    kinds = draw(st.lists(st.sampled_from(renderable()), min_size=1, max_size=6))
    catalogue = intake().catalogue
    documents: list[dict[str, object]] = []
    for n, (reference, format, pack_name) in enumerate(kinds):
        pack = next(p for p in catalogue.packs() if p.name == pack_name)
        documents.append(
            {
                "name": f"d{n}.{format}",
                "format": format,
                "template": reference,
                "data": pack.templates[reference.partition("/")[2]].sample,
                "optional": draw(st.booleans()),
            }
        )
    if draw(st.booleans()):
        documents.append({"name": "all.zip", "format": "zip"})
    return {
        "seed": draw(
            st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=20)
        ),
        "locale": draw(st.sampled_from(["fr-FR", "en-GB", "de-DE", "fr-CH"])),
        "document_date": draw(st.dates()).isoformat(),
        "specimen": draw(st.booleans()),
        "documents": documents,
    }


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(bundles(), st.randoms(use_true_random=False))
def test_document_order_changes_neither_id_nor_bytes(bundle: dict[str, object], shuffler: object) -> None:
    documents = list(bundle["documents"])  # type: ignore[call-overload]
    shuffler.shuffle(documents)  # type: ignore[attr-defined]
    first, first_bytes = asyncio.run(render_bundle(bundle, intake()))  # type: ignore[arg-type]
    second, second_bytes = asyncio.run(render_bundle({**bundle, "documents": documents}, intake()))  # type: ignore[dict-item]
    assert first.to_bytes() == second.to_bytes()
    assert first_bytes == second_bytes
