"""Where the values of the data are printed in a PDF: the layout engine's own rectangles, never a guess.

A template says which value it prints where (`field` in docugen/fields.typ). Asked for the fields, the document is set a second
time with every field as a link, and Typst writes a rectangle into that PDF for each piece of a link on each line and page. The
rectangles are as wide as the text; their height is that of the line, so they are replaced by what the face itself reaches: from
its ascender to its descender, around the same base line. A value on several lines or pages has a box for each line.

That the second setting is the first is checked, not assumed: pages and their sizes are the same, and every place at which the
document draws something is drawn at in the labelled one. What may differ is a pair of letters across the border of a field
inside a sentence, which is no longer kerned. Measured on 15 000 boxes of the shipped templates, left and right lie within 0.02
points of the letters, and within 0.7 where a hyphen hangs at the end of a justified line.

Not in here: values drawn in charts, and anything a template does not declare. A field whose template restyles links cannot be
placed, and fails the check.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from docugen_core.domain.identity import canonical_json, content_digest
from docugen_core.domain.json import JsonValue
from docugen_core.errors import DeterminismViolation, RenderFailed
from docugen_core.rendering.inputs import template_inputs
from docugen_core.rendering.packs import Template
from docugen_core.rendering.pdf import compile_pdf, render_pdf
from docugen_core.rendering.pdf_rewriting import opened
from docugen_core.rendering.task import Rendering, RenderTask

if TYPE_CHECKING:
    import pikepdf

ADDRESS = "docugen-field:"
PLACES = 2
"""Digits after the point of a box, in points: a hundredth is a third of a hundredth of a millimetre."""
FIELDS_MAX = 50_000

_STEPS = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_DRAWN_AT = re.compile(rb"^.* cm\b", re.MULTILINE)
_WORLD = "world."

Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class FieldBox:
    """One line of one printed value.

    path: of the value in the document's data (`lines[2].net`, from 0), or `world.document_date`. value: as the data has it.
    text: what is printed of it, the whole of it even where it takes several lines. page: from 1. box: left, top, right, bottom
    in points from the page's top left corner. occurrence: the document prints this path for the n-th time. line, lines: which
    line of the printed text this is, from 1, and of how many.
    """

    path: str
    value: JsonValue
    text: str
    page: int
    box: Box
    occurrence: int = 1
    line: int = 1
    lines: int = 1


@dataclass(frozen=True, slots=True)
class LayoutTruth:
    """pdf_sha256: of the document these boxes belong to. pages: width and height in points. fields: by page, from the top."""

    pdf_sha256: str
    pages: tuple[tuple[float, float], ...]
    fields: tuple[FieldBox, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "pdf_sha256": self.pdf_sha256,
            "pages": [{"width": width, "height": height} for width, height in self.pages],
            "fields": [asdict(field) | {"box": list(field.box)} for field in self.fields],
        }


def render_layout(task: RenderTask, template: Template) -> Rendering:
    """What a render process answers for a task with `labelled`: one line of JSON (`LayoutTruth.to_json`), then the PDF."""
    rendering = render_pdf(replace(task, labelled=False), template)
    truth = _located(task, template, rendering.data)
    return replace(rendering, data=canonical_json(truth.to_json()) + b"\n" + rendering.data)


def read_layout(answer: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON and the PDF of such an answer."""
    head, _, pdf = answer.partition(b"\n")
    truth: dict[str, Any] = json.loads(head)
    return truth, pdf


def field_boxes(task: RenderTask, template: Template) -> tuple[FieldBox, ...]:
    """Every declared field of the PDF of `task`, by page, from top to bottom. Raises as `layout_truth` does."""
    return layout_truth(task, template).fields


def layout_truth(task: RenderTask, template: Template) -> LayoutTruth:
    """The fields of the PDF of `task`, and which PDF that is.

    Raises what rendering the PDF raises, RenderFailed for a field that cannot be placed or names no value of the data, and
    DeterminismViolation when the labelled document is laid out otherwise than the document.
    """
    return _located(task, template, render_pdf(replace(task, labelled=False), template).data)


def _located(task: RenderTask, template: Template, plain: bytes) -> LayoutTruth:
    labelled = compile_pdf(replace(task, labelled=True), template).data
    values = _Values(task)
    with opened(plain) as document, opened(labelled) as marked:
        sizes = _page_sizes(document)
        if _page_sizes(marked) != sizes or any(
            _drawn_at(page) - _drawn_at(twin) for page, twin in zip(document.pages, marked.pages, strict=True)
        ):
            raise DeterminismViolation(
                "the document is laid out otherwise when its fields are marked",
                hint="A template must not style links (`show link`) or measure what it prints as a field.",
            )
        pieces = [
            piece
            for number, page in enumerate(marked.pages, start=1)
            for piece in _pieces(page, number, sizes[number - 1][1])
        ]
    if len(pieces) > FIELDS_MAX:
        raise RenderFailed(f"{len(pieces)} boxes of fields, at most {FIELDS_MAX:,} are kept", hint="Use less data.")
    boxes = sorted(_boxes(pieces, values), key=lambda field: (field.page, field.box[1], field.box[0]))
    return LayoutTruth(content_digest(plain), sizes, tuple(boxes))


