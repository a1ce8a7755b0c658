"""Tables as CSV and XLSX, read back by other programs' libraries."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from copy import deepcopy
from typing import Any

import openpyxl
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import LimitExceeded, RenderFailed
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import RenderLimits
from docugen_core.rendering.xlsx import excel_date_format
from openpyxl.worksheet.worksheet import Worksheet
from pack_examples import TABLE_DATA, TABLE_TOML, a_task

FORMATS = [Format.CSV, Format.XLSX]


def rendered(format: Format, layout: str = TABLE_TOML, **options: Any) -> bytes:
    return render(a_task(layout, format, **{"data": TABLE_DATA, **options})).data


def sheet_of(data: bytes) -> Worksheet:
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert isinstance(sheet, Worksheet)
    return sheet


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def text_of(cell: Any) -> str:
    """A cell's text; this reader leaves the code of a carriage return as it stands in the file."""
    return str(cell.value).replace("_x000D_", "\r")


def with_first_line(**changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = deepcopy(dict(TABLE_DATA))
    data["lines"][0] |= changes
    return data


def test_csv_is_rfc_4180_for_machines() -> None:
    data = rendered(Format.CSV)

    assert data.count(b"\n") == data.count(b"\r\n") == 4
    assert list(csv.reader(io.StringIO(data.decode(), newline=""))) == [
        ["Item", "Quantity", "Price", "Tax", "Sold"],
        ["'=cmd|' /C calc'!A0", "2", "1234.50", "20", "2026-01-31"],
        ['Tea, "green"', "0.125", "-5.00", "5.5", ""],
        ["Total", "", "1229.50", "", ""],
    ]


CATEGORIES = TABLE_TOML.replace('value = "item"', 'value = "item"\nlabels = "kinds"')
FORMULA_STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]


@pytest.mark.parametrize("start", FORMULA_STARTS)
@pytest.mark.parametrize("rest", ["SUM(A1)", "cmd|' /C calc'!A0", '"quoted", with a comma', ""])
def test_csv_text_a_spreadsheet_would_run_gets_an_apostrophe(start: str, rest: str) -> None:
    """Wherever a text stands: in a row, a header, a label of the summary; and as a key's label."""
    layout = CATEGORIES.replace('label = "Total"', 'label_label = "sum"')
    words = {"en": {"columns": {"item": start + rest}, "kinds": {"tea": start + rest}, "sum": start + rest}}
    data = with_first_line(item="tea")
    data["lines"][1]["item"] = "tea"

    for localized in ("", "localized = true\n"):
        written = rendered(Format.CSV, localized + layout, data=data, labels=words)
        rows = list(csv.reader(io.StringIO(written.decode(), newline="")))
        assert [row[0] for row in rows] == [f"'{start}{rest}"] * 4


def test_csv_numbers_that_begin_with_a_sign_stay_numbers() -> None:
    rows = list(csv.reader(io.StringIO(rendered(Format.CSV, data=with_first_line(price="-1.50")).decode())))

    assert rows[1][2] == "-1.50"


def test_csv_may_be_written_for_people_instead() -> None:
    data = rendered(Format.CSV, "bom = true\nlocalized = true\n" + TABLE_TOML, locale="de-DE")

    assert data.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))[1:3] == [
        ["'=cmd|' /C calc'!A0", "2,000", "1.234,50\u00a0€", "20,0\u00a0%", "31.01.26"],
        ['Tea, "green"', "0,125", "-5,00\u00a0€", "5,5\u00a0%", ""],
    ]


def test_a_number_that_no_locale_can_write_names_its_column() -> None:
    with pytest.raises(RenderFailed, match="column 'Price': a number has too many digits") as caught:
        rendered(Format.CSV, "localized = true\n" + TABLE_TOML, data=with_first_line(price="1" + "0" * 35))
    assert str(caught.value.where) == "lines.table.toml:14"


@pytest.mark.parametrize("format", FORMATS)
def test_a_key_may_be_written_as_its_label(format: Format) -> None:
    words = {"en": {"columns": {"item": "Item"}, "kinds": {"tea": "Green tea", "cup": "Cup"}}}
    data = with_first_line(item="tea")
    data["lines"][1]["item"] = "cup"
    written = rendered(format, CATEGORIES, data=data, labels=words, specimen=False)

    if format is Format.CSV:
        found = [row[0] for row in csv.reader(io.StringIO(written.decode(), newline=""))]
    else:
        found = [str(row[0].value) for row in sheet_of(written).rows]
    assert found == ["Item", "Green tea", "Cup", "Total"]


