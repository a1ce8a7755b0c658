"""The charts of docugen.typ: the figures they print, the data they refuse, the text they have for those who do not see."""

from __future__ import annotations

import io
import re

import pypdf
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.domain.json import JsonObject
from docugen_core.errors import RenderFailed
from docugen_core.rendering.packs import PdfOptions
from docugen_core.rendering.registry import render
from pack_examples import a_task
from shipped_packs import pages_of

LABELS = {"en": {"specimen": "SPECIMEN", "page": {"number": "{page}/{pages}"}}}
PLAIN = PdfOptions()
TAGGED = PdfOptions(("a-2a", "ua-1"))
TITLED = '#set document(title: "t")\n#set text(lang: "en")\n'


def _pdf(body: str, locale: str = "en-GB", data: JsonObject | None = None, pdf: PdfOptions = PLAIN) -> bytes:
    source = f'#import "docugen.typ": *\n{TITLED}#set text(font: "IBM Plex Sans", size: 9pt, fallback: false)\n{body}'
    return render(a_task(source, Format.PDF, data=data or {}, labels=LABELS, locale=locale, pdf=pdf)).data


def _printed(body: str, locale: str = "en-GB") -> str:
    (page,) = pages_of(_pdf(body, locale))
    return page


def _words(text: str) -> list[str]:
    return text.replace("\n", " ").split()


def test_bars_print_each_value_as_the_locale_writes_it() -> None:
    chart = """#bar-chart(categories: ("2024", "2025"), series: ((name: "Sold", values: ("1234.50", "-7.25")),), unit: "m³")"""
    words = _words(_printed(chart, "fr-FR"))
    assert {"2024", "2025", "m³", "\u22127,25"} <= set(words)
    assert "1 234,50" in " ".join(words)
    assert "Sold" not in words, "one series needs no legend"


def test_several_series_have_a_legend_and_a_gap_has_no_bar() -> None:
    series = '((name: "Wells", values: ("3", none)), (name: "Springs", values: ("", "5")))'
    words = _words(_printed(f'#bar-chart(categories: ("North", "South"), series: {series})'))
    assert {"Wells", "Springs", "North", "South"} <= set(words)
    assert sorted(word for word in words if word.isdigit()) == sorted([*"012345", "3", "5"])


def test_stacked_bars_print_their_exact_sum() -> None:
    series = '((name: "a", values: ("0.1",)), (name: "b", values: ("0.2",)))'
    assert "0.3" in _words(_printed(f'#bar-chart(categories: ("x",), series: {series}, stacked: true)'))
    large = '((name: "a", values: ("999999999999999.000001",)), (name: "b", values: ("0.000002",)))'
    printed = _printed(f'#bar-chart(categories: ("x",), series: {large}, stacked: true)')
    assert "999,999,999,999,999.000003" in printed


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ('"0", "100"', ["0", "20", "40", "60", "80", "100"]),
        ('"3"', ["0", "1", "2", "3"]),
        ('"-40", "55"', ["−40", "−20", "0", "20", "40", "60"]),
        ('"0.3"', ["0.0", "0.1", "0.2", "0.3"]),
        ('"1250000"', ["0", "500,000", "1,000,000", "1,500,000"]),
        ('"0"', ["0", "1"]),
        ('"-3"', ["−3", "−2", "−1", "0"]),
    ],
)
def test_ticks_are_round_figures_no_finer_than_the_data(values: str, ticks: list[str]) -> None:
    x = ", ".join(f'"p{i}"' for i in range(values.count(",") + 1))
    words = _words(_printed(f'#line-chart(x: ({x},), series: ((name: "", values: ({values},)),))'))
    assert sorted(words) == sorted([*ticks, *re.findall(r"p\d", x)])


def test_a_line_over_months_names_months_in_the_documents_language() -> None:
    chart = '#line-chart(x: ("2026-01", "2026-02", "2026-03"), series: ((name: "", values: ("1", none, "3")),))'
    printed = _printed(chart, "de-DE")
    assert "Jan. 2026" in printed
    assert "März" in printed


