"""What reading a Typst source finds, and what it leaves to rendering."""

from __future__ import annotations

import pytest
from docugen_core.authoring.data_paths import written
from docugen_core.authoring.typst_code import read_typst
from docugen_core.authoring.typst_reads import typst_reads
from hypothesis import given
from hypothesis import strategies as st


def reads(source: str) -> set[str]:
    """`path` for a read, `path*` where the value is taken whole, `path?` where it is looked for first."""
    found = typst_reads(source.encode(), "t.typ", {}).data
    return {written(read.path) + "*" * read.whole + "?" * read.guarded for read in found}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("#data.customer.name", {"customer.name*"}),
        ("Text data.nothing and #data.a, then #data.b.", {"a*", "b*"}),
        ('#data.at("customer").at("name")', {"customer.name*"}),
        ('#data.at("notes", default: "")', {"notes*?"}),
        ('#if "notes" in data { data.notes }', {"notes?", "notes*"}),
        ("#let c = data.customer\n#c.name", {"customer", "customer.name*"}),
        ('#let l = data.at("letter", default: (:))\n#l.at("subject")', {"letter?", "letter.subject*"}),
        ("#let (a, b) = (data.x, data.y)\n#a.z", {"x", "y", "x.z*"}),
        ("#for line in data.lines [#line.price]", {"lines", "lines[].price*"}),
        ("#for (n, line) in data.lines.enumerate() { line.price }", {"lines", "lines[].price*"}),
        ("#data.lines.map(line => line.price)", {"lines", "lines[].price*"}),
        ("#table(..data.lines.map(line => (line.a, line.b)).flatten())", {"lines", "lines[].a*", "lines[].b*"}),
        ("#data.lines.filter(x => x.on).map(x => x.name)", {"lines", "lines[].on*", "lines[].name*"}),
        ("#data.lines.sorted(key: x => x.rank).first().name", {"lines[].rank*", "lines[].name*"}),
        ("#data.lines.at(0).name", {"lines[].name*"}),
        ("#data.lines.len()", {"lines"}),
        ("#data.lines.map(row)", {"lines*"}),
        ("#show-all(data)", {"data*"}),
        ('#let d = json("data.json")\n#d.total', {"data", "total*"}),
        ("#let line = 3\n#data.lines.map(line => line.a)\n#line", {"lines", "lines[].a*"}),
        ("#let f(data) = data.secret\n#data.open", {"open*"}),
        ("// #data.comment\n/* #data.block */ `#data.raw` #data.real", {"real*"}),
        ('#text("data.string") #f(data: 3) #other.data.field', set()),
        ("#let total = (\n  data.a +\n  data.b\n)", {"a*", "b*"}),
        ("#if data.a == 1 [x #data.b] else [y #data.c]", {"a*", "b*", "c*"}),
    ],
)
def test_fields_are_found_through_names_loops_and_closures(source: str, expected: set[str]) -> None:
    assert reads(source) == expected


def test_a_read_has_the_line_it_stands_on() -> None:
    found = typst_reads(b"#let c = data.customer\n\n#c.name\n#c.age", "t.typ", {}).data

    assert [(written(read.path), read.line) for read in found] == [
        ("customer", 1),
        ("customer.name", 3),
        ("customer.age", 4),
    ]


def test_labels_are_read_as_written_computed_or_with_a_default() -> None:
    source = b'#label("a.b", n: 1) #label("kind." + data.kind) #label("c", default: "x") #label(data.key)'
    labels = typst_reads(source, "t.typ", {}).labels

    assert [(label.path, label.is_prefix, label.guarded) for label in labels] == [
        ("a.b", False, False),
        ("kind.", True, False),
        ("c", False, True),
        ("", True, False),
    ]


def test_files_are_found_from_the_folder_of_the_source_and_from_that_of_the_pack() -> None:
    files = {"parts/head.typ": b"", "logo.svg": b"", "parts/own.svg": b"", "other.svg": b""}
    source = b'#import "head.typ": x\n#image("/logo.svg") #image("own.svg") #text("nothing.svg")'

    assert typst_reads(source, "parts/t.typ", files).files == ("parts/head.typ", "logo.svg", "parts/own.svg")


@given(st.text(alphabet='#data.let(){}[]"\\/*`\n =>,:fori$x_-', max_size=80))
def test_nonsense_is_read_without_failing_and_keeps_its_length(source: str) -> None:
    code = read_typst(source)
    typst_reads(source.encode(), "t.typ", {})

    assert len(code.code) == len(source)
    assert code.code.count("\n") == source.count("\n")


def test_brackets_beyond_any_template_end_the_reading_and_not_the_process() -> None:
    assert typst_reads(b"#f(" * 20_000 + b"data.a", "t.typ", {}).labels == ()
