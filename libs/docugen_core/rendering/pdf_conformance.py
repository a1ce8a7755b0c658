"""Whether a PDF holds what the standards of its template promise: for tests, and for authors of packs.

    PDF/A-1 to -4   ISO 19005: output intent with its profile, the claim in XMP, a file id, no encryption, all fonts embedded,
                    no JavaScript, no action that starts or fetches anything, files inside only where the part allows them
    level a, UA-1   a structure tree, marked content, a language; UA-1 (ISO 14289-1) also a title that viewers show
    every PDF       fonts embedded, nothing that runs

These are checks of structure, made on the objects of the file. They find what a template, an attachment or a new engine is
likely to break. They are no proof: what lies in content streams (colours, glyph widths, the order of tags, alternative texts
that make sense) is the business of a full validator such as veraPDF, which is no part of this project.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from docugen_core.rendering.packs import PdfStandard
from docugen_core.rendering.pdf_rewriting import opened

if TYPE_CHECKING:
    import pikepdf

_TAGGED = frozenset({"a-1a", "a-2a", "a-3a", "ua-1"})
_TAKE_FILES = frozenset({"3", "4"})
_FORBIDDEN_ACTIONS = frozenset(
    {"/JavaScript", "/Launch", "/ImportData", "/SubmitForm", "/ResetForm", "/Movie", "/Sound"}
)
_FONT_PROGRAMS = ("/FontFile", "/FontFile2", "/FontFile3")
_RELATIONSHIPS = frozenset({"/Source", "/Data", "/Alternative", "/Supplement", "/Unspecified"})


def conformance_problems(pdf: bytes, standards: Sequence[PdfStandard]) -> tuple[str, ...]:
    """Everything found missing or forbidden, each as a sentence; empty when `pdf` looks as `standards` say.

    Raises pikepdf.PdfError for bytes that are no PDF.
    """
    with opened(pdf) as document:
        with document.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
            xmp = {name: str(metadata[name]) for name in metadata}
        facts = {_local(name): text for name, text in xmp.items()}
        found = [*_what_runs(document), *_loose_fonts(document)]
        for standard in standards:
            if standard.startswith("a-"):
                found += _archivable(document, facts, standard)
            if standard in _TAGGED:
                found += _tagged(document)
            if standard == "ua-1":
                found += _accessible(document, facts)
    return tuple(dict.fromkeys(found))


def _archivable(document: pikepdf.Pdf, xmp: Mapping[str, str], standard: str) -> Iterator[str]:
    part, level = standard[2], standard[3:].upper()
    claimed = (xmp.get("pdfaid:part", ""), xmp.get("pdfaid:conformance", ""))
    if claimed != (part, level):
        yield f"the metadata claims PDF/A-{''.join(claimed) or 'nothing'}, not {standard}"
    if part == "4" and not xmp.get("pdfaid:rev"):
        yield "the metadata does not name the revision of PDF/A-4"
    if document.is_encrypted:
        yield "the file is encrypted"
    if "/ID" not in document.trailer:
        yield "the file has no id"
    intents = [i for i in _array(document.Root, "/OutputIntents") if i.get("/S") == "/GTS_PDFA1"]
    if not intents:
        yield "there is no PDF/A output intent"
    elif any("/DestOutputProfile" not in intent for intent in intents):
        yield "an output intent has no colour profile"
    if part == "4" and "/Info" in document.trailer and "/PieceInfo" not in document.Root:
        yield "there is an information dictionary, which PDF/A-4 does away with"
    if part != "4" and str(document.docinfo.get("/Title", "")) != xmp.get("dc:title", ""):
        yield "title and metadata disagree"
    yield from _files(document, part, level)


def _files(document: pikepdf.Pdf, part: str, level: str) -> Iterator[str]:
    import pikepdf

    names = _under(document.Root, "/Names")
    specifications = (
        [spec for _, spec in pikepdf.NameTree(names["/EmbeddedFiles"]).items()] if "/EmbeddedFiles" in names else []
    )
    if part == "4" and level == "F" and not specifications:
        yield "PDF/A-4f is for files with attachments, and there is none"
    if specifications and not (part == "3" or (part == "4" and level in ("E", "F"))):
        yield f"there are files inside, which PDF/A-{part}{level.lower()} does not allow for any kind of file"
        return
    related = {entry.objgen for entry in _array(document.Root, "/AF")}
    for specification in specifications:
        name = str(specification.get("/UF", specification.get("/F", "?")))
        if "/F" not in specification or "/UF" not in specification:
            yield f"attachment {name} lacks one of its two names"
        if specification.get("/AFRelationship") not in _RELATIONSHIPS:
            yield f"attachment {name} does not say what it is to the document"
        if specification.objgen not in related:
            yield f"attachment {name} is not among the document's associated files"
        stream = specification.EF.F
        if "/Subtype" not in stream:
            yield f"attachment {name} has no media type"
        if "/ModDate" not in _under(stream, "/Params"):
            yield f"attachment {name} has no date"


def _tagged(document: pikepdf.Pdf) -> Iterator[str]:
    if _under(document.Root, "/MarkInfo").get("/Marked") is not True:
        yield "the content is not marked"
    if "/K" not in _under(document.Root, "/StructTreeRoot"):
        yield "there is no structure tree"
    if not str(document.Root.get("/Lang", "")):
        yield "the document has no language"
    for number, page in enumerate(document.pages, 1):
        if "/StructParents" not in page:
            yield f"page {number} has no place in the structure tree"


def _accessible(document: pikepdf.Pdf, xmp: Mapping[str, str]) -> Iterator[str]:
    if xmp.get("pdfuaid:part") != "1":
        yield "the metadata does not claim PDF/UA-1"
    if not xmp.get("dc:title"):
        yield "the document has no title"
    if _under(document.Root, "/ViewerPreferences").get("/DisplayDocTitle") is not True:
        yield "viewers are not told to show the title"


def _what_runs(document: pikepdf.Pdf) -> Iterator[str]:
    if "/JavaScript" in _under(document.Root, "/Names"):
        yield "there is JavaScript"
    for entry in _dictionaries(document):
        action = entry.get("/S")
        if action in _FORBIDDEN_ACTIONS and ("/JS" in entry or entry.get("/Type", "/Action") == "/Action"):
            yield f"there is an action {str(action)[1:]}"


def _loose_fonts(document: pikepdf.Pdf) -> Iterator[str]:
    for entry in _dictionaries(document):
        if entry.get("/Type") != "/Font" or entry.get("/Subtype") in ("/Type0", "/Type3"):
            continue  # what these are made of is a font, or a drawing, of its own
        descriptor = _under(entry, "/FontDescriptor")
        if not any(program in descriptor for program in _FONT_PROGRAMS):
            yield f"font {str(entry.get('/BaseFont', '?')).lstrip('/')} is not embedded"


def _dictionaries(document: pikepdf.Pdf) -> Iterator[Any]:
    """Every dictionary of the file, however deep it lies inside another one. Without recursion: depth has no bound."""
    import pikepdf

    to_see: list[Any] = [one.stream_dict if isinstance(one, pikepdf.Stream) else one for one in document.objects]
    while to_see:
        one = to_see.pop()
        if isinstance(one, pikepdf.Dictionary):
            yield one
            to_see += [value for _, value in one.items() if _direct(value)]
        elif isinstance(one, pikepdf.Array):
            to_see += [value for value in one if _direct(value)]


def _direct(value: Any) -> bool:
    import pikepdf

    return isinstance(value, pikepdf.Dictionary | pikepdf.Array) and not value.is_indirect


def _under(holder: Any, key: str) -> Any:
    """The dictionary at `key`, an empty one where there is none."""
    return holder.get(key, {})


def _array(holder: Any, key: str) -> list[Any]:
    return list(holder.get(key, ()))


_NAMESPACES = {
    "{http://www.aiim.org/pdfa/ns/id/}": "pdfaid:",
    "{http://www.aiim.org/pdfua/ns/id/}": "pdfuaid:",
    "{http://purl.org/dc/elements/1.1/}": "dc:",
}


def _local(name: str) -> str:
    """`{http://www.aiim.org/pdfa/ns/id/}part` -> `pdfaid:part`."""
    namespace, brace, local = name.partition("}")
    return _NAMESPACES.get(namespace + brace, namespace + brace) + local
