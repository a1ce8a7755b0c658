"""The caller's branding: one contract for every shipped pack, refused at its field when it does not fit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed
from docugen_core.rendering.packs import TemplatePack
from docugen_core.rendering.registry import render
from docugen_core.rendering.typst_library import LIBRARY_FOLDER
from docugen_core.strict_json.schema import Schema
from pack_examples import a_task
from shipped_packs import catalogue, pages_of, rendered, shipped

FRAGMENT: dict[str, Any] = json.loads((LIBRARY_FOLDER.parent / "branding.schema.json").read_text(encoding="utf-8"))
XMLNS = 'xmlns="http://www.w3.org/2000/svg"'
LOGO = f'<svg {XMLNS} viewBox="0 0 90 30"><circle cx="15" cy="15" r="14" fill="#c2185b"/></svg>'
BRANDING = {
    "name": "Tern & Plover",
    "accent": "#e0a100",
    "logo": LOGO,
    "address": ["1 Shingle Row", "Lower Saltby"],
    "footer": "Registered in Lower Saltby under 000 217",
}
WRONG_LOGOS = {
    "no SVG at all": "logo.png",
    "no namespace": '<svg viewBox="0 0 1 1"></svg>',
    "a script": f"<svg {XMLNS}><script>alert(1)</script></svg>",
    "an event handler": f'<svg {XMLNS}><g onload="go()"/></svg>',
    "entities": f'<!DOCTYPE svg [<!ENTITY a "b">]><svg {XMLNS}/></svg>',
    "foreign content": f"<svg {XMLNS}><foreignObject/></svg>",
    "text": f"<svg {XMLNS}><text>Tern</text></svg>",
    "a picture": f'<svg {XMLNS}><image width="1"/></svg>',
    "a link": f'<svg {XMLNS}><use href="https://logos.example/a.svg#a"/></svg>',
    "a paint from elsewhere": f'<svg {XMLNS}><path fill="url(paints.svg#a)"/></svg>',
    "a style sheet": f"<svg {XMLNS}><style>path {{ fill: red }}</style></svg>",
    "an animation": f"<svg {XMLNS}><animateMotion/></svg>",
    "too many characters": LOGO.replace("><", f">{' ' * 32_768}<"),
}
GOOD_LOGOS = {
    "shapes": LOGO,
    "an XML declaration and a comment": f'<?xml version="1.0"?>\n<!-- drawn by hand -->\n{LOGO}\n',
    "a gradient of its own": (
        f'<svg {XMLNS} viewBox="0 0 9 9"><defs><linearGradient id="g"><stop stop-color="red"/></linearGradient></defs>'
        '<path d="M0 0h9v9z" fill="url(#g)"/><use href="#g"/></svg>'
    ),
}
PAGED = [
    pytest.param(pack, template.name, id=f"{pack.name}/{template.name}")
    for pack in catalogue().packs()
    for template in pack.templates.values()
    if Format.PDF in template.formats
]


@pytest.mark.parametrize("pack", [pytest.param(pack, id=pack.name) for pack in catalogue().packs()])
def test_every_shipped_pack_takes_the_same_branding(pack: TemplatePack) -> None:
    for template in pack.templates.values():
        schema: Any = template.schema
        assert schema["$defs"]["branding"] == FRAGMENT, template.name
        assert schema["properties"]["branding"] == {"$ref": "#/$defs/branding"}, template.name


@pytest.mark.slow
@pytest.mark.parametrize(("pack", "template"), PAGED)
def test_branding_shows_on_every_paged_document(pack: TemplatePack, template: str) -> None:
    sample = dict(pack.templates[template].sample)
    pages = pages_of(rendered(pack, template, Format.PDF, sample | {"branding": BRANDING}))
    assert "Tern & Plover" in pages[0]
    assert all("Registered in Lower Saltby under 000 217" in page for page in pages)
    unbranded = rendered(pack, template, Format.PDF, {k: v for k, v in sample.items() if k != "branding"})
    logo_alone = rendered(pack, template, Format.PDF, sample | {"branding": {"logo": LOGO}})
    assert len(pages_of(unbranded)) == len(pages_of(logo_alone)) == len(pages)
    assert unbranded != logo_alone


@pytest.mark.parametrize("what", WRONG_LOGOS)
def test_a_logo_is_refused_by_schema_and_library_alike(what: str) -> None:
    branding = {"logo": WRONG_LOGOS[what]}
    assert {v.path for v in Schema(FRAGMENT).violations(branding, "data.branding")} == {"data.branding.logo"}
    with pytest.raises(RenderFailed, match=r"data\.branding\.logo "):
        rendered(shipped("invoice"), "invoice", Format.PDF, _invoice(branding))


@pytest.mark.parametrize("what", GOOD_LOGOS)
def test_a_logo_of_shapes_is_drawn(what: str) -> None:
    branding = {"logo": GOOD_LOGOS[what]}
    assert Schema(FRAGMENT).violations(branding) == []
    assert rendered(shipped("invoice"), "invoice", Format.PDF, _invoice(branding)).startswith(b"%PDF")


def test_a_logo_that_is_not_well_formed_is_an_error_that_says_where_to_look() -> None:
    with pytest.raises(RenderFailed, match="failed to parse SVG") as failed:
        rendered(shipped("invoice"), "invoice", Format.PDF, _invoice({"logo": LOGO.replace("<circle", "<<circle")}))
    assert "data.branding.logo" in failed.value.hint


@pytest.mark.parametrize(
    ("branding", "message"),
    [
        ({"accent": "red"}, 'data.branding.accent "red" is not a colour such as "#0d4a5e"'),
        ({"colour": "#123456"}, "data.branding.colour is unknown"),
        ({"address": ["1", "2", "3", "4", "5"]}, "data.branding.address must be up to 4 lines of text"),
        ({"name": 7}, "data.branding.name must be a text"),
        ({"logo": 7}, "data.branding.logo must be SVG as text"),
        ([], "data.branding must be an object"),
    ],
)
def test_wrong_branding_is_refused_by_schema_and_library_alike(branding: Any, message: str) -> None:
    assert Schema(FRAGMENT).violations(branding) != []
    with pytest.raises(RenderFailed) as failed:
        rendered(shipped("invoice"), "invoice", Format.PDF, _invoice(branding))
    assert message in str(failed.value).replace('\\"', '"')


@pytest.mark.parametrize(
    ("colour", "kept"), [("#6b2d3c", True), ("#0d4a5e", True), ("#e0a100", False), ("#ffff00", False)]
)
def test_a_colour_too_light_to_read_is_darkened_for_text_alone(colour: str, *, kept: bool) -> None:
    source = (
        '#import "docugen.typ": *\n#set text(font: "IBM Plex Sans")\n'
        f'#assert.eq(brand, rgb("{colour}"))\n#assert.eq(accent == brand, {str(kept).lower()})\nread'
    )
    task = a_task(source, data={"branding": {"accent": colour}})
    assert pages_of(render(task).data) == ["read"]


def test_the_web_page_of_an_invoice_isolates_the_logo_in_a_picture() -> None:
    page = rendered(shipped("invoice"), "invoice", Format.HTML, _invoice(BRANDING)).decode()
    assert '<img src="data:image/svg+xml,%3Csvg%20xmlns' in page
    assert "<circle" not in page
    for text in ("Tern &amp; Plover", "1 Shingle Row<br>Lower Saltby", "Registered in Lower Saltby under 000 217"):
        assert text in page


def _invoice(branding: Any) -> dict[str, Any]:
    return dict(shipped("invoice").templates["invoice"].sample) | {"branding": branding}
