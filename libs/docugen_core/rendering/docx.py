"""DOCX by docxtpl: a Word document whose text holds Jinja, filled, marked and written in canonical form.

Templates see `data`, `world` and `labels`, with the filters of HTML (`filters`). The text of the document, its headers,
footers and footnotes is rendered, and its title; all other parts stay as their author drew them. Beside `{{ }}` and `{% %}`
there are docxtpl's own tags: `{%p %}` takes its whole paragraph away, `{%tr %}` its table row, `{%tc %}` its cell, `{%r %}`
its run.

What docxtpl does by itself and not here:
- escape nothing ("A & B <c>" would arrive as "A  B "), or a title twice: values in XML are escaped, once;
- mend XML by dropping what it cannot read: every rendered part must be well-formed before it goes on;
- render footnotes once for each section, so that braces in somebody's data would be run as a template;
- turn `{_{` in somebody's data into `{{`;
- print whatever Python offers: see `docx_sandbox`.

A document for eyes carries the SPECIMEN mark where the world says so. No template has to remember it: `docx_specimen` puts
it into every header of the filled document. A language read from right to left turns it around (`docx_direction`). `ooxml`
makes the bytes canonical.
"""

from __future__ import annotations

import html
import io
import re
from typing import Any

from docxtpl import DocxTemplate
from jinja2 import TemplateError, TemplateSyntaxError, UndefinedError

from docugen_core.domain.failure import SourceLocation
from docugen_core.errors import RenderFailed
from docugen_core.rendering.docx_direction import turned
from docugen_core.rendering.docx_sandbox import Sandbox
from docugen_core.rendering.docx_specimen import mark_specimen
from docugen_core.rendering.filters import RefusedValue, locale_filters
from docugen_core.rendering.inputs import specimen_mark, template_context
from docugen_core.rendering.ooxml import PackageProblem, canonical_package
from docugen_core.rendering.packs import Template
from docugen_core.rendering.strict_xml import XmlProblem, check_characters, read_strictly
from docugen_core.rendering.task import Rendering, RenderTask

TITLE_MAX = 255
EXPRESSION_MAX = 200

_FOOTNOTES = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
_PARAGRAPH = re.compile(r"<w:p(?=[ >])")
_TAG = re.compile(r"<[^>]*>")
_UNDEFINED = re.compile(r"^'(?P<alone>\w+)' is undefined$|has no (?:attribute|element) '?(?P<key>\w+)'?$")
_JINJA_FILE = "<template>"


def render_docx(task: RenderTask, template: Template) -> Rendering:
    """The document. Raises RenderFailed with the file and the paragraph whose expression fails, never with a value."""
    file = template.formats[task.format]
    context = template_context(task)
    document = _Document(task.pack.files[file], file, Sandbox(locale_filters(str(context["world"]["locale"]))))
    try:
        document.render(context, document.environment, autoescape=True)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        hint = "Look for a table or a {%tr %} row that Word itself would not write."
        message = f"the filled document cannot be put together ({type(error).__name__})"
        raise RenderFailed(message, where=SourceLocation(file), hint=hint) from None
    buffer = io.BytesIO()
    document.docx.save(buffer)
    package = buffer.getvalue()
    if context["world"]["specimen"]:
        package = mark_specimen(package, specimen_mark(context["labels"]))
    if context["world"]["direction"] == "rtl":
        package = turned(package)
    try:
        package = canonical_package(package, title=document.title, day=task.world.document_date)
    except PackageProblem as problem:
        raise RenderFailed(f"the document {problem}", where=SourceLocation(file), hint=problem.hint) from None
    return Rendering(package)


