"""The pack payslip: the figures of one month on one page, whatever the month, and the same ones in its table and JSON."""

from __future__ import annotations

import copy
import csv
import io
import json
import re
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import InvalidRequest, RenderFailed
from docugen_core.strict_json.schema import Schema
from shipped_packs import LOCALES, pages_of, rendered, resolved, shipped

PACK = shipped("payslip")
SAMPLE: Any = PACK.templates["payslip"].sample


def written(amount: str, locale: str = "en-GB") -> str:
    text = f"{Decimal(amount):,.2f}"
    match locale[:2]:
        case "fr":
            return text.replace(",", " ").replace(".", ",")
        case "de":
            return text.replace(",", "_").replace(".", ",").replace("_", ".")
        case _:
            return text


def page_of(data: Any, locale: str = "en-GB") -> str:
    (page,) = pages_of(rendered(PACK, "payslip", Format.PDF, data, locale))
    return page


@pytest.mark.parametrize("locale", LOCALES)
def test_the_page_prints_every_line_and_sum_of_the_month(locale: str) -> None:
    slip = SAMPLE["payslips"][-1]
    page = page_of(SAMPLE, locale)
    for line in [*slip["earnings"], *slip["contributions"]]:
        printed = [line["label"], *(written(line[key], locale) for key in ("base", "quantity") if key in line)]
        assert all(text in page for text in printed), line["label"]
    sums = [slip[key] for key in ("gross", "employee_contributions", "employer_contributions", "net_before_tax", "net")]
    for amount in [*sums, slip["tax"]["amount"], *slip["year_to_date"].values(), *slip["leave"].values()]:
        assert written(amount, locale) in page, amount
    for words in (slip["payment"]["reference"], slip["number"], SAMPLE["employee"]["name"], SAMPLE["employer"]["name"]):
        assert words in page
    assert " ".join(re.findall(".{1,4}", slip["payment"]["iban"])) in page


@pytest.mark.parametrize("index", range(12))
def test_pay_month_chooses_the_payslip(index: int) -> None:
    slip = SAMPLE["payslips"][index]
    page = page_of(SAMPLE | {"pay_month": slip["month"]})
    assert slip["number"] in page
    assert slip["payment"]["reference"] in page
    assert [other["number"] for other in SAMPLE["payslips"] if other["number"] in page] == [slip["number"]]
    document = json.loads(rendered(PACK, "payslip", Format.JSON, SAMPLE | {"pay_month": slip["month"]}))
    assert document["payslip"] == slip


def test_without_pay_month_the_last_payslip_is_printed_in_both_formats() -> None:
    last = SAMPLE["payslips"][-1]
    assert last["number"] in page_of(SAMPLE)
    assert json.loads(rendered(PACK, "payslip", Format.JSON, SAMPLE))["payslip"] == last


@pytest.mark.parametrize("format_", [Format.PDF, Format.JSON])
def test_a_month_without_a_payslip_is_refused(format_: Format) -> None:
    with pytest.raises(RenderFailed):
        rendered(PACK, "payslip", format_, SAMPLE | {"pay_month": "1999-01"})


@pytest.mark.parametrize("locale", LOCALES)
def test_the_longest_payslip_of_the_schema_stays_on_its_page(locale: str) -> None:
    data = copy.deepcopy(SAMPLE)
    slip = data["payslips"][-1]
    earning, contribution = slip["earnings"][0], slip["contributions"][0]
    slip["earnings"] = [earning | {"label": f"Earning {n}"} for n in range(8)]
    slip["contributions"] = [
        contribution | {"label": f"Contribution number {n} of many", "section": f"Section {n // 3}"} for n in range(20)
    ]
    assert Schema(PACK.templates["payslip"].schema, name="payslip").violations(data) == []
    page = page_of(data, locale)
    assert "Earning 7" in page
    assert "Contribution number 19 of many" in page


def test_parts_that_may_be_absent_leave_no_trace() -> None:
    data = copy.deepcopy(SAMPLE)
    slip = data["payslips"][-1]
    del slip["leave"], data["remark"], data["pay_totals"], data["employer"]["identifiers"], data["employer"]["phone"]
    del data["employer"]["legal_form"], data["employee"]["identifiers"], data["employee"]["title"]
    del data["employee"]["position"], data["employee"]["hired_on"]
    slip["contributions"] = []
    assert Schema(PACK.templates["payslip"].schema, name="payslip").violations(data) == []
    page = page_of(data)
    for words in ("Leave (days)", "Tel.", "Position", "Employed since", "Pension", "invented"):
        assert words not in page
    assert "remark" not in json.loads(rendered(PACK, "payslip", Format.JSON, data))


def test_the_summary_has_a_row_for_each_payslip_and_the_totals_below() -> None:
    rows = list(csv.reader(io.StringIO(rendered(PACK, "payslip-summary", Format.CSV).decode())))
    assert [(row[0], row[3], row[7], row[9]) for row in rows[1:]] == [
        (slip["number"], slip["gross"], slip["net"], slip["payment"]["reference"]) for slip in SAMPLE["payslips"]
    ]
    sheet = openpyxl.load_workbook(io.BytesIO(rendered(PACK, "payslip-summary", Format.XLSX))).active
    assert sheet is not None
    cells = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=3)]
    assert len(cells) == 13
    for column, key in ((3, "gross"), (4, "employee_contributions"), (5, "net_before_tax"), (6, "tax"), (7, "net")):
        assert sum(round(Decimal(str(row[column])), 2) for row in cells[:12]) == Decimal(SAMPLE["pay_totals"][key])
        assert round(Decimal(str(cells[12][column])), 2) == Decimal(SAMPLE["pay_totals"][key])


def test_an_amount_that_is_no_decimal_text_is_refused_at_its_place() -> None:
    data = copy.deepcopy(SAMPLE)
    data["payslips"][2]["net"] = 2000.5
    documents = [{"name": "p.pdf", "format": "pdf", "template": "payslip/payslip"}]
    with pytest.raises(InvalidRequest) as refused:
        resolved({"documents": documents, "data": data})
    assert [v.path for v in refused.value.violations] == ["data.payslips[2].net"]
