"""What reading a MiniJinja source or a table layout finds."""

from __future__ import annotations

import pytest
from docugen_core.authoring.data_paths import written
from docugen_core.authoring.table_reads import currency_places, table_reads
from docugen_core.authoring.text_reads import text_reads, undeclared_names
from docugen_core.rendering.strict_toml import read_toml
from docugen_core.rendering.table_layout import parse_layout
from hypothesis import given
from hypothesis import strategies as st
from pack_examples import TABLE_TOML


def reads(source: str) -> set[str]:
    """As in test_typst_reads; labels are under `labels:`."""
    found = text_reads(source.encode(), "t.html", {})
    data = {written(read.path) + "*" * read.whole + "?" * read.guarded for read in found.data}
    return data | {f"labels:{label.path}" for label in found.labels}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ data.customer.name }}", {"customer.name*"}),
        ('{{ data["customer"]["name"] }}', {"customer.name*"}),
        ("data.nothing {# {{ data.comment }} #} {{ data.a }}", {"a*"}),
        ("{% raw %}{{ data.raw }}{% endraw %}{{ data.a }}", {"a*"}),
        ("{{ data.total | money(data.currency) }}", {"total*", "currency*"}),
        ('{{ data.notes | default("-", true) }}', {"notes*?"}),
        ("{% if data.notes is defined %}{{ data.notes }}{% endif %}", {"notes?", "notes*"}),
        ('{% if "notes" in data %}{{ data.notes }}{% endif %}', {"notes?", "notes*"}),
        ("{% for l in data.lines %}{{ l.a }}{{ loop.index }}{% endfor %}", {"lines", "lines[].a*"}),
        ("{% for l in data.lines %}{% for p in l.parts %}{{ p.x }}{% endfor %}{% endfor %}{{ l.b }}",
         {"lines", "lines[].parts", "lines[].parts[].x*"}),
        ("{% for l in data.lines | reverse %}{{ l.a }}{% endfor %}", {"lines", "lines[].a*"}),
        ("{% for l in data.lines | batch(2) %}{{ l.a }}{% endfor %}", {"lines*"}),
        ("{% for k, v in data.map | items %}{{ k }}{{ v.x }}{% endfor %}", {"map", "map*"}),
        ("{% set c = data.customer %}{{ c.name }}", {"customer", "customer.name*"}),
        ("{% set c = data.customer.name ~ 1 %}{{ c.x }}", {"customer.name*"}),
        ("{{ data.lines[0].a }}{{ data.lines | length }}", {"lines[].a*", "lines"}),
        ("{{ data.items() }}", {"data*"}),
        ("{% macro m(data) %}{{ data.inner }}{% endmacro %}{{ data.outer }}", {"outer*"}),
        ('{{ "data.text" }}{{ x.data.y }}', set()),
        ('{{ labels.slip.title }}{{ labels.kinds[data.kind] }}', {"labels:slip.title", "labels:kinds", "kind*"}),
    ],
)  # fmt: skip
def test_fields_and_labels_are_found_through_loops_and_names(source: str, expected: set[str]) -> None:
    assert reads(source) == expected


def test_a_name_that_no_template_gets_is_found_with_its_line() -> None:
    source = b"{{ data.a }}\n{% for x in range(3) %}{{ loop.index }}{{ x }}{% endfor %}\n{{ dat.b }}{{ world.locale }}"

    assert undeclared_names(source, "t.html") == [("dat", 3)]
    assert undeclared_names(b"{% if %}", "t.html") == []


def test_included_files_are_known_by_name() -> None:
    source = b'{% include "head.html" %}{% from "macros.j2" import m %}{% include "nowhere.html" %}'

    assert text_reads(source, "t.html", {"head.html": b"", "macros.j2": b""}).files == ("head.html", "macros.j2")


@given(st.text(alphabet="{}%#data.l[]\"'|() forinset=x\n", max_size=80))
def test_nonsense_is_read_without_failing(source: str) -> None:
    text_reads(source.encode(), "t.html", {})
    undeclared_names(source.encode(), "t.html")


def test_a_table_layout_says_outright_what_it_reads() -> None:
    layout = read_toml(TABLE_TOML.encode(), parse_layout)
    data, labels = table_reads(layout, "lines.table.toml")

    assert {(written(read.path), read.guarded) for read in data} == {
        ("lines", False), ("lines[].item", False), ("lines[].quantity", False), ("lines[].price", False),
        ("lines[].tax", False), ("lines[].sold", True), ("totals.price", False),
    }  # fmt: skip
    assert [label.path for label in labels] == ["columns.item"]
    assert currency_places(layout) == [("currency", 13)]