class _Document(DocxTemplate):  # type: ignore[misc]  # docxtpl has no types
    """docxtpl with its rendering of one part replaced. title: of the document, once rendered."""

    def __init__(self, package: bytes, file: str, environment: Sandbox) -> None:
        super().__init__(io.BytesIO(package))
        self.file = file
        self.environment = environment
        self.title = ""

    def render_xml_part(self, src_xml: str, part: Any, context: dict[str, Any], jinja_env: Any = None) -> str:
        # One paragraph a line: the line of an error is the paragraph of its expression.
        source = _PARAGRAPH.sub("\n<w:p", src_xml)
        rendered = self._rendered(self.environment, source, context, str(part.partname).lstrip("/"))
        return str(self.resolve_listing(rendered.replace("\n<w:p", "<w:p")))

    def render_properties(self, context: dict[str, Any], jinja_env: Any = None) -> None:
        plain: Any = self.environment.overlay(autoescape=False)
        title = self._rendered(plain, self.docx.core_properties.title, context, "docProps/core.xml", is_xml=False)
        self.title = title[:TITLE_MAX]

    def render_footnotes(self, context: dict[str, Any], jinja_env: Any = None) -> None:
        for part in self.docx.part.package.parts:
            if part.content_type == _FOOTNOTES:
                source = self.patch_xml(part.blob.decode())
                part._blob = self.render_xml_part(source, part, context).encode()

    def _rendered(self, environment: Any, source: str, context: Any, part: str, *, is_xml: bool = True) -> str:
        try:
            rendered = str(environment.from_string(source).render(context))
            check_characters(rendered)
        except XmlProblem as problem:
            hint = "Remove it from the data, or from the words of the pack."
            raise RenderFailed(f"the filled {part}: {problem}", where=SourceLocation(self.file), hint=hint) from None
        except (
            RefusedValue,
            TemplateError,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            raise self._failed(error, source, part) from None
        except RecursionError:
            hint = "A macro calls itself."
            raise RenderFailed("the template recurses too deep", where=SourceLocation(self.file), hint=hint) from None
        if is_xml:
            self._check(rendered, part)
        return rendered

    def _check(self, rendered: str, part: str) -> None:
        try:
            read_strictly(rendered.encode())
        except XmlProblem:
            # Its paragraph is filled by now: it holds customer data, so it is not quoted.
            raise RenderFailed(
                f"the filled {part} is not well-formed",
                where=SourceLocation(self.file),
                hint="Tags such as {% if %} begin and end at one level: in one paragraph, or as {%p %}, {%tr %}, {%tc %}.",
                details={"part": part},
            ) from None

    def _failed(self, error: Exception, source: str, part: str) -> RenderFailed:
        lines = source.split("\n")
        line = error.lineno if isinstance(error, TemplateSyntaxError) else _template_line(error)
        paragraph = _text_of(lines[line - 1]) if 0 < line <= len(lines) else ""
        message, hint = _told(error, paragraph)
        where = SourceLocation(self.file, expression=paragraph)
        return RenderFailed(message, where=where, hint=hint, details={"part": part})


def _told(error: Exception, paragraph: str) -> tuple[str, str]:
    match error:
        case RefusedValue():
            return str(error), error.hint
        case UndefinedError():
            return _undefined(
                str(error), paragraph
            ), "Check the name against the template's schema, or test it with `is defined`."
        case TemplateSyntaxError():
            return (
                f"syntax error: {error.message}",
                "Templates in Word are Jinja; Word must not have split or quoted the tag.",
            )
        case TemplateError():
            return (
                "the expression asks for something templates may not have",
                "Templates see data, world, labels and filters.",
            )
        case _:
            return f"the expression fails ({type(error).__name__})", "Check the types of its values."


def _undefined(message: str, paragraph: str) -> str:
    found = _UNDEFINED.search(message)
    name = found and (found["alone"] or found["key"])
    # The name may come from the data (`data[key]`): only what stands in the template is told.
    written = re.search(rf"[\w.]*\b{name}\b", paragraph) if name else None
    return f"`{written[0]}` is undefined" if written else "a value is undefined"


def _template_line(error: BaseException) -> int:
    """The line of the template's source that raised: Jinja rewrites its frames to say so."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _JINJA_FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _text_of(paragraph: str) -> str:
    return html.unescape(_TAG.sub("", paragraph)).strip()[:EXPRESSION_MAX]
