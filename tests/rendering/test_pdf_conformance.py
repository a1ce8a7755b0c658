"""What the structural checks of PDF standards accept, and what they find in PDFs that lost a part."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pikepdf
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.rendering.packs import PdfOptions, PdfStandard
from docugen_core.rendering.pdf_conformance import conformance_problems
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import Artefact
from pack_examples import PLEX, a_task

SOURCE = (
    PLEX + '#set document(title: "Notice", author: "Wren Fable")\n#set text(lang: "fr")\n= Avis\n#link("urn:x")[x]\n'
)
BESIDE = Artefact("lines.csv", Format.CSV, b"item;price\nTea;2.50\n")
ARCHIVABLE: tuple[tuple[PdfStandard, ...], ...] = (
    ("a-1b",),
    ("a-2a",),
    ("a-2b",),
    ("a-2u",),
    ("a-3b",),
    ("a-3a", "ua-1"),
    ("a-4",),
)


def made(*standards: PdfStandard, embed_data: bool = False) -> bytes:
    return render(a_task(SOURCE, pdf=PdfOptions(standards, embed_data=embed_data))).data


def changed(pdf: bytes, change: Callable[[pikepdf.Pdf], object]) -> bytes:
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        change(document)
        document.save(buffer, static_id=True)
    return buffer.getvalue()


@pytest.mark.parametrize("standards", [*ARCHIVABLE, ("ua-1",), ("1.7",)], ids="+".join)
def test_what_a_template_makes_has_what_its_standards_promise(standards: tuple[PdfStandard, ...]) -> None:
    assert conformance_problems(made(*standards), standards) == ()


@pytest.mark.parametrize("standards", [("a-3b",), ("a-3a", "ua-1"), ("a-4f",)], ids="+".join)
def test_a_pdf_with_files_inside_keeps_what_its_standards_promise(standards: tuple[PdfStandard, ...]) -> None:
    assert conformance_problems(made(*standards, embed_data=True), standards) == ()


def test_a_pdf_for_attachments_without_one_is_told() -> None:
    assert conformance_problems(made("a-4f"), ["a-4f"]) == (
        "PDF/A-4f is for files with attachments, and there is none",
    )


def _script(document: pikepdf.Pdf) -> None:
    action = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
    document.pages[0].obj.AA = pikepdf.Dictionary(O=action)


def _unembedded(document: pikepdf.Pdf) -> None:
    for one in document.objects:
        if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/FontDescriptor":
            for program in ("/FontFile2", "/FontFile3"):
                if program in one:
                    del one[program]


def _related(document: pikepdf.Pdf) -> Any:
    return document.Root.AF[0]


CHANGES: tuple[tuple[str, Callable[[pikepdf.Pdf], object], str], ...] = (
    ("intent", lambda d: d.Root.__delitem__("/OutputIntents"), "there is no PDF/A output intent"),
    ("profile", lambda d: d.Root.OutputIntents[0].__delitem__("/DestOutputProfile"), "no colour profile"),
    ("language", lambda d: d.Root.__delitem__("/Lang"), "the document has no language"),
    ("tree", lambda d: d.Root.__delitem__("/StructTreeRoot"), "there is no structure tree"),
    ("mark", lambda d: d.Root.__delitem__("/MarkInfo"), "the content is not marked"),
    ("page", lambda d: d.pages[0].__delitem__("/StructParents"), "page 1 has no place in the structure tree"),
    ("title", lambda d: d.Root.__delitem__("/ViewerPreferences"), "viewers are not told to show the title"),
    ("claim", lambda d: d.Root.__delitem__("/Metadata"), "claims PDF/A-nothing"),
    ("info", lambda d: d.docinfo.__setitem__("/Title", pikepdf.String("Other")), "title and metadata disagree"),
    ("fonts", _unembedded, "is not embedded"),
    ("script", _script, "there is an action JavaScript"),
    ("relation", lambda d: _related(d).__delitem__("/AFRelationship"), "does not say what it is to the document"),
    ("association", lambda d: d.Root.__delitem__("/AF"), "is not among the document's associated files"),
    ("names", lambda d: _related(d).__delitem__("/UF"), "lacks one of its two names"),
    ("type", lambda d: _related(d).EF.F.stream_dict.__delitem__("/Subtype"), "has no media type"),
    ("date", lambda d: _related(d).EF.F.stream_dict.__delitem__("/Params"), "has no date"),
)


@pytest.mark.parametrize(("change", "problem"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_what_a_pdf_lost_is_found(change: Callable[[pikepdf.Pdf], object], problem: str) -> None:
    whole = made("a-3a", "ua-1", embed_data=True)

    found = conformance_problems(changed(whole, change), ["a-3a", "ua-1"])

    assert any(problem in sentence for sentence in found), found


def test_one_standard_is_not_taken_for_another() -> None:
    assert conformance_problems(made("a-2b"), ["a-3b"]) == ("the metadata claims PDF/A-2B, not a-3b",)
    assert "the metadata does not claim PDF/UA-1" in conformance_problems(made("a-2a"), ["a-2a", "ua-1"])


def test_files_inside_a_part_that_takes_none_are_found() -> None:
    with_files = changed(made("a-3b", embed_data=True), _claim_part_2)

    (problem,) = conformance_problems(with_files, ["a-2b"])

    assert problem == "there are files inside, which PDF/A-2b does not allow for any kind of file"


def _claim_part_2(document: pikepdf.Pdf) -> None:
    with document.open_metadata(set_pikepdf_as_editor=False) as metadata:
        metadata["pdfaid:part"] = "2"
