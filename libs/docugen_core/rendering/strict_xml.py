"""XML as data: read by expat without document types, entities or other encodings, so that a text has one meaning and one size.

A DOCTYPE is refused at its first character, so no entity can be declared: nothing is fetched, nothing expands. The characters
XML 1.0 cannot hold are named, since expat says only "invalid token".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from xml.parsers import expat

OnElement = Callable[[str, Mapping[str, str]], None]
OnText = Callable[[str, str], None]

DEPTH_MAX = 500

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class XmlProblem(Exception):
    """Why a text is no XML here. line and column of the text, from 1."""

    def __init__(self, message: str, line: int, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def check_characters(text: str) -> None:
    """Raises XmlProblem for the first character that no XML 1.0 document can hold, not even escaped."""
    if found := _NOT_XML.search(text):
        before = text[: found.start()]
        line, column = before.count("\n") + 1, found.start() - before.rfind("\n")
        raise XmlProblem(f"it holds the character U+{ord(found[0]):04X}, which XML cannot hold", line, column)


def read_strictly(data: bytes, *, on_element: OnElement | None = None, on_text: OnText | None = None) -> None:
    """Walk through `data`, which must be well-formed, namespaces included.

    on_element: called with each element's name and attributes, on_text with the name of the element around it and a piece
    of its text; names are `namespace local` or `local`. Raises XmlProblem; what the callbacks raise comes through.

    Only UTF-8 is read, so a name in the text is there as it is, byte for byte.
    """
    # expat reads UTF-16 by its first bytes, and nothing asks it not to. There every "<" has a zero byte, and here no character.
    if b"\0" in data:
        raise XmlProblem("it is not UTF-8 text", data[: data.index(b"\0")].count(b"\n") + 1)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    open_elements: list[str] = []

    def problem(message: str) -> XmlProblem:
        return XmlProblem(message, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)

    def declared(version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.upper() != "UTF-8":
            raise problem(f"its encoding is declared as {encoding}, not UTF-8")

    def doctype(*_: object) -> None:
        raise problem("it has a DOCTYPE, which may declare entities")

    def start(name: str, attributes: dict[str, str]) -> None:
        open_elements.append(name)
        if len(open_elements) > DEPTH_MAX:
            raise problem(f"its elements are nested more than {DEPTH_MAX} levels deep")
        if on_element is not None:
            on_element(name, attributes)

    def end(_: str) -> None:
        open_elements.pop()

    parser.XmlDeclHandler = declared
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    if on_text is not None:
        parser.CharacterDataHandler = lambda piece: on_text(open_elements[-1], piece)
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise XmlProblem(
            f"it is not well-formed: {expat.ErrorString(error.code)}", error.lineno, error.offset + 1
        ) from None
