"""What a Word template may not hold, and how its author is told."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import ConfigurationError
from docugen_core.rendering.docx_template import check_docx_template
from docugen_core.rendering.ooxml import BYTES_MAX, CONTENT_TYPES, PARTS_MAX, PackageProblem, read_package
from docugen_core.rendering.pack_loader import load_pack
from docugen_core.rendering.registry import render
from docx_examples import DOCUMENT, a_docx, edited, related, with_part, zipped
from pack_examples import PACK_TOML, PLEX, a_task, write_pack

PLAIN = a_docx("Dear {{ data.name }}")


def refusal(package: bytes) -> str:
    with pytest.raises(PackageProblem) as caught:
        check_docx_template(package)
    return str(caught.value)


def with_field(instruction: str) -> bytes:
    run = f'<w:r><w:fldChar w:fldCharType="begin"/></w:r>{instruction}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    return edited(PLAIN, "</w:p>", f"{run}</w:p>")


def typed(content_type: str) -> bytes:
    return edited(
        PLAIN,
        "</Types>",
        f'<Override PartName="/word/x.xml" ContentType="{content_type}"/></Types>',
        part=CONTENT_TYPES,
    )


def test_a_plain_document_passes_with_links_pictures_and_page_numbers() -> None:
    check_docx_template(PLAIN)
    check_docx_template(related(PLAIN, "hyperlink", "https://tidewick-lanterns.example/terms"))
    check_docx_template(related(PLAIN, "hyperlink", "mailto:accounts@tidewick-lanterns.example"))
    check_docx_template(related(PLAIN, "image", "media/logo.png", mode="Internal"))
    check_docx_template(with_field('<w:r><w:instrText xml:space="preserve"> PAGE \\* MERGEFORMAT </w:instrText></w:r>'))


@pytest.mark.parametrize("mark", [b"", b"\xff\xfe"], ids=["bare", "marked"])
def test_a_part_in_another_encoding_is_refused_not_overlooked(mark: bytes) -> None:
    """A reader that guesses UTF-16 would see a field in it, which a search of the bytes does not."""
    hidden = mark + '<w:p xmlns:w="urn:x"><w:fldSimple/></w:p>'.encode("utf-16-le")

    assert "is not UTF-8 text" in refusal(with_part(PLAIN, "word/extra.xml", hidden))


@pytest.mark.parametrize(
    "part",
    [
        "word/vbaProject.bin",
        "word/vbaData.xml",
        "word/activeX/activeX1.xml",
        "word/embeddings/sheet.xlsx",
        "word/OLE.BIN",
    ],
)
def test_macros_controls_and_embedded_files_are_refused(part: str) -> None:
    assert refusal(with_part(PLAIN, part, b"<x/>")) == f"{part}: is a macro, a control or an embedded file"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/vnd.ms-word.document.macroEnabled.main+xml",
        "application/vnd.ms-office.vbaProject",
        "application/vnd.ms-office.activeX+xml",
        "application/vnd.openxmlformats-officedocument.oleObject",
    ],
)
def test_a_package_that_declares_them_is_refused(content_type: str) -> None:
    assert refusal(typed(content_type)) == "[Content_Types].xml: declares macros or embedded objects"


def test_a_word_template_or_another_kind_of_office_file_is_refused() -> None:
    dotx = edited(PLAIN, "document.main+xml", "template.main+xml", part=CONTENT_TYPES)

    assert refusal(dotx) == "[Content_Types].xml: is no plain Word document"
    assert refusal(zipped([("word/document.xml", b"<x/>")])) == "is no Word document: it has no [Content_Types].xml"


@pytest.mark.parametrize(
    ("kind", "target", "mode", "what"),
    [
        ("image", "https://pictures.example/a.png", "External", "something outside of the document (image)"),
        ("image", "file:///etc/passwd", "Internal", "something outside of the document (image)"),
        ("image", "\\\\server\\share\\a.png", "Internal", "something outside of the document (image)"),
        ("hyperlink", "file:///C:/secrets.txt", "External", "something outside of the document (hyperlink)"),
        ("hyperlink", "javascript:alert(1)", "External", "something outside of the document (hyperlink)"),
        ("attachedTemplate", "https://templates.example/a.dotm", "External", "an attached template"),
        ("attachedTemplate", "a.dotm", "Internal", "an attached template"),
        ("oleObject", "embedded.xml", "Internal", "an embedded object"),
        ("package", "embedded.xml", "Internal", "an embedded file"),
        ("aFChunk", "chunk.html", "Internal", "a chunk of another document"),
        ("subDocument", "part.docx", "External", "another document"),
        ("frame", "https://frames.example", "External", "a frame"),
    ],
)
def test_what_leads_out_of_the_document_is_refused(kind: str, target: str, mode: str, what: str) -> None:
    assert refusal(related(PLAIN, kind, target, mode=mode)) == f"word/_rels/document.xml.rels: refers to {what}"


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("<w:r><w:instrText>DATE \\@ yyyy</w:instrText></w:r>", "DATE"),
        ("<w:r><w:instrText> D</w:instrText></w:r><w:r><w:instrText>DEAUTO cmd calc</w:instrText></w:r>", "DDEAUTO"),
        ('<w:r><w:instrText> includepicture "https://pictures.example/a.png"</w:instrText></w:r>', "INCLUDEPICTURE"),
        ('<w:fldSimple w:instr=" USERNAME "><w:r/></w:fldSimple>', "USERNAME"),
        ("<w:r><w:instrText> IF 1 = 1 </w:instrText></w:r><w:r><w:instrText>LINK Excel</w:instrText></w:r>", "LINK"),
    ],
)
def test_fields_that_fetch_run_or_ask_the_readers_machine_are_refused(field: str, name: str) -> None:
    assert refusal(with_field(field)) == f"{DOCUMENT}: has the field {name}, whose content is not the document's"


def test_document_types_and_entities_are_refused_before_they_are_read() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
    outside = b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'

    for content in (bomb, outside):
        assert refusal(with_part(PLAIN, "word/extra.xml", content)).startswith("word/extra.xml: it has a DOCTYPE")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<x><y></x>", "it is not well-formed: mismatched tag (line 1)"),
        (b"<x>" * 501 + b"</x>" * 501, "its elements are nested more than 500 levels deep (line 1)"),
        (
            '<?xml version="1.0" encoding="ISO-8859-1"?><x>é</x>'.encode("latin-1"),
            "its encoding is declared as ISO-8859-1, not UTF-8 (line 1)",
        ),
    ],
)
def test_a_part_that_is_no_proper_xml_is_refused(content: bytes, problem: str) -> None:
    assert refusal(with_part(PLAIN, "word/extra.xml", content)) == f"word/extra.xml: {problem}"


def test_a_package_is_bounded_in_parts_and_unpacked_bytes() -> None:
    many = zipped((f"p{n}", b"") for n in range(PARTS_MAX + 1))
    bomb = zipped([("word/media/zeros.bmp", bytes(BYTES_MAX + 1))])
    assert len(bomb) < 100_000

    assert refusal(many) == f"has {PARTS_MAX + 1} parts, at most {PARTS_MAX} are allowed"
    assert refusal(bomb) == "unpacks to more than 64 MiB"


def test_a_package_that_lies_about_its_sizes_is_not_believed() -> None:
    """The size in a ZIP's directory is what its author wrote there."""
    liar = bytearray(zipped([("word/media/zeros.bmp", bytes(1_000_000))]))
    directory = liar.rindex(b"PK\x01\x02")
    liar[directory + 24 : directory + 28] = (10).to_bytes(4, "little")

    with pytest.raises(PackageProblem, match="is no intact package"):
        read_package(bytes(liar))