@dataclass(frozen=True, slots=True)
class _Piece:
    """One rectangle Typst wrote: a run of letters of one field on one line."""

    mark: str
    page: int
    box: Box


class _Values:
    """The values that paths of fields name."""

    def __init__(self, task: RenderTask) -> None:
        inputs = template_inputs(task)
        self._data: JsonValue = json.loads(inputs["data"])
        self._world: JsonValue = json.loads(inputs["world"])

    def at(self, path: str) -> JsonValue:
        """Raises RenderFailed where there is no such value."""
        value = self._world if path.startswith(_WORLD) else self._data
        steps = list(_STEPS.finditer(path.removeprefix(_WORLD)))
        try:
            for step in steps:
                value = value[step[1]] if step[1] else value[int(step[2])]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            message = f"the template prints a field {path!r}, which is not in the data"
            raise RenderFailed(message, hint="Correct the path given to `field`.") from None
        return value


def _page_sizes(pdf: pikepdf.Pdf) -> tuple[tuple[float, float], ...]:
    corners = [[float(edge) for edge in page.mediabox] for page in pdf.pages]
    return tuple((_rounded(right - left), _rounded(top - bottom)) for left, bottom, right, top in corners)


def _drawn_at(page: pikepdf.Page) -> Counter[bytes]:
    """Every place at which the page draws something, and how often."""
    contents = page.obj.Contents
    return Counter(_DRAWN_AT.findall(contents.read_bytes()))


def _pieces(page: pikepdf.Page, number: int, height: float) -> Iterator[_Piece]:
    for annotation in page.obj.get("/Annots", []):
        address = str(annotation.A.get("/URI", "")) if "/A" in annotation else ""
        if address.startswith(ADDRESS):
            left, bottom, right, top = (float(edge) for edge in annotation.Rect)
            yield _Piece(address.removeprefix(ADDRESS), number, (left, height - top, right, height - bottom))


def _boxes(pieces: Iterable[_Piece], values: _Values) -> Iterator[FieldBox]:
    """One box a line, for each print of a field in the order of the first."""
    prints: dict[str, list[_Piece]] = {}
    for piece in pieces:
        prints.setdefault(piece.mark, []).append(piece)
    printed: Counter[str] = Counter()
    for mark, group in prints.items():
        facts = json.loads(bytes.fromhex(mark))
        path = facts["path"]
        printed[path] += 1
        value = values.at(path)
        lines = _lines(group, facts)
        for number, (page, box) in enumerate(lines, start=1):
            yield FieldBox(path, value, facts["text"], page, _rounded_box(box), printed[path], number, len(lines))


def _lines(pieces: Iterable[_Piece], facts: Mapping[str, Any]) -> list[tuple[int, Box]]:
    """Page and box of each line, of the pieces of one print in the order in which they were drawn."""
    lines: list[tuple[int, Box]] = []
    for piece in pieces:
        box = _reach(piece, facts)
        if lines and lines[-1][0] == piece.page and _on_one_line(lines[-1][1], box):
            before = lines.pop()[1]
            box = (min(before[0], box[0]), min(before[1], box[1]), max(before[2], box[2]), max(before[3], box[3]))
        lines.append((piece.page, box))
    return lines


def _reach(piece: _Piece, facts: Mapping[str, Any]) -> Box:
    """The piece's rectangle, its height that of the face instead of the line's."""
    left, top, right, bottom = piece.box
    # Typst adds half the leading above and below the text; inside an inline box it adds nothing.
    around = (bottom - top - facts["line"]) / 2
    return left, top + around - facts["above"], right, bottom - around + facts["below"]


def _on_one_line(one: Box, other: Box) -> bool:
    """Whether their middles are nearer than half a line."""
    return abs((one[1] + one[3]) - (other[1] + other[3])) < min(one[3] - one[1], other[3] - other[1])


def _rounded_box(box: Box) -> Box:
    left, top, right, bottom = box
    return _rounded(left), _rounded(top), _rounded(right), _rounded(bottom)


def _rounded(length: float) -> float:
    # Adding zero makes 0.0 of -0.0, which has another form in JSON.
    return round(length, PLACES) + 0.0
