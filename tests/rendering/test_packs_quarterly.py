"""The quarterly account pack: the figures on paper are the figures in the data, on whatever page they fall."""

from __future__ import annotations

import copy
import csv
import io
import json
import re
from decimal import Decimal
from itertools import pairwise
from typing import Any, cast

import openpyxl
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.domain.json import JsonObject
from shipped_packs import pages_of, quarter, rendered, shipped

PACK = shipped("quarterly-account-pack")


def _statement(data: JsonObject, locale: str = "fr-FR") -> list[str]:
    return pages_of(rendered(PACK, "statement", Format.PDF, data, locale))


def _french(amount: str) -> str:
    return f"{Decimal(amount):,.2f}".replace(",", " ").replace(".", ",").replace("-", "−")


def test_the_overview_prints_the_balances_and_totals_of_the_data() -> None:
    data = quarter()
    overview = _statement(data)[0]
    for key in ("opening_balance", "total_in", "total_out", "closing_balance"):
        assert f"{_french(data[key])} €" in overview
    for month in data["months"]:
        row = [month["total_in"], month["total_out"], month["closing_balance"]]
        assert " ".join(_french(amount) for amount in row) in overview


@pytest.mark.slow
def test_every_transaction_is_printed_once_in_order_with_its_balance() -> None:
    data = quarter()
    text = "\n".join(_statement(data)[1:])
    assert data["transaction_count"] == len(data["transactions"]) == 174
    found = re.findall("|".join(re.escape(entry["reference"]) for entry in data["transactions"]), text)
    assert found == [entry["reference"] for entry in data["transactions"]]
    for entry in data["transactions"]:
        amount = _french(entry["debit"] or entry["credit"])
        assert re.search(rf"{entry['reference']}\s+{amount}\s+{_french(entry['balance'])}\n", text), entry["reference"]


@pytest.mark.slow
def test_what_a_page_carries_forward_the_next_one_brings_forward() -> None:
    data = quarter()
    pages = _statement(data)[1:]
    balances = {entry["reference"]: entry["balance"] for entry in data["transactions"]}
    assert len(pages) > 2
    for page, following in pairwise(pages):
        last = [r for r in re.findall(r"\d{4}-\d{3}-\d{4}", page) if r in balances][-1]
        carried = _french(balances[last])
        assert f"À reporter {carried}" in page.replace("\n", " ")
        assert f"Report {carried}" in following.replace("\n", " ")


@pytest.mark.slow
@pytest.mark.parametrize("transactions_per_month", [5, 35, 58, 89])
def test_the_statement_opens_and_closes_once_and_its_last_page_holds_rows(transactions_per_month: int) -> None:
    """35 and 89 a month once left the closing remark alone on a last page, and the closing balance without its name."""
    data = quarter(3, transactions_per_month)
    pages = [page.replace("\n", " ") for page in _statement(data)]
    opening = f"Solde au 1er juillet 2026 {_french(data['opening_balance'])}"
    closing = " ".join(_french(data[key]) for key in ("total_out", "total_in", "closing_balance"))
    closing = f"Solde au 30 septembre 2026 {closing}"
    assert [opening in page for page in pages] == [False, True] + [False] * (len(pages) - 2)
    assert [closing in page for page in pages] == [False] * (len(pages) - 1) + [True]
    assert all(entry["reference"] in pages[-1] for entry in data["transactions"][-3:])


def test_a_statement_without_transactions_still_opens_and_closes() -> None:
    data = copy.deepcopy(quarter())
    zero = {"transaction_count": 0, "total_in": "0.00", "total_out": "0.00"}
    data |= zero | {"transactions": [], "categories": [], "closing_balance": data["opening_balance"]}
    data["months"] = [month | zero | {"closing_balance": data["opening_balance"]} for month in data["months"]]
    pages = _statement(data)
    assert len(pages) == 2
    assert "Solde au 30 septembre 2026" in pages[1]


@pytest.mark.slow
def test_a_chart_of_two_years_names_quarters_with_their_year_so_that_no_two_names_touch() -> None:
    overview = _statement(quarter(24, 5))[0]
    named = [f"{month}. {year}" for year in (2026, 2027, 2028) for month in ("janv", "avr", "juil", "oct")]
    assert re.findall(r"(?:janv|avr|juil|oct)\. \d{4}", overview) == named[2:10]


@pytest.mark.slow
def test_an_overdrawn_account_shows_minus_signs_and_a_debit_balance() -> None:
    data = copy.deepcopy(quarter())
    data["closing_balance"] = "-12.30"
    assert "−12,30 €" in _statement(data)[0]
    proof = pages_of(rendered(PACK, "proof-of-balance", Format.PDF, data, "fr-FR"))
    assert len(proof) == 1
    assert "solde débiteur" in proof[0]
    assert "\n12,30 €" in proof[0]


