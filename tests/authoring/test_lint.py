"""What lint says of packs that are right, and of packs with one mistake each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from direct_renderer import DirectRenderer
from docugen_core.authoring.lint import LintReport, lint_pack
from docugen_core.authoring.scaffold import KINDS, new_pack
from docugen_core.rendering.pack_loader import load_pack
from pack_examples import write_pack


async def linted(folder: Path) -> list[str]:
    """`file:line: code: message` of each finding."""
    report = await lint_pack(folder, DirectRenderer())
    return [f"{f.file}:{f.line}: {f.code}: {f.message}" for f in report.findings]


def a_pack(folder: Path, file: str = "", old: str = "", new: str = "", kind: str = "web") -> Path:
    """A new pack of `kind`, with one replacement in one file."""
    new_pack("mine", kind, folder)
    if file:
        path = folder / "mine" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
    return folder / "mine"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_new_pack_of_every_kind_is_without_blame(tmp_path: Path, kind: str) -> None:
    assert await linted(a_pack(tmp_path, kind=kind)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "findings"),
    [
        (
            "notice.html", "{{ data.title }}</h1>", "{{ data.titel }}</h1>",
            [
                "notice.html:8: data-unknown: reads data.titel, which notice.schema.json does not know",
                "notice.html:8: template-fails: html in en, html in fr: `data.titel` is undefined",
            ],
        ),
        (
            "notice.md", "{% if data.contact is defined %}", "{% if true %}",
            ["notice.md:14: optional-needed: contact may be absent, but `data.contact` is undefined"],
        ),
        (
            "notice.schema.json", '"contact": {', '"colour": { "type": "string" },\n    "contact": {',
            ["notice.schema.json:14: data-unused: no format shows colour"],
        ),
        (
            "notice.sample.json", ',\n  "contact": "the desk, Wexcombe 0117"', "",
            ["notice.schema.json:14: sample-lacks: no sample has contact, so nobody saw what becomes of it"],
        ),
        (
            "notice.sample.json", '"issued": "2026-03-09"', '"issued": "9 March"',
            ["notice.sample.json:3: sample-invalid: issued must be a date like 2026-03-31"],
        ),
        (
            "notice.schema.json", '"type": "array"', '"type": "list"',
            ["notice.schema.json:0: schema-invalid: not a valid JSON Schema at properties.paragraphs.type"],
        ),
        (
            "notice.txt", "{{ labels.notice.issued }}", "{{ labels.notice.isued }}",
            [
                "notice.txt:6: label-unknown: no label is 'notice.isued'",
                "notice.txt:6: template-fails: txt in en, txt in fr: `",
            ],
        ),
        (
            "labels/fr.toml", 'contact = "Questions :"\n', "",
            ["labels/fr.toml:0: label-missing: 1 of 3 labels are not in fr: notice.contact"],
        ),
        (
            "labels/fr.toml", "[notice]", '[notice]\nother = "x"',
            ["labels/fr.toml:4: label-extra: notice.other is not in labels/en.toml, so no other language has it"],
        ),
        (
            "labels/en.toml", "[notice]", '[notice]\nissued_on = "x"',
            [
                "labels/en.toml:4: label-unused: no template asks for notice.issued_on",
                "labels/fr.toml:0: label-missing: 1 of 4 labels are not in fr: notice.issued_on",
            ],
        ),
        (
            "notice.html", "{{ data.title }}</title>", "{{ dta.title }}</title>",
            [
                "notice.html:4: name-unknown: 'dta' is no name here",
                "notice.html:4: template-fails: html in en, html in fr: `dta",
            ],
        ),
        (
            "pack.toml", 'md = "notice.md"\n', "",
            ["notice.md:0: file-unused: nothing refers to this file"],
        ),
        (
            "pack.toml", 'version = "0.1.0"', 'version = "1"',
            ["pack.toml:5: pack-invalid: pack.version '1' is no semantic version"],
        ),
    ],
)  # fmt: skip
async def test_one_mistake_is_found_at_its_place(
    tmp_path: Path, file: str, old: str, new: str, findings: list[str]
) -> None:
    found = await linted(a_pack(tmp_path, file, old, new))

    assert len(found) == len(findings), found
    for actual, expected in zip(found, findings, strict=True):
        assert actual.startswith(expected)


async def test_a_table_layout_and_typst_are_read_too_and_say_the_same(tmp_path: Path) -> None:
    folder = a_pack(tmp_path, "list.table.toml", 'value = "quantity"', 'value = "number"', kind="table")
    source = folder / "list.typ"
    source.write_text(source.read_text().replace('line.at("note", default: "")', "line.note"))

    unread = [line for line in await linted(folder) if "data-unknown" in line]
    assert unread == [
        "list.table.toml:15: data-unknown: reads data.lines[].number, which list.schema.json does not know"
    ]
    layout = folder / "list.table.toml"
    layout.write_text(layout.read_text().replace('value = "number"', 'value = "quantity"'))
    sample = folder / "list.sample.json"
    sample.write_text(sample.read_text().replace('", "quantity"', '", "note": "", "quantity"'))
    assert await linted(folder) == [
        'list.typ:18: optional-needed: lines[].note may be absent, but dictionary does not contain key "note"'
    ]


async def test_a_refusal_by_the_template_itself_is_a_rule_that_the_schema_should_state(tmp_path: Path) -> None:
    old = "#title-block(data.subject)"
    rule = '#if "reference" not in data { panic("no letter goes out without a reference") }\n'
    folder = a_pack(tmp_path, "letter.typ", old, rule + old, kind="letter")

    [finding] = await linted(folder)
    assert finding.startswith("letter.typ:15: rule-unstated: reference may be absent, but panicked with: no letter")


async def test_a_currency_that_nobody_has_is_found(tmp_path: Path) -> None:
    folder = a_pack(tmp_path, "list.table.toml", 'currency = "currency"', 'currency = "curency"', kind="table")

    found = await linted(folder)
    assert "list.table.toml:20: data-unknown: the currency 'curency' is neither in a row nor in the data" in found


async def test_a_pdf_standard_the_template_does_not_meet_is_found_by_rendering(tmp_path: Path) -> None:
    old = '[templates.page]\nsize = "a4"'
    folder = a_pack(tmp_path, "pack.toml", old, '[templates.page]\nsize = "a5"', kind="letter")

    [finding] = await linted(folder)
    assert finding.startswith("letter.typ:0: template-fails: pdf in en, pdf in fr: page 1 is 210 x 297 mm")


async def test_the_same_version_with_other_content_must_be_raised(tmp_path: Path) -> None:
    installed = load_pack(a_pack(tmp_path / "installed"))
    changed = a_pack(tmp_path / "changed", "labels/en.toml", "Issued on", "Published on")

    same = await lint_pack(tmp_path / "installed" / "mine", DirectRenderer(), [installed])
    other = await lint_pack(changed, DirectRenderer(), [installed])

    assert same.findings == ()
    assert [(f.code, f.line) for f in other.findings] == [("version-unchanged", 5)]


async def test_a_fallback_must_take_the_data_of_the_template_it_stands_in_for(tmp_path: Path) -> None:
    plain = write_pack(
        tmp_path / "plain", {"notice.schema.json": json.dumps({"type": "object", "required": ["title", "signature"]})}
    )
    folder = a_pack(tmp_path, "pack.toml", "[templates.formats]", 'fallback = "notice/notice"\n[templates.formats]')

    found = (await lint_pack(folder, DirectRenderer(), [load_pack(plain)])).findings
    alone = (await lint_pack(folder, DirectRenderer())).findings

    assert [(f.line, f.code) for f in found] == [(13, "fallback-misfit")]
    assert "notice/notice does not take the sample of notice: signature is required" in found[0].message
    assert [f.message for f in alone] == ["notice/notice is not installed"]


async def test_warnings_are_no_errors(tmp_path: Path) -> None:
    folder = a_pack(tmp_path)
    (folder / "notes.txt").write_text("to do\n")
    report: LintReport = await lint_pack(folder, DirectRenderer())

    assert (report.errors, report.warnings) == (0, 1)
