"""What documents may need of each other: merged PDFs, attachments, page images. Each fault at its path, with a remedy."""

from __future__ import annotations

from typing import Any

import pytest
from docugen_core.domain.bundle import Format, ResolvedBundle, ResolvedDocument
from docugen_core.domain.failure import Violation
from docugen_core.domain.stages import circular, stages
from docugen_core.errors import InvalidRequest
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.packs import PdfOptions, Template, TemplatePack
from docugen_core.validation import BundleLimits, resolve_bundle

from .conftest import TwoGenerators


def _template(name: str, pdf: PdfOptions, *formats: Format) -> Template:
    return Template(name, name, "", dict.fromkeys(formats, f"{name}.typ"), {"type": "object"}, {}, pdf)


TEMPLATES = (
    _template("plain", PdfOptions(), Format.PDF),
    _template("holding", PdfOptions(("a-3b",)), Format.PDF),
    _template("telling", PdfOptions(("a-3a", "ua-1"), embed_data=True), Format.PDF),
    _template("words", PdfOptions(), Format.TXT),
)
CATALOGUE = TemplateCatalogue([TemplatePack("desk", "1.0.0", "", "ab" * 32, {t.name: t for t in TEMPLATES}, {})])


def document(name: str, template: str = "plain", **fields: Any) -> dict[str, Any]:
    return {"name": name, "format": name.rpartition(".")[2], "template": f"desk/{template}"} | fields


def merge(name: str, *members: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "format": "pdf", "members": list(members)} | fields


def resolved(*documents: dict[str, Any]) -> ResolvedBundle:
    return resolve_bundle(
        {"documents": list(documents)}, catalogue=CATALOGUE, generators=TwoGenerators(), limits=BundleLimits()
    )


def refused(*documents: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        resolved(*documents)
    violations: tuple[Violation, ...] = caught.value.violations
    assert all(violation.hint for violation in violations)
    return [(violation.path, violation.description) for violation in violations]


def by_name(bundle: ResolvedBundle) -> dict[str, ResolvedDocument]:
    return {d.name: d for d in bundle.documents}


def test_a_merged_pdf_keeps_the_order_of_its_members_and_an_archive_does_not() -> None:
    pair = (document("a.pdf"), document("b.pdf"))
    bundle = resolved(*pair, merge("m.pdf", "b.pdf", "a.pdf"), {"name": "z.zip", "format": "zip"})
    assert by_name(bundle)["m.pdf"].members == ("b.pdf", "a.pdf")
    assert by_name(bundle)["z.zip"].members == ("a.pdf", "b.pdf", "m.pdf")
    assert bundle.spec_digest != resolved(*pair, merge("m.pdf", "a.pdf", "b.pdf")).spec_digest


def test_every_document_comes_after_those_it_is_made_of() -> None:
    bundle = resolved(
        {"name": "a.zip", "format": "zip"},
        merge("b.pdf", "c.pdf", "e.pdf"),
        document("c.pdf", "holding", attachments=["d.txt"]),
        document("d.txt", "words"),
        document("e.pdf"),
    )
    assert [[d.name for d in stage] for stage in stages(bundle.documents)] == [
        ["d.txt", "e.pdf"],
        ["c.pdf"],
        ["b.pdf"],
        ["a.zip"],
    ]


def test_a_chain_as_long_as_a_bundle_is_put_in_order() -> None:
    chain = [document("d0.pdf")] + [merge(f"d{n}.pdf", f"d{n - 1}.pdf") for n in range(1, 200)]
    assert [stage[0].name for stage in stages(resolved(*reversed(chain)).documents)] == [d["name"] for d in chain]


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ([merge("m.pdf", "m.pdf")], [("documents[0].members", "there is no other pdf to merge")]),
        (
            [document("a.pdf"), merge("m.pdf", "a.pdf", "m.pdf")],
            [("documents[1].members[1]", "is the document itself")],
        ),
        (
            [document("a.txt", "words"), document("b.pdf"), merge("m.pdf", "b.pdf", "a.txt")],
            [("documents[2].members[1]", "is a txt, and only pdf documents can be merged")],
        ),
        (
            [document("a.pdf"), merge("m.pdf", "b.pdf")],
            [("documents[1].members[0]", "is not the name of a document")],
        ),
        (
            [document("a.pdf"), merge("m.pdf", "n.pdf", "a.pdf"), merge("n.pdf", "m.pdf")],
            [
                ("documents[1].members[0]", "needs this document in turn, so neither could come first"),
                ("documents[2].members[0]", "needs this document in turn, so neither could come first"),
            ],
        ),
        (
            [document("a.pdf"), merge("m.pdf", "a.pdf", data={"x": 1}, fallback="desk/plain")],
            [
                ("documents[1].fallback", "a merged PDF takes no fallback"),
                ("documents[1].data", "a merged PDF takes no data"),
            ],
        ),
        (
            [document("a.pdf"), document("b.pdf", members=["a.pdf"])],
            [("documents[1].members", "only an archive or a pdf without a template takes members")],
        ),
        ([{"name": "m.pdf", "format": "pdf", "members": []}], [("documents[0].template", "is required")]),
    ],
)
def test_a_merge_that_cannot_be_is_refused(documents: list[dict[str, Any]], expected: list[tuple[str, str]]) -> None:
    assert sorted(refused(*documents)) == sorted(expected)


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        (
            [document("a.txt", "words"), document("b.pdf", attachments=["a.txt"])],
            [("documents[1].attachments", "template desk/plain@1.0.0 makes a-2b, which holds no attachments")],
        ),
        (
            [document("a.txt", "words"), document("b.pdf", "holding", fallback="desk/plain", attachments=["a.txt"])],
            [("documents[1].attachments", "template desk/plain@1.0.0 makes a-2b, which holds no attachments")],
        ),
        (
            [document("b.pdf", "holding", attachments=["b.pdf"])],
            [("documents[0].attachments[0]", "is the document itself")],
        ),
        (
            [document("a.txt", "words"), document("b.pdf", "holding", attachments=["a.text"])],
            [("documents[1].attachments[0]", "is not the name of a document")],
        ),
        (
            [document("a.txt", "words", attachments=["b.pdf"]), document("b.pdf")],
            [("documents[0].attachments", "only a pdf with a template takes attachments")],
        ),
        (
            [document("a.pdf"), document("b.pdf"), merge("m.pdf", "a.pdf", attachments=["b.pdf"])],
            [("documents[2].attachments", "only a pdf with a template takes attachments")],
        ),
        (
            [document("a.pdf", "holding", attachments=["z.zip"]), {"name": "z.zip", "format": "zip"}],
            [
                ("documents[0].attachments[0]", "needs this document in turn, so neither could come first"),
                ("documents[1].members", "is left out and so means all documents, but one of them needs this one"),
            ],
        ),
    ],
)
def test_an_attachment_that_cannot_be_is_refused(
    documents: list[dict[str, Any]], expected: list[tuple[str, str]]
) -> None:
    assert sorted(refused(*documents)) == sorted(expected)


