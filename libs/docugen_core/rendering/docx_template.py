"""What a .docx template may hold. Checked when its pack is loaded, in the service's own process, so by the standard library
alone.

Refused: macros and controls, embedded and linked objects, chunks of other documents, attached templates, pictures from
elsewhere (relationships that leave the package; plain hyperlinks may), fields that run, fetch or ask the reader's clock,
document types and entities, packages beyond their bounds. So a rendered document fetches nothing and shows the same to
every reader.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from docugen_core.rendering.ooxml import CONTENT_TYPES, PackageProblem, read_package
from docugen_core.rendering.strict_xml import XmlProblem, read_strictly

DOCUMENT_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"

_XML_PARTS = (".xml", ".rels")
_ACTIVE_PARTS = re.compile(r"(^|/)(vba[^/]*|activeX/.*|embeddings/.*|.*\.bin)$", re.IGNORECASE)
_ACTIVE_TYPES = re.compile(r"macro|vba|activeX|oleObject", re.IGNORECASE)
_ACTIVE_RELATIONS = {
    "attachedTemplate": "an attached template",
    "aFChunk": "a chunk of another document",
    "control": "a control",
    "frame": "a frame",
    "oleObject": "an embedded object",
    "package": "an embedded file",
    "subDocument": "another document",
    "vbaProject": "macros",
}
_HYPERLINK = "/hyperlink"
_HYPERLINK_TARGETS = ("https://", "http://", "mailto:")
_FIELDS = re.compile(
    r"(?:^|\s)(DDE|DDEAUTO|INCLUDEPICTURE|INCLUDETEXT|INCLUDE|IMPORT|LINK|RD|MACROBUTTON|DATABASE"
    r"|DATE|TIME|CREATEDATE|SAVEDATE|PRINTDATE|EDITTIME|FILENAME|USERNAME|USERINITIALS|USERADDRESS)(?=\s|\\|$)"
)
_TYPES_NAMESPACE = "http://schemas.openxmlformats.org/package/2006/content-types "
_RELATIONS_NAMESPACE = "http://schemas.openxmlformats.org/package/2006/relationships "
_WORD_NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main "
_INSTRUCTION = b"instrText"
_LOOKED_AT = (b"ContentType", b"Relationship", b"fldSimple", b"fldChar")


def check_docx_template(package: bytes) -> None:
    """Raises PackageProblem, which names the part, for a template that may not be used."""
    parts = read_package(package)
    if CONTENT_TYPES not in parts:
        raise PackageProblem("is no Word document: it has no [Content_Types].xml", "Save it as .docx.")
    for name in parts:
        if _ACTIVE_PARTS.search(name):
            raise PackageProblem("is a macro, a control or an embedded file", "Remove it in Word.", part=name)
    for name, content in parts.items():
        if name.lower().endswith(_XML_PARTS):
            _PartCheck(name).check(content)
    if DOCUMENT_TYPE.encode() not in parts[CONTENT_TYPES]:
        raise PackageProblem(
            "is no plain Word document", "Save it as .docx, not as .docm or .dotx.", part=CONTENT_TYPES
        )


class _PartCheck:
    """One XML part of a package."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._instructions: list[str] = []

    def check(self, content: bytes) -> None:
        # Most parts hold nothing to look at, and are long: a name can only be written as it is.
        on_element = self._element if any(name in content for name in _LOOKED_AT) else None
        on_text = self._text if _INSTRUCTION in content else None
        try:
            read_strictly(content, on_element=on_element, on_text=on_text)
        except XmlProblem as problem:
            hint = "Save it again as .docx." if "DOCTYPE" not in str(problem) else "Remove it: no entity is ever read."
            raise PackageProblem(f"{problem} (line {problem.line})", hint, part=self._name) from None
        # A field's words may lie in several runs: a field begins with its name, so the joined text is searched.
        self._refuse_fields("".join(self._instructions))

    def _element(self, name: str, attributes: Mapping[str, str]) -> None:
        match name:
            case _ if name.startswith(_TYPES_NAMESPACE):
                if _ACTIVE_TYPES.search(attributes.get("ContentType", "")):
                    raise PackageProblem("declares macros or embedded objects", "Save it as .docx.", part=self._name)
            case _ if name == f"{_RELATIONS_NAMESPACE}Relationship":
                self._relation(
                    attributes.get("Type", ""), attributes.get("TargetMode", ""), attributes.get("Target", "")
                )
            case _ if name == f"{_WORD_NAMESPACE}fldSimple":
                self._refuse_fields(attributes.get(f"{_WORD_NAMESPACE}instr", ""))
            case _ if name == f"{_WORD_NAMESPACE}fldChar":
                self._instructions.append("\n")

    def _text(self, element: str, piece: str) -> None:
        if element == f"{_WORD_NAMESPACE}instrText":
            self._instructions.append(piece)

    def _relation(self, kind: str, mode: str, target: str) -> None:
        short = kind.rsplit("/", 1)[-1]
        if short in _ACTIVE_RELATIONS:
            raise PackageProblem(f"refers to {_ACTIVE_RELATIONS[short]}", "Remove it in Word.", part=self._name)
        leaves = mode == "External" or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//|\\\\", target) is not None
        if leaves and not (kind.endswith(_HYPERLINK) and target.lower().startswith(_HYPERLINK_TARGETS)):
            hint = "Embed pictures in the document; links may lead to https:, http: and mailto: addresses."
            raise PackageProblem(f"refers to something outside of the document ({short})", hint, part=self._name)

    def _refuse_fields(self, instructions: str) -> None:
        if found := _FIELDS.search(instructions.upper()):
            hint = "Write {{ world.document_date | date }} for a date; remove the field otherwise."
            raise PackageProblem(
                f"has the field {found[1]}, whose content is not the document's", hint, part=self._name
            )
