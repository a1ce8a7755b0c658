"""The pack letter: the same words and amounts in every format, a running head, and no lonely signature."""

from __future__ import annotations

import copy
import datetime as dt
import re
from html import unescape
from typing import Any

import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed
from docugen_core.strict_json.schema import Schema
from shipped_packs import LOCALES, pages_of, rendered, shipped

PACK = shipped("letter")
SAMPLE: Any = PACK.templates["letter"].sample
PARAGRAPH = "The lanterns hang where they hung, and the brass has kept its colour through the damp of the winter. "


def letter(**changes: Any) -> Any:
    return copy.deepcopy(SAMPLE) | changes


def pages(data: Any, locale: str = "en-GB") -> list[str]:
    return [" ".join(page.split()) for page in pages_of(rendered(PACK, "letter", Format.PDF, data, locale))]


def plain(format_: Format, data: Any, locale: str = "en-GB") -> str:
    return re.sub("[\u00a0\u202f]", " ", rendered(PACK, "letter", format_, data, locale).decode())


def words_of(data: Any) -> list[str]:
    """Every text a reader of the letter must find, amounts aside."""
    found = [data["subject"], data["salutation"], data["closing"], data["signatory"]["name"], data["recipient"]["name"]]
    for part in data["body"]:
        if isinstance(part, str):
            found.append(part)
        else:
            found += [*part.get("list", []), part.get("heading", "")]
            found += [line["label"] for line in part.get("amounts", {}).get("lines", [])]
    return [*found, *data["enclosures"], *(entry["value"] for entry in data["references"])]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("format_", [Format.PDF, Format.HTML, Format.TXT])
def test_every_format_says_all_that_the_letter_says(format_: Format, locale: str) -> None:
    text = " ".join(pages(SAMPLE, locale)) if format_ is Format.PDF else unescape(plain(format_, SAMPLE, locale))
    amounts = {"en-GB": "£1,544.40", "fr-FR": "1 544,40 £GB", "de-DE": "1.544,40 £"}
    days = {"en-GB": "2 October 2026", "fr-FR": "2 octobre 2026", "de-DE": "2. Oktober 2026"}
    for words in [*words_of(SAMPLE), amounts[locale], days[locale]]:
        assert words in text, words


def test_every_page_but_the_first_has_a_running_head() -> None:
    found = pages(letter(body=[PARAGRAPH * 4] * 30))
    assert len(found) > 2
    head = "Tidewick Lantern Works Ltd to Museum of Small Weather 2 October 2026"
    assert [head in page for page in found] == [False] + [True] * (len(found) - 1)


@pytest.mark.parametrize("lines", range(18, 40, 3))
def test_a_signature_takes_the_last_paragraph_with_it(lines: int) -> None:
    found = pages(letter(body=[*[PARAGRAPH] * lines, "Marked as the last paragraph."]))
    assert "Marked as the last paragraph." in found[-1]
    assert "Ottoline Farthing Head of the workshop" in found[-1]
    assert SAMPLE["enclosures"][-1] in found[-1]


def test_many_enclosures_may_go_on_to_the_next_page() -> None:
    found = pages(letter(enclosures=[f"Enclosure number {n}" for n in range(20)]))
    assert len(found) == 2
    assert "Enclosure number 19" in found[-1]


def test_the_date_is_the_letters_own_or_else_the_bundles() -> None:
    without = letter()
    del without["date"]
    day = dt.date(2027, 3, 1)
    for format_ in (Format.PDF, Format.HTML, Format.TXT):
        own, bundles = (rendered(PACK, "letter", format_, data, day=day) for data in (SAMPLE, without))
        texts = ["".join(pages_of(raw)) if format_ is Format.PDF else raw.decode() for raw in (own, bundles)]
        assert ["2 October 2026" in text for text in texts] == [True, False]
        assert ["1 March 2027" in text for text in texts] == [False, True]
        with pytest.raises(RenderFailed):
            rendered(PACK, "letter", format_, without, day=None)


def test_parts_that_may_be_absent_leave_no_trace() -> None:
    data = letter(body=["Only this."])
    for key in ("references", "enclosures"):
        del data[key]
    for key in ("tagline", "phone", "email", "website"):
        del data["sender"][key]
    del data["signatory"]["role"]
    assert Schema(PACK.templates["letter"].schema, name="letter").violations(data) == []
    for text in (*pages(data), plain(Format.HTML, data), plain(Format.TXT, data)):
        assert "Only this." in text
        for words in ("Enclosures", "Tel.", "Our ref.", "Lamp makers", "Head of"):
            assert words not in text


def test_the_place_given_stands_before_the_date() -> None:
    data = letter(place="Old Wherry")
    for text in (*pages(data, "fr-FR"), plain(Format.HTML, data, "fr-FR"), plain(Format.TXT, data, "fr-FR")):
        assert "Old Wherry, le 2 octobre 2026" in text


def test_markup_in_the_data_is_text_in_every_format() -> None:
    hostile = '<b>5 > 4</b> & #panic("x") {{ data }} *no* _no_'
    data = letter(body=[hostile, {"list": [hostile]}], subject=hostile)
    assert hostile in pages(data)[0]
    assert hostile in plain(Format.TXT, data)
    html = plain(Format.HTML, data)
    assert "<b>5" not in html
    assert html.count("&lt;b&gt;5") == 5


@pytest.mark.parametrize("part", [{"table": []}, {"heading": ""}, {"list": []}, {"amounts": {"lines": []}}, 7, "", []])
def test_a_block_of_no_known_kind_is_refused(part: Any) -> None:
    assert Schema(PACK.templates["letter"].schema, name="letter").violations(letter(body=[part])) != []