def test_an_attachment_cannot_take_the_name_of_the_embedded_data() -> None:
    named = {"name": "document-data.json", "format": "txt", "template": "desk/words"}
    found = refused(named, document("b.pdf", "telling", attachments=["document-data.json"]))
    assert ("documents[1].attachments[0]", "template desk/telling@1.0.0 embeds its own document-data.json") in found


def test_what_needs_a_circle_is_not_blamed_for_it() -> None:
    needs = {"a": ["b"], "b": ["c"], "c": ["b"], "d": ["a", "x"], "e": []}
    assert circular(needs) == {"b", "c"}


def test_documents_in_a_circle_have_no_order() -> None:
    made = [ResolvedDocument(n, Format.PDF, None, {}, False, None, (m,)) for n, m in (("a", "b"), ("b", "a"))]
    with pytest.raises(ValueError, match="a, b"):
        stages(made)


def test_a_template_that_makes_pdf_offers_images_of_its_pages() -> None:
    bundle = resolved(document("p.png", page=3, ppi=300), document("p.svg"))
    png, svg = bundle.documents
    assert (png.page, png.ppi, svg.page, svg.ppi) == (3, 300, 1, 144)


@pytest.mark.parametrize(
    ("fields", "path", "description"),
    [
        ({"name": "a.svg", "ppi": 72}, "documents[0].ppi", "only png documents take ppi"),
        ({"name": "a.pdf", "page": 2}, "documents[0].page", "only png and svg documents take page"),
        ({"name": "a.png", "page": 0}, "documents[0].page", "must be at least 1, not 0"),
        ({"name": "a.png", "ppi": 601}, "documents[0].ppi", "must be at most 600, not 601"),
        ({"name": "a.png", "ppi": 72.5}, "documents[0].ppi", "must be a whole number"),
        ({"name": "a.png", "page": True}, "documents[0].page", "must be a whole number"),
        (
            {"name": "a.png", "template": "desk/words"},
            "documents[0].format",
            "template desk/words does not offer png",
        ),
    ],
)
def test_a_page_image_that_cannot_be_is_refused(fields: dict[str, Any], path: str, description: str) -> None:
    assert refused(document(fields["name"]) | fields) == [(path, description)]


def test_fields_younger_than_version_1_are_in_the_spec_only_when_used() -> None:
    unused = resolved(document("a.png"), document("b.pdf", "holding")).to_json()["documents"]
    assert all({"page", "ppi", "attachments"}.isdisjoint(d) for d in unused)
    used = resolved(
        document("a.png", page=2, ppi=96),
        document("b.pdf", "holding", attachments=["c.txt"]),
        document("c.txt", "words"),
    )
    image, pdf, _ = used.to_json()["documents"]
    assert (image["page"], image["ppi"], pdf["attachments"]) == (2, 96, ["c.txt"])
    assert ResolvedBundle.from_json(used.to_json()) == used


def test_a_default_written_out_is_the_same_spec() -> None:
    assert resolved(document("a.png", page=1, ppi=144)).spec_digest == resolved(document("a.png")).spec_digest


def test_the_order_of_attachments_means_nothing() -> None:
    texts = (document("a.txt", "words"), document("b.txt", "words"))
    one = resolved(*texts, document("c.pdf", "holding", attachments=["a.txt", "b.txt"]))
    other = resolved(*texts, document("c.pdf", "holding", attachments=["b.txt", "a.txt"]))
    assert one.spec_digest == other.spec_digest