@pytest.mark.parametrize("format", FORMATS)
def test_a_key_without_a_label_is_an_error_and_not_quoted(format: Format) -> None:
    words = {"en": {"columns": {"item": "Item"}, "kinds": {"cup": "Cup"}}}
    with pytest.raises(RenderFailed) as caught:
        rendered(format, CATEGORIES, data=with_first_line(item="tea"), labels=words)

    assert caught.value.message == "data.lines[0].item: labels.kinds has no text for this key"
    assert "[kinds]" in caught.value.hint
    assert str(caught.value.where) == "lines.table.toml:4"


def test_csv_carries_no_specimen_mark_in_its_rows() -> None:
    assert rendered(Format.CSV, specimen=True) == rendered(Format.CSV, specimen=False)


def test_xlsx_cells_are_typed_and_formatted() -> None:
    sheet = sheet_of(rendered(Format.XLSX, specimen=False))

    assert [cell.value for cell in sheet[1]] == ["Item", "Quantity", "Price", "Tax", "Sold"]
    assert [cell.value for cell in sheet[2]] == ["=cmd|' /C calc'!A0", 2, 1234.5, 0.2, dt.datetime(2026, 1, 31)]  # noqa: DTZ001
    assert [cell.value for cell in sheet[3]] == ['Tea, "green"', 0.125, -5, 0.055, None]
    assert [cell.value for cell in sheet[4]] == ["Total", None, 1229.5, None, None]
    assert [cell.number_format for cell in sheet[2]] == ["@", "#,##0.000", '"€"#,##0.00', "0.0%", "dd/mm/yyyy"]
    assert sheet["A2"].data_type == "s"
    assert sheet["C4"].font.bold


@pytest.mark.parametrize("start", [*FORMULA_STARTS, "{="])
def test_xlsx_text_is_never_a_formula(start: str) -> None:
    words = {"en": {"columns": {"item": f"{start}SUM(A1)"}}}
    written = rendered(Format.XLSX, data=with_first_line(item=f"{start}SUM(A1)"), labels=words, specimen=False)
    sheet = sheet_of(written)

    assert [cell.data_type for cell in (sheet["A1"], sheet["A2"])] == ["s", "s"]
    assert b"<f>" not in members_of(written)["xl/worksheets/sheet1.xml"]
    assert text_of(sheet["A1"]) == text_of(sheet["A2"]) == f"{start}SUM(A1)"


@pytest.mark.parametrize(
    "address",
    [
        "https://tidewick-lanterns.example/a",
        "mailto:a@tidewick-lanterns.example",
        "file:///etc/passwd",
        "internal:Lines!A1",
        "external:c:\\a.xlsx",
        "\\\\server\\share",
    ],
)
def test_xlsx_text_is_never_a_link(address: str) -> None:
    written = rendered(Format.XLSX, data=with_first_line(item=address), specimen=False)
    sheet = sheet_of(written)

    assert (sheet["A2"].value, sheet["A2"].hyperlink) == (address, None)
    assert not [name for name, content in members_of(written).items() if b"hyperlink" in content]


def test_xlsx_text_comes_back_as_it_was() -> None:
    """`_x0041_` is how a spreadsheet writes a character's code: unescaped, it came back as "A"."""
    text = "A & B <c> \"q\" 'a' _x0041_ é漢😀 \r\nend "
    shared = members_of(rendered(Format.XLSX, data=with_first_line(item=text)))["xl/sharedStrings.xml"].decode()

    assert "_x005F_x0041_" in shared
    assert 'xml:space="preserve"' in shared
    sheet = sheet_of(rendered(Format.XLSX, data=with_first_line(item=text.replace("_x0041_ ", "")), specimen=False))
    assert text_of(sheet["A2"]) == text.replace("_x0041_ ", "")


def test_xlsx_is_ready_to_read_and_print() -> None:
    sheet = sheet_of(rendered(Format.XLSX, specimen=False))

    assert (sheet.title, sheet.freeze_panes) == ("Lines", "A2")
    assert sheet.column_dimensions["C"].width == pytest.approx(15, abs=1)
    assert sheet["A1"].font.bold
    assert sheet.print_title_rows == "$1:$1"
    assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)


def test_xlsx_follows_the_locale_where_the_format_allows() -> None:
    sheet = sheet_of(rendered(Format.XLSX, locale="fr-FR", specimen=False))

    assert sheet["C2"].number_format == '#,##0.00\u00a0"€"'


def test_an_xlsx_specimen_says_so_on_screen_and_on_paper() -> None:
    sheet = sheet_of(rendered(Format.XLSX, specimen=True))

    assert sheet["A1"].value == "SPECIMEN"
    assert sheet.oddHeader is not None
    assert "SPECIMEN" in str(sheet.oddHeader.center.text)
    assert (sheet["A2"].value, sheet.freeze_panes, sheet.print_title_rows) == ("Item", "A3", "$2:$2")


