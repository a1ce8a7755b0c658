"""A bundle request that is wrong: every fault at once, each at its path with a remedy. One table; a row is a request."""

from __future__ import annotations

import copy
import json

import pytest
from docugen_core.domain.json import JsonValue

from .conftest import DOCUMENTS, Found, a_bundle, a_document, an_archive

Row = tuple[str, str, str]


NAME_RULE = "1 to 128 characters of A-Z a-z 0-9 . _ -, beginning with a letter or digit and ending with the format."
FLATTEN = "flatten it, or raise DOCUGEN_MAX_DATA_DEPTH"
NEAR_NOTE = "Did you mean 'note'? Known templates: note, card, open."
REFERENCE_RULE = "write pack/template or pack/template@version"


WRONG: list[tuple[str, JsonValue, list[Row]]] = [
    ("documents missing", {}, [("documents", "is required", "The files to make. Their order means nothing.")]),
    (
        "documents empty",
        {"documents": []},
        [("documents", "must not be empty", "The files to make. Their order means nothing.")],
    ),
    (
        "unknown field",
        a_bundle(timezone="UTC"),
        [("timezone", "unknown field", "did you mean 'time_zone'?")],
    ),
    (
        "template missing",
        a_bundle({"name": "a.txt", "format": "txt"}),
        [("documents[0].template", "is required", "write pack/template")],
    ),
    (
        "template syntax",
        a_bundle(a_document(template="note")),
        [("documents[0].template", 'has the wrong form: "note"', REFERENCE_RULE)],
    ),
    (
        "template unknown",
        a_bundle(a_document(template="desk/nota")),
        [("documents[0].template", "no template 'nota' in pack 'desk'", NEAR_NOTE)],
    ),
    (
        "template version unknown",
        a_bundle(a_document(template="desk/note@9.9.9")),
        [("documents[0].template", "no version '9.9.9' of template pack 'desk'", "Known versions: 1.2.0.")],
    ),
    (
        "format not offered",
        a_bundle(a_document("a.pdf", format="pdf")),
        [("documents[0].format", "template desk/note does not offer pdf", "it offers csv, html, txt")],
    ),
    (
        "fallback unknown",
        a_bundle(a_document(fallback="desk/nota")),
        [("documents[0].fallback", "no template 'nota' in pack 'desk'", NEAR_NOTE)],
    ),
    (
        "fallback without the format",
        a_bundle(a_document("a.csv", format="csv", fallback="desk/card", data={"title": "A", "balance": 1})),
        [
            ("documents[0].data.balance", "unknown field", "remove it"),
            ("documents[0].fallback", "template desk/card does not offer csv", "it offers txt"),
        ],
    ),
    (
        "data for the fallback",
        a_bundle(a_document(template="desk/open", fallback="desk/card", data={})),
        [("documents[0].data.balance", "is required", "the fallback template desk/card@1.2.0 asks for it")],
    ),
    (
        "extension",
        a_bundle(a_document("a.pdf")),
        [("documents[0].name", "must end with .txt, the format of the document", "call it 'a.txt'")],
    ),
    (
        "same name",
        a_bundle(a_document(), a_document()),
        [("documents[1].name", "is also the name of documents[0]", "every document needs a name of its own")],
    ),
    (
        "same name on Windows",
        a_bundle(a_document("b.txt"), a_document("B.txt")),
        [
            (
                "documents[1].name",
                "differs only in upper and lower case from documents[0]",
                "every document needs a name of its own",
            )
        ],
    ),
    (
        "archive with a template",
        a_bundle(a_document(), an_archive(template="desk/note", fallback="desk/note", data={"a": 1})),
        [
            ("documents[1].template", "an archive takes no template", "remove it"),
            ("documents[1].fallback", "an archive takes no fallback", "remove it"),
            ("documents[1].data", "an archive takes no data", "remove it"),
        ],
    ),
    (
        "members",
        a_bundle(a_document(members=["a.txt"]), an_archive(members=["a.tx", "all.zip"]), an_archive("b.zip")),
        [
            (
                "documents[0].members",
                "only an archive or a pdf without a template takes members",
                "remove it, or make the format zip",
            ),
            ("documents[1].members[0]", "is not the name of a document", "did you mean 'a.txt'?"),
            ("documents[1].members[1]", "is an archive, and archives cannot hold archives", "remove it"),
        ],
    ),
    (
        "nothing to pack",
        a_bundle(an_archive()),
        [("documents[0].members", "there is no other document to pack", "add one, or remove the archive")],
    ),
    ("locale", a_bundle(locale="fr_FRA"), [("locale", "is not a known locale", "did you mean 'fr-FR'?")]),
    (
        "time zone",
        a_bundle(time_zone="europe/paris"),
        [("time_zone", "is not a known time zone", "did you mean 'Europe/Paris'?")],
    ),
    (
        "time zone as a path",
        a_bundle(time_zone="../../etc/passwd"),
        [("time_zone", "is not a known time zone", "write one like Europe/Paris")],
    ),
    (
        "date that is none",
        a_bundle(document_date="2026-02-30"),
        [
            (
                "document_date",
                'must be a date like 2026-03-31, not "2026-02-30"',
                'The only "today" a template can see, as YYYY-MM-DD.',
            )
        ],
    ),
    (
        "date before the calendar",
        a_bundle(document_date="0000-01-01"),
        [("document_date", "is not a real date", "write a day like 2026-03-31")],
    ),
    (
        "seed too long in bytes",
        a_bundle(seed="é" * 65),
        [("seed", "has 130 bytes, a seed has 1 to 128", "hash it first, or leave it out")],
    ),
    (
        "seed empty",
        a_bundle(seed=""),
        [("seed", "must not be empty", "1 to 128 bytes of text; leave it out to use the digest of the bundle itself.")],
    ),
    (
        "specimen off",
        a_bundle(specimen=False, generate={"name": "ledger"}),
        [("specimen", "must be true for generated data, which always carries the SPECIMEN mark", "leave it out")],
    ),
    (
        "generator unknown, so nobody can say that its fields are missing",
        a_bundle(a_document(data={}), generate={"name": "leger"}),
        [("generate.name", "no generator is called 'leger'", "ledger, dated")],
    ),
    (
        "generator parameters",
        a_bundle(generate={"name": "ledger", "params": {"rows": 10, "row": 1}}),
        [
            ("generate.params.rows", "must be at most 9, not 10", ""),
            ("generate.params.row", "unknown field", "did you mean 'rows'?"),
        ],
    ),
    (
        "generator that refuses",
        a_bundle(generate={"name": "dated"}),
        [("generate", "generator dated needs document_date", "give the bundle a document_date")],
    ),
    (
        "generated data that does not fit",
        a_bundle(a_document(data={}), generate={"name": "dated"}, document_date="2026-01-31"),
        [
            (
                "generate",
                "makes data that desk/note@1.2.0 does not take: title must be a string",
                "replace title in the bundle's data, or use another template",
            )
        ],
    ),
    (
        "data where the caller wrote it",
        a_bundle(
            a_document(data={}),
            a_document("b.txt", data={"lines": [{"text": "t", "quantity": 0}], "titel": 1}),
            data={"lines": [{"text": "t", "quantity": "2"}]},
        ),
        [
            ("documents[0].data.title", "is required", "what the note is about"),
            ("documents[1].data.lines[0].quantity", "must be at least 1, not 0", ""),
            ("documents[1].data.titel", "unknown field", "did you mean 'title'?"),
            ("documents[1].data.title", "is required", "what the note is about"),
            ("data.lines[0].quantity", "must be a whole number", "write it without quotes"),
        ],
    ),
    (
        "shared field that nobody takes",
        a_bundle(data={"titel": "x", "lines": []}),
        [("data.titel", "unknown field, no document takes it", "did you mean 'title'?")],
    ),
    (
        "fields that are near to none",
        a_bundle(zzzz=1, data={"qqqq": "x"}),
        [
            ("zzzz", "unknown field", "remove it"),
            ("data.qqqq", "unknown field, no document takes it", "remove it"),
        ],
    ),
    (
        "too many documents",
        a_bundle(*(a_document(f"{i}.txt") for i in range(21))),
        [
            (
                "documents",
                "has 21 documents, at most 20 are allowed",
                "make several bundles, or raise DOCUGEN_MAX_DOCUMENTS",
            )
        ],
    ),
    (
        "data too deep",
        a_bundle(a_document(data={"title": [[[[[["a"]]]]]]}), data={"lines": [[[[[["a"]]]]]]}),
        [
            ("documents[0].data.title[0][0][0][0][0]", "is nested more than 6 levels deep", FLATTEN),
            ("data.lines[0][0][0][0][0]", "is nested more than 6 levels deep", FLATTEN),
        ],
    ),
    (
        "data so deep that the request is",
        a_bundle(a_document(data={"title": []}), data={"lines": [[[[[[[[["a"]]]]]]]]]}),
        [("data.lines[0][0][0][0][0]", "is nested more than 6 levels deep", FLATTEN)],
    ),
    (
        "number without a canonical form",
        a_bundle(data={"lines": [2**53]}),
        [
            (
                "data.lines[0]",
                f"must be between -{2**53 - 1} and {2**53 - 1}, or other languages read another number",
                "write it as a string",
            )
        ],
    ),
    (
        "everything at once, in the order of the request",
        {
            "seed": "",
            "documents": [
                a_document("../x.txt", template="desk/nota"),
                a_document("A.txt", format="pdf", data={"title": 5}),
                {"nme": "c.txt", "format": "txtt", "template": "desk/note"},
                7,
            ],
            "locale": "xx",
            "generate": {"nam": "ledger"},
        },
        [
            (
                "seed",
                "must not be empty",
                "1 to 128 bytes of text; leave it out to use the digest of the bundle itself.",
            ),
            ("documents[0].name", 'has the wrong form: "../x.txt"', NAME_RULE),
            ("documents[0].template", "no template 'nota' in pack 'desk'", NEAR_NOTE),
            ("documents[1].name", "must end with .pdf, the format of the document", "call it 'A.pdf'"),
            ("documents[1].format", "template desk/note does not offer pdf", "it offers csv, html, txt"),
            ("documents[1].data.title", "must be a string", "write it in quotes"),
            ("documents[2].nme", "unknown field", "did you mean 'name'?"),
            (
                "documents[2].format",
                'must be one of pdf, png, svg, html, txt, md, docx, xlsx, csv, json, xml, zip, not "txtt"',
                "did you mean 'txt'?",
            ),
            ("documents[2].name", "is required", NAME_RULE),
            (
                "documents[3]",
                "must be an object",
                "One file of the bundle: a template filled with data, or other documents put together (archive, merged PDF).",
            ),
            ("locale", "is not a known locale", "write one like en-GB"),
            ("generate.nam", "unknown field", "did you mean 'name'?"),
            ("generate.name", "is required", "An installed generator; `docugen generators` lists them."),
        ],
    ),
]


@pytest.mark.parametrize(("raw", "expected"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_every_fault_is_reported_at_its_path_with_a_remedy(raw: JsonValue, expected: list[Row], found: Found) -> None:
    assert found(raw) == expected


@pytest.mark.parametrize("raw", [row[1] for row in WRONG] + [a_bundle(*DOCUMENTS)])
def test_the_request_is_not_changed(raw: JsonValue, found: Found) -> None:
    before = copy.deepcopy(raw)
    found(raw)
    assert json.dumps(raw) == json.dumps(before)