def test_a_line_over_years_names_years_and_one_over_days_names_days() -> None:
    years = _printed('#line-chart(x: ("2019-05-01", "2026-05-01"), series: ((name: "", values: ("1", "2")),))')
    assert {"2020", "2023", "2026"} <= set(_words(years))
    days = _printed('#line-chart(x: ("2026-03-01", "2026-03-09"), series: ((name: "", values: ("1", "2")),))', "fr-FR")
    assert {"01/03", "09/03"} <= set(_words(days))


@pytest.mark.parametrize(
    ("values", "digits", "shares"),
    [
        (["1", "1", "1"], 0, ["34", "33", "33"]),
        (["1", "1", "1"], 1, ["33.4", "33.3", "33.3"]),
        (["50", "25", "25"], 0, ["50", "25", "25"]),
        (["0.5", "0.5", "99"], 0, ["1", "0", "99"]),
        (["12.34"], 0, ["100"]),
        (["0", "7"], 2, ["0", "100"]),
        (["1", "2", "4", "8", "16", "32", "64"], 0, ["1", "2", "3", "6", "13", "25", "50"]),
    ],
)
def test_percentages_add_up_to_100_by_largest_remainder(values: list[str], digits: int, shares: list[str]) -> None:
    assert round(sum(float(share) for share in shares), 6) == 100
    given, wanted = (", ".join(f'"{item}"' for item in items) for items in (values, shares))
    assert _printed(f"#assert.eq(percentages(({given},), digits: {digits}), ({wanted},))\nchecked") == "checked"


def test_a_ring_lists_names_values_percentages_and_the_sum() -> None:
    parts = '((name: "Farms", value: "0.10"), (name: "Homes", value: "0.20"), (name: "Schools", value: "0"))'
    printed = _printed(f'#share-chart(parts: {parts}, unit: "million m³", digits: 1)', "fr-FR")
    words = " ".join(_words(printed))
    for text in ("Farms", "0,10", "33,3 %", "0,20", "66,7 %", "Schools", "0,0 %", "0,3", "million m³"):
        assert text in words


@pytest.mark.parametrize(
    "chart",
    [
        "bar-chart()",
        "line-chart()",
        "share-chart()",
        'bar-chart(categories: ("a",), series: ())',
        'line-chart(x: ("2026-01-01",), series: ((name: "", values: (none,)),))',
        'share-chart(parts: ((name: "a", value: "0"),))',
    ],
)
def test_a_chart_of_nothing_shows_a_dash(chart: str) -> None:
    assert "–" in _printed(f"#{chart}")


@pytest.mark.parametrize(
    ("chart", "message"),
    [
        (
            'bar-chart(categories: ("a", "b"), series: ((name: "Wells", values: ("1",)),))',
            'bar-chart: series "Wells" has 1 values for 2 categories',
        ),
        (
            'bar-chart(categories: ("a",), series: ((name: "Wells", values: ("1,5",)),))',
            'bar-chart: value 1 of series "Wells" is "1,5", which is no decimal number',
        ),
        (
            'bar-chart(categories: ("a",), series: ((name: "", values: ("1234567890123456",)),))',
            "bar-chart: value 1 of series 1 is",
        ),
        (
            'bar-chart(categories: ("a",), series: ((values: ("1",)), (values: ("1",))))',
            "bar-chart: series 1 has no name",
        ),
        ('bar-chart(categories: ("a",), series: ((name: "x"),))', "bar-chart: series 1 has no values"),
        (
            "bar-chart(series: range(9).map(i => (name: str(i), values: ())))",
            "bar-chart: 9 series; at most 8 can be told apart",
        ),
        ("bar-chart(categories: range(61).map(str))", "bar-chart: 61 categories; at most 60"),
        ('bar-chart(categories: ("n" * 61,))', "bar-chart: categories 1 is no text of at most 60 characters"),
        ("bar-chart(height: 10mm)", "bar-chart: height 28.35pt is not between 25mm and 200mm"),
        ("line-chart(x: (1, 2))", "line-chart: x must be an array of texts"),
        (
            'line-chart(x: ("2026-02-01", "2026-01-01"))',
            "line-chart: x 2, 2026-01-01, is not after 2026-02-01",
        ),
        ('share-chart(parts: ((name: "Lost", value: "-1"),))', 'share-chart: part "Lost" is negative, -1'),
        ('share-chart(parts: ((name: "Lost"),))', 'share-chart: part "Lost" has no value'),
        ('share-chart(parts: ((value: "1"),))', "share-chart: part 1 has no name"),
        (
            'share-chart(parts: range(9).map(i => (name: str(i), value: "1")))',
            "share-chart: 9 parts; at most 8 can be told apart, so join the smallest",
        ),
        ("share-chart(digits: 3)", "share-chart: digits is 3; percentages have 0, 1 or 2"),
    ],
)
def test_wrong_data_is_an_error_that_names_chart_and_place(chart: str, message: str) -> None:
    with pytest.raises(RenderFailed) as failed:
        _pdf(f"#{chart}")
    assert message in str(failed.value).replace('\\"', '"')