@pytest.mark.parametrize(
    ("locale", "money", "day"),
    [
        ("en-GB", "€{:,.2f}", "30 September 2026"),
        ("fr-FR", "", "30 septembre 2026"),
        ("de-DE", "", "30. September 2026"),
    ],
)
def test_the_proof_of_balance_names_sum_holder_account_and_day(locale: str, money: str, day: str) -> None:
    data = quarter()
    (page,) = pages_of(rendered(PACK, "proof-of-balance", Format.PDF, data, locale))
    french = _french(data["closing_balance"]) + " €"
    expected = money.format(Decimal(data["closing_balance"])) or french.replace(
        " ", "." if locale == "de-DE" else " ", 1
    )
    iban = " ".join(re.findall(".{1,4}", data["account"]["iban"]))
    for words in (expected, day, iban, data["holder"]["name"], data["reference"], data["account"]["bic"]):
        assert words in page


def test_the_letter_says_what_the_data_says_and_else_the_packs_own_words() -> None:
    data = quarter()
    letter: Any = data["letter"]
    (own,) = pages_of(rendered(PACK, "letter", Format.PDF, data, "fr-FR"))
    assert letter["subject"] in own
    for paragraph in letter["paragraphs"]:
        assert paragraph.replace("\u00a0", " ")[:60] in own
    without = {key: value for key, value in data.items() if key != "letter"}
    (default,) = pages_of(rendered(PACK, "letter", Format.PDF, without, "fr-FR"))
    assert "Votre dossier trimestriel du 1er juillet 2026 au 30 septembre 2026" in default
    assert f"{_french(data['total_in'])} €" in default.replace("\n", " ")


@pytest.mark.parametrize(
    ("title", "locale", "salutation"),
    [
        ("Mme", "fr-FR", "Madame,"),
        ("M.", "fr-FR", "Monsieur,"),
        ("Ms", "en-GB", "Dear Ms Thornby,"),
        ("Frau", "de-DE", "Sehr geehrte Frau Thornby,"),
        ("Prof.", "en-GB", "Dear Ada Thornby,"),
    ],
)
def test_a_salutation_follows_the_form_of_address(title: str, locale: str, salutation: str) -> None:
    holder = quarter()["holder"] | {"title": title, "name": "Ada Thornby", "family_name": "Thornby"}
    (page,) = pages_of(rendered(PACK, "letter", Format.PDF, quarter() | {"holder": holder}, locale))
    assert salutation in page


def test_branding_renames_and_recolours_the_letterhead() -> None:
    branded = quarter() | {"branding": {"name": "Maison Ortie", "accent": "#3f4a1f"}}
    plain = rendered(PACK, "letter", Format.PDF, quarter(), "fr-FR")
    pdf = rendered(PACK, "letter", Format.PDF, branded, "fr-FR")
    assert "Maison Ortie" in pages_of(pdf)[0]
    assert pdf != plain


def test_table_text_and_json_hold_the_same_entries_as_the_statement() -> None:
    data = quarter()
    rows = list(csv.reader(io.StringIO(rendered(PACK, "transactions", Format.CSV, data, "fr-FR").decode())))
    assert [(row[2], row[5], row[6]) for row in rows[1:]] == [
        (entry["reference"], entry["amount"], entry["balance"]) for entry in data["transactions"]
    ]
    sheet = openpyxl.load_workbook(io.BytesIO(rendered(PACK, "transactions", Format.XLSX, data, "fr-FR"))).active
    assert sheet is not None
    cells = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=3)]
    assert sum(round(Decimal(str(row[5])), 2) for row in cells[:174]) == Decimal(data["closing_balance"]) - Decimal(
        data["opening_balance"]
    )
    names = cast("dict[str, str]", PACK.labels_for("fr")["categories"])
    assert [row[4] for row in cells[:174]] == [names[entry["category"]] for entry in data["transactions"]]
    assert [row[4] for row in rows[1:]] == [entry["category"] for entry in data["transactions"]], "CSV is for programs"
    assert [row[0] for row in cells[174:]] == ["Total des crédits", "Total des débits", "Solde de clôture"]
    account = json.loads(rendered(PACK, "account", Format.JSON, data, "fr-FR"))
    assert account["transactions"] == data["transactions"]
    assert {entry["category"]: entry["name"] for entry in account["categories"]}["rent"] == "Loyer"
    assert "letter" not in account