def test_damaged_encrypted_doubled_and_escaping_packages_are_refused() -> None:
    encrypted = bytearray(PLAIN)
    encrypted[PLAIN.index(b"PK\x01\x02") + 8] |= 1
    with pytest.warns(UserWarning, match="Duplicate name"):
        doubled = zipped([("a.xml", b"<x/>"), ("a.xml", b"<y/>")])

    assert refusal(b"no package").startswith("is no intact package")
    assert refusal(PLAIN[: len(PLAIN) // 2]).startswith("is no intact package")
    assert "is encrypted" in refusal(bytes(encrypted))
    assert refusal(doubled) == "a.xml: is there twice"
    assert refusal(zipped([("../a.xml", b"<x/>")])) == "../a.xml: leads outside of the package"
    assert "method other than deflate" in refusal(zipped([("a.xml", b"<x/>")], zipfile.ZIP_LZMA))


def test_a_pack_with_such_a_template_does_not_load(tmp_path: Path) -> None:
    toml = PACK_TOML.replace('txt = "notice.txt"', 'docx = "notice.docx"')
    good = load_pack(write_pack(tmp_path / "good", {"pack.toml": toml, "notice.docx": PLAIN}))
    assert good.templates["notice"].formats == {Format.DOCX: "notice.docx"}

    macros = with_part(PLAIN, "word/vbaProject.bin", b"")
    with pytest.raises(ConfigurationError) as caught:
        load_pack(write_pack(tmp_path / "bad", {"pack.toml": toml, "notice.docx": macros}))

    assert caught.value.message == "bad/notice.docx: word/vbaProject.bin: is a macro, a control or an embedded file"
    assert caught.value.details["file"] == "notice.docx"


def test_a_word_template_beside_them_disturbs_neither_pdf_nor_html() -> None:
    files = {"letter.docx": PLAIN}

    assert render(a_task(PLEX + "Hello", Format.PDF, files=files)).pages == 1
    assert render(a_task("Hello", Format.HTML, files=files)).data == b"Hello"


def test_the_shipped_word_template_is_what_its_program_builds() -> None:
    import importlib.util

    tool = Path(__file__).parents[2] / "tools" / "invoice_docx.py"
    spec = importlib.util.spec_from_file_location("invoice_docx", tool)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)

    assert program.TARGET.read_bytes() == program.build()
    assert zipfile.ZipFile(io.BytesIO(program.build())).namelist()[0] == CONTENT_TYPES