@pytest.mark.parametrize("count", [1, 7, 23, 60])
@pytest.mark.parametrize("width", ["170mm", "70mm"])
def test_long_names_of_many_bars_stay_on_the_page(count: int, width: str) -> None:
    chart = (
        f'#bar-chart(categories: range({count}).map(i => "Waterworks of " + str(i)), '
        f'series: ((name: "", values: range({count}).map(str)),))'
    )
    pdf = _pdf(f"#set page(width: {width}, height: 150mm, margin: 10mm)\n{chart}")
    page = pypdf.PdfReader(io.BytesIO(pdf)).pages[0]
    places: list[tuple[float, float]] = []
    page.extract_text(visitor_text=lambda text, cm, tm, font, size: places.append((cm[4] + tm[4], cm[5] + tm[5])))
    assert len(places) > count / 4
    assert all(0 <= x <= float(page.mediabox.width) and 0 <= y <= float(page.mediabox.height) for x, y in places)


def test_a_tagged_chart_tells_its_figures_as_text() -> None:
    body = """
    #bar-chart(categories: ("2024", "2025"), series: ((name: "Wells", values: ("12.5", none)),), unit: "m³")
    #share-chart(parts: ((name: "Homes", value: "3"), (name: "Farms", value: "1")))
    #line-chart(x: ("2026-01-31",), series: ((name: "", values: ("4",)),), alt: "One measurement: 4.")
    """
    reader = pypdf.PdfReader(io.BytesIO(_pdf(body, pdf=TAGGED)))
    objects = [reader.get_object(number) for number in range(1, len(reader.xref[0]) + 1)]
    found = [str(one["/Alt"]) for one in objects if isinstance(one, pypdf.generic.DictionaryObject) and "/Alt" in one]
    assert sorted(found) == ["Homes 3, 75%; Farms 1, 25%", "One measurement: 4.", "Wells: 2024 12.5 (m³)"]


@pytest.mark.parametrize("accent", ["#0d4a5e", "#6b2d3c", "#e0a100", "#1b5e20", "#222222", "#0072b2", "#c2185b"])
def test_the_first_colours_stay_apart_for_any_colour_vision_whatever_the_accent(accent: str) -> None:
    """The distance of black and white in Oklab is 1; two greys 0.12 apart are easily told from each other."""
    check = """#import "docugen/palette.typ": _by-vision, _least-apart
    #let apart(one, other) = _least-apart(_by-vision(one), _by-vision(other))
    #for (i, one) in palette.slice(0, 5).enumerate() { for other in palette.slice(0, i) {
      assert(apart(one, other) >= 0.12, message: repr((i, one, other, apart(one, other))))
    } }
    #assert.eq(palette.first(), accent)
    #assert.eq(palette.dedup().len(), 8)
    checked"""
    (page,) = pages_of(_pdf(check, data={"branding": {"accent": accent}}))
    assert page == "checked"
