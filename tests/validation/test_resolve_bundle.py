"""A bundle request: every fault at once, each at its path with a remedy; else everything pinned and written out."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from docugen_core.composition import Generators, compose, generated_data
from docugen_core.domain.bundle import Format, PinnedTemplate, ResolvedBundle, ResolvedGenerator
from docugen_core.domain.json import JsonValue
from docugen_core.errors import InvalidRequest
from docugen_core.validation import validate_run_id
from docugen_core.validation.names import name_problem
from hypothesis import given
from hypothesis import strategies as st

Resolve = Callable[[JsonValue], ResolvedBundle]
Found = Callable[[JsonValue], list[tuple[str, str, str]]]
Row = tuple[str, str, str]

NAME_RULE = "1 to 128 characters of A-Z a-z 0-9 . _ -, beginning with a letter or digit and ending with the format."
FLATTEN = "flatten it, or raise DOCUGEN_MAX_DATA_DEPTH"
NEAR_NOTE = "Did you mean 'note'? Known templates: note, card, open."
REFERENCE_RULE = "write pack/template or pack/template@version"


def _document(name: Any = "a.txt", **fields: Any) -> dict[str, Any]:
    return {"name": name, "format": "txt", "template": "desk/note", "data": {"title": "A"}} | fields


def _archive(name: str = "all.zip", **fields: Any) -> dict[str, Any]:
    return {"name": name, "format": "zip"} | fields


def _bundle(*documents: Any, **fields: Any) -> dict[str, Any]:
    return {"documents": list(documents) or [_document()]} | fields


WRONG: list[tuple[str, JsonValue, list[Row]]] = [
    ("documents missing", {}, [("documents", "is required", "The files to make. Their order means nothing.")]),
    (
        "documents empty",
        {"documents": []},
        [("documents", "must not be empty", "The files to make. Their order means nothing.")],
    ),
    (
        "unknown field",
        _bundle(timezone="UTC"),
        [("timezone", "unknown field", "did you mean 'time_zone'?")],
    ),
    (
        "template missing",
        _bundle({"name": "a.txt", "format": "txt"}),
        [("documents[0].template", "is required", "write pack/template")],
    ),
    (
        "template syntax",
        _bundle(_document(template="note")),
        [("documents[0].template", 'has the wrong form: "note"', REFERENCE_RULE)],
    ),
    (
        "template unknown",
        _bundle(_document(template="desk/nota")),
        [("documents[0].template", "no template 'nota' in pack 'desk'", NEAR_NOTE)],
    ),
    (
        "template version unknown",
        _bundle(_document(template="desk/note@9.9.9")),
        [("documents[0].template", "no version '9.9.9' of template pack 'desk'", "Known versions: 1.2.0.")],
    ),
    (
        "format not offered",
        _bundle(_document("a.pdf", format="pdf")),
        [("documents[0].format", "template desk/note does not offer pdf", "it offers csv, html, txt")],
    ),
    (
        "fallback unknown",
        _bundle(_document(fallback="desk/nota")),
        [("documents[0].fallback", "no template 'nota' in pack 'desk'", NEAR_NOTE)],
    ),
    (
        "fallback without the format",
        _bundle(_document("a.csv", format="csv", fallback="desk/card", data={"title": "A", "balance": 1})),
        [
            ("documents[0].data.balance", "unknown field", "remove it"),
            ("documents[0].fallback", "template desk/card does not offer csv", "it offers txt"),
        ],
    ),
    (
        "data for the fallback",
        _bundle(_document(template="desk/open", fallback="desk/card", data={})),
        [("documents[0].data.balance", "is required", "the fallback template desk/card@1.2.0 asks for it")],
    ),
    (
        "extension",
        _bundle(_document("a.pdf")),
        [("documents[0].name", "must end with .txt, the format of the document", "call it 'a.txt'")],
    ),
    (
        "same name",
        _bundle(_document(), _document()),
        [("documents[1].name", "is also the name of documents[0]", "every document needs a name of its own")],
    ),
    (
        "same name on Windows",
        _bundle(_document("b.txt"), _document("B.txt")),
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
        _bundle(_document(), _archive(template="desk/note", fallback="desk/note", data={"a": 1})),
        [
            ("documents[1].template", "an archive takes no template", "remove it"),
            ("documents[1].fallback", "an archive takes no fallback", "remove it"),
            ("documents[1].data", "an archive takes no data", "remove it"),
        ],
    ),
    (
        "members",
        _bundle(_document(members=["a.txt"]), _archive(members=["a.tx", "all.zip"]), _archive("b.zip")),
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
        _bundle(_archive()),
        [("documents[0].members", "there is no other document to pack", "add one, or remove the archive")],
    ),
    ("locale", _bundle(locale="fr_FRA"), [("locale", "is not a known locale", "did you mean 'fr-FR'?")]),
    (
        "time zone",
        _bundle(time_zone="europe/paris"),
        [("time_zone", "is not a known time zone", "did you mean 'Europe/Paris'?")],
    ),
    (
        "time zone as a path",
        _bundle(time_zone="../../etc/passwd"),
        [("time_zone", "is not a known time zone", "write one like Europe/Paris")],
    ),
    (
        "date that is none",
        _bundle(document_date="2026-02-30"),
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
        _bundle(document_date="0000-01-01"),
        [("document_date", "is not a real date", "write a day like 2026-03-31")],
    ),
    (
        "seed too long in bytes",
        _bundle(seed="é" * 65),
        [("seed", "has 130 bytes, a seed has 1 to 128", "hash it first, or leave it out")],
    ),
    (
        "seed empty",
        _bundle(seed=""),
        [("seed", "must not be empty", "1 to 128 bytes of text; leave it out to use the digest of the bundle itself.")],
    ),
    (
        "specimen off",
        _bundle(specimen=False, generate={"name": "ledger"}),
        [("specimen", "must be true for generated data, which always carries the SPECIMEN mark", "leave it out")],
    ),
    (
        "generator unknown, so nobody can say that its fields are missing",
        _bundle(_document(data={}), generate={"name": "leger"}),
        [("generate.name", "no generator is called 'leger'", "ledger, dated")],
    ),
    (
        "generator parameters",
        _bundle(generate={"name": "ledger", "params": {"rows": 10, "row": 1}}),
        [
            ("generate.params.rows", "must be at most 9, not 10", ""),
            ("generate.params.row", "unknown field", "did you mean 'rows'?"),
        ],
    ),
    (
        "generator that refuses",
        _bundle(generate={"name": "dated"}),
        [("generate", "generator dated needs document_date", "give the bundle a document_date")],
    ),
    (
        "generated data that does not fit",
        _bundle(_document(data={}), generate={"name": "dated"}, document_date="2026-01-31"),
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
        _bundle(
            _document(data={}),
            _document("b.txt", data={"lines": [{"text": "t", "quantity": 0}], "titel": 1}),
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
        _bundle(data={"titel": "x", "lines": []}),
        [("data.titel", "unknown field, no document takes it", "did you mean 'title'?")],
    ),
    (
        "fields that are near to none",
        _bundle(zzzz=1, data={"qqqq": "x"}),
        [
            ("zzzz", "unknown field", "remove it"),
            ("data.qqqq", "unknown field, no document takes it", "remove it"),
        ],
    ),
    (
        "too many documents",
        _bundle(*(_document(f"{i}.txt") for i in range(21))),
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
        _bundle(_document(data={"title": [[[[[["a"]]]]]]}), data={"lines": [[[[[["a"]]]]]]}),
        [
            ("documents[0].data.title[0][0][0][0][0]", "is nested more than 6 levels deep", FLATTEN),
            ("data.lines[0][0][0][0][0]", "is nested more than 6 levels deep", FLATTEN),
        ],
    ),
    (
        "data so deep that the request is",
        _bundle(_document(data={"title": []}), data={"lines": [[[[[[[[["a"]]]]]]]]]}),
        [("data.lines[0][0][0][0][0]", "is nested more than 6 levels deep", FLATTEN)],
    ),
    (
        "number without a canonical form",
        _bundle(data={"lines": [2**53]}),
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
                _document("../x.txt", template="desk/nota"),
                _document("A.txt", format="pdf", data={"title": 5}),
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


PATH_TRICKS = [
    "../x.txt", "/etc/x.txt", "a/b.txt", "a\\b.txt", "C:x.txt", "a\0.txt", "a\n.txt", "a.txt\n", "\u2024\u2024.txt",
    "\uff0e\uff0e.txt", "%2e%2e.txt", ".hidden.txt", "-rf.txt", "a..txt", "..", ".", "", " a.txt", "a.txt ", "é.txt",
    "a" * 252 + ".txt", "a" * 125 + ".txt", "CON.txt", "con.txt", "nul.tar.txt", "Com1.txt", "lpt9.txt", "a:b.txt",
    "a.txt.", "~a.txt", "a\u202etxt.txt",
]  # fmt: skip


@pytest.mark.parametrize("name", PATH_TRICKS)
def test_a_name_that_is_more_than_a_file_name_is_refused(name: str, found: Found) -> None:
    assert "documents[0].name" in [path for path, _, _ in found(_bundle(_document(name)))]


@pytest.mark.parametrize("name", ["manifest.json", "Manifest.JSON"])
def test_a_document_cannot_take_the_place_of_the_manifest(name: str, found: Found) -> None:
    rows = found(_bundle({**_document(name), "format": "json"}))
    assert ("documents[0].name", "is the name of the bundle's own manifest", "choose another one") in rows


@pytest.mark.parametrize("name", ["a.txt", "0.txt", "A-b_c.d.txt", "console.txt", "a" * 124 + ".txt"])
def test_a_plain_file_name_is_taken(name: str, found: Found) -> None:
    assert found(_bundle(_document(name))) == []


def test_the_name_offered_instead_is_a_good_one() -> None:
    for name, wanted, offered in [
        ("a.pdf", Format.TXT, "a.txt"),
        ("a", Format.CSV, "a.csv"),
        ("v1.2", Format.MD, "v1.2.md"),
    ]:
        problem = name_problem(name, wanted)
        assert problem is not None
        assert problem[1] == f"call it '{offered}'"
        assert name_problem(offered, wanted) is None


def test_defaults_are_written_out_and_everything_is_pinned(resolve: Resolve) -> None:
    bundle = resolve(_bundle(_archive("z.zip"), _document("b.txt"), _document("a.txt", fallback="desk/open@1.2.0")))
    assert [(d.name, d.members) for d in bundle.documents] == [
        ("a.txt", ()),
        ("b.txt", ()),
        ("z.zip", ("a.txt", "b.txt")),
    ]
    assert bundle.documents[0].template == PinnedTemplate("desk", "note", "1.2.0", "ab" * 32)
    assert bundle.documents[0].fallback == PinnedTemplate("desk", "open", "1.2.0", "ab" * 32)
    assert (bundle.locale, bundle.time_zone, bundle.document_date) == ("en-GB", "UTC", None)
    assert (bundle.specimen, bundle.salt, bundle.requested_seed, bundle.generate) == (False, "", "", None)


def test_what_the_caller_said_is_kept_in_canonical_form(resolve: Resolve) -> None:
    bundle = resolve(
        _bundle(
            _document(optional=True),
            _archive(members=["a.txt"]),
            schema="docugen.bundle/v1",
            locale="pt_br",
            time_zone="Asia/Tokyo",
            document_date="2026-03-31",
            specimen=True,
            salt="s",
            seed="é",
            generate={"name": "ledger", "params": {"rows": 2}},
        )
    )
    assert (bundle.locale, bundle.time_zone, bundle.document_date) == ("pt-BR", "Asia/Tokyo", dt.date(2026, 3, 31))
    assert (bundle.specimen, bundle.salt, bundle.seed) == (True, "s", "é")
    assert bundle.generate == ResolvedGenerator("ledger", "2.0.0", {"rows": 2})
    assert [d.optional for d in bundle.documents] == [True, False]


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("fr_FR", "fr-FR"), ("fr-fr", "fr-FR"), ("EN", "en"), ("zh_TW", "zh-Hant-TW"), ("sr-latn", "sr-Latn")],
)
def test_locales_have_one_spelling(resolve: Resolve, written: str, canonical: str) -> None:
    assert resolve(_bundle(locale=written)).locale == canonical


@pytest.mark.parametrize("locale", ["und", "root", "C", "fr_FR.UTF-8", "de_DE@euro", "../fr", "fr-", "x" * 500])
def test_what_is_no_locale_is_refused(found: Found, locale: str) -> None:
    assert [path for path, _, _ in found(_bundle(locale=locale))] == ["locale"]


def test_generated_data_always_carries_the_mark(resolve: Resolve) -> None:
    assert resolve(_bundle(generate={"name": "ledger"})).specimen


def test_without_a_seed_the_data_that_was_checked_is_the_data_of_the_spec_digest(
    resolve: Resolve, generators: Generators
) -> None:
    bundle = resolve(_bundle(_document(data={}), generate={"name": "ledger", "params": {"rows": 3}}))
    assert bundle.seed == bundle.spec_digest
    data = compose(bundle.data, generated_data(bundle, generators), bundle.documents[0].data)
    assert data["title"] == "Ledger"


def test_shared_data_may_hold_more_than_one_template_takes(found: Found) -> None:
    documents = [_document(data={}), _document("b.txt", template="desk/card", data={})]
    assert found(_bundle(*documents, data={"title": "A", "balance": 3})) == []


def test_what_the_digest_cannot_see_does_not_reach_a_template(resolve: Resolve) -> None:
    one = resolve(_bundle(_document(template="desk/open", data={"b": 1.0, "a": [{"y": -0.0, "x": 1}]})))
    two = resolve(_bundle(_document(template="desk/open", data={"a": [{"x": 1, "y": 0}], "b": 1})))
    assert one.spec_digest == two.spec_digest
    assert json.dumps(one.documents[0].data) == json.dumps(two.documents[0].data)


def test_a_stored_spec_reads_back_as_the_bundle_that_was_submitted(resolve: Resolve) -> None:
    data = {"big": 9.007199254740991e15, "small": 1e-7, "half": 0.5, "text": "é\u2028", "none": None}
    bundle = resolve(_bundle(_document(template="desk/open", data=data), _archive(), document_date="2026-03-31"))
    read = ResolvedBundle.from_json(json.loads(bundle.canonical_bytes()))
    assert read == bundle
    assert read.canonical_bytes() == bundle.canonical_bytes()


DOCUMENTS = [
    _document("a.txt"),
    _document("b.txt", template="desk/open", data={"x": 1}),
    _document("c.csv", format="csv"),
    _archive("y.zip", members=["c.csv", "a.txt"]),
    _archive("z.zip"),
]


@given(st.permutations(DOCUMENTS), st.permutations(["locale", "salt", "documents", "data"]), st.booleans())
def test_order_means_nothing(
    resolve: Resolve, documents: list[dict[str, Any]], fields: list[str], backwards: bool
) -> None:
    known: dict[str, Any] = {"locale": "fr-FR", "salt": "s", "documents": documents, "data": {"lines": []}}
    turned = [{k: d[k] for k in (sorted(d) if backwards else d)} for d in documents]
    bundle = resolve({f: known[f] for f in fields} | {"documents": turned})
    expected = resolve(known | {"documents": DOCUMENTS})
    assert bundle == expected
    assert bundle.canonical_bytes() == expected.canonical_bytes()


@pytest.mark.parametrize("raw", [row[1] for row in WRONG] + [_bundle(*DOCUMENTS)])
def test_the_request_is_not_changed(raw: JsonValue, found: Found) -> None:
    before = copy.deepcopy(raw)
    found(raw)
    assert json.dumps(raw) == json.dumps(before)


def test_the_result_shares_nothing_with_the_request(resolve: Resolve, note: dict[str, Any]) -> None:
    bundle = resolve(note)
    note["documents"][0]["data"]["title"] = "changed"
    assert bundle.documents[0].data == {"title": "A"}


def test_after_a_hundred_violations_the_rest_is_counted(found: Found) -> None:
    lines = [{"text": "t", "quantity": -1}] * 130
    rows = found(_bundle(_document(data={"title": "A", "lines": lines})))
    assert len(rows) == 101
    assert rows[-1] == ("$", "and 30 more violations", "mend these first")


def test_more_faults_than_are_read_do_not_hide_the_shape_of_later_documents(found: Found) -> None:
    """Regression: the schema report ends at 10 000 faults, and the format of the next document was then trusted."""
    raw = _bundle(_archive(members=list(range(12_000))), _document(format=5, template=[], name=None))
    assert len(found(raw)) == 101


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def _or_json(*sensible: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(sensible) | JSON


ALMOST_DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "name": _or_json("a.txt", "b.csv", "m.pdf", "z.zip", "../a.txt"),
        "format": _or_json("txt", "csv", "pdf", "zip"),
        "template": _or_json("desk/note", "desk/open@1.2.0", "desk/none"),
        "fallback": _or_json("desk/card"),
        "data": JSON | st.fixed_dictionaries({"title": JSON, "lines": JSON}),
        "members": JSON | st.lists(_or_json("a.txt", "m.pdf", "z.zip")),
        "optional": JSON,
        "attachments": JSON | st.lists(_or_json("a.txt", "z.zip")),
        "page": JSON,
    },
)
ALMOST_BUNDLES = st.fixed_dictionaries(
    {"documents": st.lists(ALMOST_DOCUMENTS | JSON, max_size=4)},
    optional={
        "data": JSON,
        "generate": JSON | st.fixed_dictionaries({"name": _or_json("ledger", "dated")}, optional={"params": JSON}),
        "seed": JSON,
        "locale": _or_json("fr_FR"),
        "time_zone": JSON,
        "document_date": _or_json("2026-01-01"),
        "specimen": JSON,
    },
)


@given(JSON | ALMOST_BUNDLES)
def test_any_json_is_resolved_or_refused_with_reasons(resolve: Resolve, raw: JsonValue) -> None:
    try:
        resolve(raw).canonical_bytes()
    except InvalidRequest as error:
        violations = error.violations
    else:
        return
    assert 1 <= len(violations) <= 101
    assert all(v.path and v.description for v in violations)


@pytest.mark.parametrize("text", ["br-1", "a", "0.x_y-z", "a" * 63])
def test_a_run_id_within_the_rule_is_taken(text: str) -> None:
    validate_run_id(text)


@pytest.mark.parametrize("text", ["", "A", "-a", "a/b", "a..b", "a" * 64, "a\n", "é", "../a", "a\0"])
def test_a_run_id_beyond_the_rule_is_refused_with_the_rule(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate_run_id(text)
    [violation] = caught.value.violations
    assert violation.path == "bundle_run_id"
    assert "1 to 63 characters of a-z" in violation.description
