"""The invoice pack: sums that add up, printed as given, in every format."""

from __future__ import annotations

import copy
import csv
import io
import json
import re
from decimal import ROUND_HALF_UP, Decimal
from html import unescape
from typing import Any
from xml.etree import ElementTree

import docx
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import InvalidRequest
from shipped_packs import example, pages_of, rendered, resolved, shipped

PACK = shipped("invoice")
CENT = Decimal("0.01")
SOURCES: list[Any] = [PACK.templates["invoice"].sample, example("invoice")["data"]]


def _invoice(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(dict(PACK.templates["invoice"].sample)) | changes


@pytest.mark.parametrize("data", SOURCES, ids=["sample", "example bundle"])
def test_the_sums_of_the_shipped_invoices_add_up(data: Any) -> None:
    by_rate: dict[str, list[Decimal]] = {}
    for line in data["lines"]:
        net = (Decimal(str(line["quantity"])) * Decimal(line["unit_price"])).quantize(CENT, ROUND_HALF_UP)
        vat = (net * Decimal(line["vat_rate"]) / 100).quantize(CENT, ROUND_HALF_UP)
        assert (line["net"], line["vat"], line["gross"]) == (str(net), str(vat), str(net + vat)), line["sku"]
        sums = by_rate.setdefault(line["vat_rate"], [Decimal(0), Decimal(0)])
        sums[0] += net
        sums[1] += vat
    totals = data["totals"]
    assert len(by_rate) == 2
    assert {part["rate"]: [Decimal(part["net"]), Decimal(part["vat"])] for part in totals["vat_breakdown"]} == by_rate
    assert Decimal(totals["net"]) == sum(net for net, _ in by_rate.values())
    assert Decimal(totals["vat"]) == sum(vat for _, vat in by_rate.values())
    assert Decimal(totals["gross"]) == Decimal(totals["net"]) + Decimal(totals["vat"])


@pytest.mark.parametrize("data", SOURCES, ids=["sample", "example bundle"])
def test_the_ibans_of_the_shipped_invoices_pass_their_checksum(data: Any) -> None:
    iban = data["seller"]["iban"]
    assert int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def test_the_page_prints_every_line_and_total_as_given() -> None:
    data = _invoice()
    (page,) = pages_of(rendered(PACK, "invoice", Format.PDF))
    for line in data["lines"]:
        row = rf"{line['quantity']:,} {re.escape(line['unit'])}\s+{Decimal(line['unit_price']):,}"
        assert re.search(rf"{row}\s+{line['vat_rate']}%\s+{Decimal(line['net']):,}", page), line["sku"]
    for part in data["totals"]["vat_breakdown"]:
        assert f"VAT {part['rate']}% on {Decimal(part['net']):,}" in page
    assert f"£{Decimal(data['totals']['gross']):,}" in page
    assert data["notes"][:40] in page


def test_page_and_web_page_print_the_same_amounts() -> None:
    html = re.sub("[\u00a0\u202f]", " ", rendered(PACK, "invoice", Format.HTML, locale="fr-FR").decode())
    (page,) = pages_of(rendered(PACK, "invoice", Format.PDF, locale="fr-FR"))
    amounts = re.findall(r"\d[\d ]*,\d{2}(?= €|</td>|\b)", html)
    assert len(set(amounts)) > 20
    assert [amount for amount in amounts if amount not in page] == []


def test_a_long_invoice_repeats_its_head_and_keeps_the_total_with_the_way_to_pay() -> None:
    data = _invoice()
    data["lines"] = (data["lines"] * 8)[:90]
    pages = pages_of(rendered(PACK, "invoice", Format.PDF, data))
    assert len(pages) == 3
    assert all("Unit price" in page for page in pages)
    assert "Total to pay" in pages[-1]
    assert "How to pay" in pages[-1]


def test_parts_that_may_be_absent_leave_no_trace() -> None:
    data = _invoice()
    del data["notes"], data["branding"], data["buyer"]["vat_id"]
    (page,) = pages_of(rendered(PACK, "invoice", Format.PDF, data))
    html = rendered(PACK, "invoice", Format.HTML, data).decode()
    assert "Your VAT number" not in page + html
    assert "#0d4a5e" in html
    assert "notes" not in json.loads(rendered(PACK, "invoice", Format.JSON, data))


def test_markup_in_the_data_is_text_in_every_format() -> None:
    hostile = '<b>5 > 4</b> & #panic("x") {{ data }} =1+1'
    data = _invoice(notes=hostile)
    data["lines"][0]["description"] = hostile
    (page,) = pages_of(rendered(PACK, "invoice", Format.PDF, data))
    assert hostile in page.replace("\n", " ")
    html = rendered(PACK, "invoice", Format.HTML, data).decode()
    assert "<b>5" not in html
    assert "&lt;b&gt;5" in html
    assert json.loads(rendered(PACK, "invoice", Format.JSON, data))["notes"] == hostile


def test_the_lines_as_text_are_records_only() -> None:
    rows = list(csv.reader(io.StringIO(rendered(PACK, "lines", Format.CSV).decode())))
    assert rows[0][:3] == ["Article", "Description", "Quantity"]
    assert [row[0] for row in rows[1:]] == [line["sku"] for line in _invoice()["lines"]]
    assert rows[4][2:] == ["37.5", "m", "21.40", "20", "802.50", "160.50", "963.00"]


def test_a_quantity_in_quotes_is_refused_at_its_place() -> None:
    bundle = example("invoice")
    bundle["documents"][2]["data"] = copy.deepcopy(bundle["data"])
    bundle["documents"][2]["data"]["lines"][0]["quantity"] = "6"
    with pytest.raises(InvalidRequest) as refused:
        resolved(bundle)
    assert [(v.path, v.description) for v in refused.value.violations] == [
        ("documents[2].data.lines[0].quantity", "must be a number")
    ]


def _word_texts(data: bytes) -> list[str]:
    """Every text of a Word document's body, tables in tables included, no-break spaces plain."""
    body = docx.Document(io.BytesIO(data)).element.body
    paragraphs = body.iter("{http://schemas.openxmlformats.org/wordprocessingml/2006/main}p")
    texts = (
        "".join(node.text or "" for node in paragraph.iter() if node.tag.endswith("}t")) for paragraph in paragraphs
    )
    return [re.sub("[\u00a0\u202f]", " ", text) for text in texts]


def test_the_word_document_prints_the_amounts_of_the_web_page_in_the_same_words() -> None:
    for locale in ("en-GB", "fr-FR", "de-DE"):
        html = re.sub("[\u00a0\u202f]", " ", rendered(PACK, "invoice", Format.HTML, locale=locale).decode())
        cells = re.findall(r"<t[dh][^>]*>([^<]+)</t[dh]>", html)
        texts = _word_texts(rendered(PACK, "invoice", Format.DOCX, locale=locale))
        assert len(cells) > 90
        assert [cell for cell in cells if unescape(cell) not in texts] == []


def test_the_word_document_takes_what_may_be_absent_and_the_houses_name_and_address() -> None:
    data = _invoice()
    del data["notes"], data["branding"], data["buyer"]["vat_id"]
    plain = _word_texts(rendered(PACK, "invoice", Format.DOCX, data))
    branding = {"name": "Tern & Plover", "address": ["1 Shingle Row", "Lower Saltby"], "footer": "Registered in Saltby"}
    branded = rendered(PACK, "invoice", Format.DOCX, data | {"branding": branding})

    assert "Your VAT number" not in plain
    assert data["seller"]["name"] in plain
    assert {"Tern & Plover", "1 Shingle Row", "Lower Saltby"} <= set(_word_texts(branded))
    footer = docx.Document(io.BytesIO(branded)).sections[0].footer.tables[0]
    assert [cell.text for cell in footer.rows[0].cells] == ["Registered in Saltby", "1 / 1"]


def test_the_xml_holds_every_value_as_given() -> None:
    data = _invoice(notes='A & B <c> "d"')
    space = "{urn:docugen:invoice:1}"
    root = ElementTree.fromstring(rendered(PACK, "invoice", Format.XML, data))  # noqa: S314 - our own bytes

    assert root.attrib == {"number": data["number"], "currency": data["currency"], "specimen": "true"}
    assert root.findtext(f"{space}notes") == data["notes"]
    tags = {"unit_price": "unitPrice", "vat_rate": "vatRate"}
    for line, element in zip(data["lines"], root.findall(f"{space}lines/{space}line"), strict=True):
        given = {tags.get(key, key): str(value) for key, value in line.items() if key != "unit"}
        assert {child.tag.removeprefix(space): child.text for child in element} == given
        assert element.find(f"{space}quantity").get("unit") == line["unit"]  # type: ignore[union-attr]
    totals = root.find(f"{space}totals")
    assert totals is not None
    assert [totals.findtext(f"{space}{key}") for key in ("net", "vatTotal", "gross")] == [
        data["totals"][key] for key in ("net", "vat", "gross")
    ]
