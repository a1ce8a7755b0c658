"""The invoice pack: sums that add up, printed as given, in every format."""

from __future__ import annotations

import copy
import csv
import io
import json
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

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