def test_xlsx_is_dated_by_the_document() -> None:
    def created(day: dt.date | None) -> dt.datetime:
        book = openpyxl.load_workbook(io.BytesIO(rendered(Format.XLSX, day=day)))
        found = book.properties.created
        assert isinstance(found, dt.datetime)
        return found

    assert created(dt.date(2026, 9, 30)) == dt.datetime(2026, 9, 30)  # noqa: DTZ001 - the format has no zone
    assert created(None) == dt.datetime(1980, 1, 1)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"price": "9007199254740993.25"}, "more than 15 digits"),
        ({"sold": "1899-12-31"}, "no day before 1900"),
        ({"item": "x" * 32_768}, "at most 32767 characters"),
    ],
)
def test_what_a_spreadsheet_would_falsify_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(RenderFailed, match=message) as caught:
        rendered(Format.XLSX, data=with_first_line(**changes))

    assert caught.value.where is not None
    assert caught.value.where.file == "lines.table.toml"


@pytest.mark.parametrize("title", ["x" * 32, "a/b", "a[1]", "'quoted"])
def test_a_sheet_title_excel_refuses_is_refused_here(title: str) -> None:
    with pytest.raises(RenderFailed, match="a sheet title has"):
        rendered(Format.XLSX, TABLE_TOML.replace('title = "Lines"', f'title = "{title}"'))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("changes", "message", "line"),
    [
        ({"price": "secret"}, "data.lines[0].price: a column of type money needs a decimal text such as '1234.50'", 13),
        ({"price": None}, "data.lines[0].price is null", 13),
        (
            {"quantity": "1E999999999"},
            "data.lines[0].quantity: a column of type decimal needs a number of at most 40 digits before the point and"
            " after it",
            8,
        ),
        ({"item": 7}, "data.lines[0].item: a column of type text needs a text, not a number", 4),
        ({"sold": "soon"}, "data.lines[0].sold: a column of type date needs a day such as '2026-09-30'", 25),
    ],
)
def test_a_wrong_value_is_named_by_path_and_column(
    format: Format, changes: dict[str, Any], message: str, line: int
) -> None:
    with pytest.raises(RenderFailed) as caught:
        rendered(format, data=with_first_line(**changes))

    assert caught.value.message == message
    assert str(caught.value.where) == f"lines.table.toml:{line}"


@pytest.mark.parametrize("format", FORMATS)
def test_absent_rows_values_and_words_are_errors(format: Format) -> None:
    nowhere = TABLE_TOML.replace('rows = "lines"', 'rows = "entries"')
    unworded = TABLE_TOML.replace("columns.item", "columns.nothing")
    misnamed = TABLE_TOML.replace('value = "quantity"', 'value = "amount"')

    for layout, message in (
        (nowhere, "data.entries does not exist"),
        (unworded, "labels.columns.nothing does not exist"),
        (misnamed, r"data.lines\[0\].amount does not exist"),
    ):
        with pytest.raises(RenderFailed, match=message):
            rendered(format, layout)


@pytest.mark.parametrize("format", FORMATS)
def test_a_table_beyond_its_row_limit_is_refused(format: Format) -> None:
    with pytest.raises(LimitExceeded) as caught:
        rendered(format, limits=RenderLimits(rows_max=1))

    assert caught.value.details == {"rows": "2", "limit": "1"}
    assert "DOCUGEN_MAX_ROWS" in caught.value.hint


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("values = { price", "values = { cost", "summary names no column: 'cost'"),
        ('header = "Price"', 'header = "Price"\nheader_label = "columns.item"', "needs either header or header_label"),
        ('type = "date"', 'type = "date"\ncurrency = "currency"', "only a column of type money has a currency"),
        ('type = "date"', 'type = "date"\nlabels = "kinds"', "only a column of type text has labels"),
        ("width = 15", "widht = 15", "unknown key 'columns[2].widht'"),
    ],
)
def test_a_wrong_layout_is_refused_with_its_line(old: str, new: str, message: str) -> None:
    with pytest.raises(RenderFailed) as caught:
        rendered(Format.CSV, TABLE_TOML.replace(old, new))

    assert message in caught.value.message
    assert caught.value.where is not None
    assert caught.value.where.line > 0


@pytest.mark.parametrize(
    ("cldr", "excel"),
    [("dd/MM/y", "dd/mm/yyyy"), ("M/d/yy", "m/d/yy"), ("dd.MM.yy", "dd.mm.yy"), ("d 'de' MMM y", "yyyy-mm-dd")],
)
def test_cldr_date_patterns_become_spreadsheet_formats(cldr: str, excel: str) -> None:
    assert excel_date_format(cldr) == excel
