"""HTML, XML, text, Markdown and JSON by MiniJinja.

Templates see `data`, `world`, `labels` and the four `filters`, all of the document's locale: `number`, `money`, `percent`,
`date`.

    {{ line.total | money("EUR") }}   {{ line.quantity | number }}  {{ x | number(2) }}   {{ data.issued | date("long") }}
    {{ line.vat_rate | percent }}     a rate is written in percent everywhere: "20" is 20 %

- An undefined variable is an error, and so is null outside JSON: write `{{ x | default("-", true) }}` where that is meant.
- HTML, XML and JSON values are escaped by the file's name (`.html`, `.xml.j2`, `.json.j2`): in JSON, `{{ x }}` is already a
  JSON value.
- What is called JSON or XML is read once more before it leaves: XML well-formed and in UTF-8, without DOCTYPE and entities.
- Fuel bounds loops. Errors name file, line and expression and never print variables: they hold customer data.
- The value of an expression is never a Python object: `{{ data.items }}` for an absent key would print a memory address.

Python errors of filters carry no place, so `_locate` renders once more with marks; only ever after a failure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from docugen_core.domain.bundle import Format
from docugen_core.domain.failure import SourceLocation
from docugen_core.errors import RenderFailed
from docugen_core.rendering.filters import METHOD_REFUSED, NULL_REFUSED, RefusedValue, locale_filters
from docugen_core.rendering.inputs import template_context
from docugen_core.rendering.packs import Template, is_text
from docugen_core.rendering.strict_xml import XmlProblem, check_characters, read_strictly
from docugen_core.rendering.task import Rendering, RenderTask

FUEL = 50_000_000
"""Instructions of one document, about a second: a 10 000 row table needs about a million."""

_TAG = re.compile(r"\{[{%]")
_CAUSE = re.compile(r"caused by: (?P<message>.*) \(in (?P<file>.*):(?P<line>\d+)\)$", re.MULTILINE)


def render_text(task: RenderTask, template: Template) -> Rendering:
    """The document as UTF-8. Raises RenderFailed with file, line and expression."""
    file = template.formats[task.format]
    text = _render(task, file)
    if task.format is Format.JSON:
        text = _pretty_json(text, file)
    elif task.format is Format.XML:
        _check_xml(text, file)
    return Rendering(text.encode())


def _render(task: RenderTask, file: str) -> str:
    import minijinja

    sources = {name: data.decode() for name, data in task.pack.files.items() if is_text(name)}
    context = template_context(task)
    locale = str(context["world"]["locale"])
    environment = _environment(sources, locale, file)
    try:
        return str(environment.render_template(file, **context))
    except minijinja.TemplateError as error:
        raise _template_failed(error, sources, file) from None
    except RefusedValue as refusal:
        where = _locate(sources, locale, file, context)
        raise RenderFailed(str(refusal), where=where, hint=refusal.hint) from None
    except (AttributeError, TypeError, ValueError) as error:
        where = _locate(sources, locale, file, context)
        hint = "Check the arguments of the call."
        raise RenderFailed(f"the call fails ({type(error).__name__})", where=where, hint=hint) from None


def _environment(sources: Mapping[str, str], locale: str, file: str) -> Any:
    import minijinja

    environment = minijinja.Environment(
        loader=sources.get,
        filters=locale_filters(locale),
        debug=False,
        fuel=FUEL,
        undefined_behavior="strict",
        auto_escape_callback=_escaping,
        finalizer=_finalizer(file),
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.remove_global("debug")
    return environment


def _escaping(name: str) -> str | bool:
    return "json" if name.endswith(".json.j2") else name.endswith((".html", ".svg", ".xml", ".xml.j2"))


def _finalizer(file: str) -> Callable[[Any], Any]:
    if file.endswith(".json.j2"):
        return _json_value
    return _xml_value if file.endswith(".xml.j2") else _printable


def _printable(value: Any) -> Any:
    if value is None:
        raise RefusedValue(*NULL_REFUSED)
    return _json_value(value)


def _json_value(value: Any) -> Any:
    if callable(value):
        raise RefusedValue(*METHOD_REFUSED)
    return value


def _xml_value(value: Any) -> Any:
    """Truth as XML Schema writes it, and a carriage return that a reader of XML would take for a line feed."""
    import minijinja

    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and "\r" in value:
        return minijinja.Markup(str(minijinja.escape(value)).replace("\r", "&#13;"))
    return _printable(value)


def _template_failed(error: Any, sources: Mapping[str, str], file: str) -> RenderFailed:
    causes = list(_CAUSE.finditer(str(error)))
    if causes:
        cause = causes[-1]
        where = _line(sources, cause["file"], int(cause["line"]))
        return RenderFailed(_worded(cause["message"], where), where=where, hint=_hint(cause["message"]))
    name, line = error.name or file, error.line or 0
    where = _line(sources, name, line)
    source = sources.get(name, "").encode()
    if error.range and source:
        start, end = error.range
        column = len(source[source.rfind(b"\n", 0, start) + 1 : start].decode()) + 1
        where = SourceLocation(name, line, column, source[start:end].decode()[:200])
    message = re.sub(r" \(in .*:\d+\)$", "", error.message)
    return RenderFailed(_worded(message, where), where=where, hint=_hint(error.message))


def _line(sources: Mapping[str, str], file: str, line: int) -> SourceLocation:
    lines = sources.get(file, "").split("\n")
    return SourceLocation(file, line, 0, lines[line - 1].strip()[:200] if 0 < line <= len(lines) else "")


def _worded(message: str, where: SourceLocation) -> str:
    if message.startswith("undefined value"):
        return f"`{where.expression}` is undefined" if where.column else "a value is undefined"
    return message


def _hint(message: str) -> str:
    if message.startswith("undefined value"):
        return "Check the name against the template's schema, or test it with `is defined`."
    if message.startswith("engine ran out of fuel"):
        return f"A template may execute {FUEL} instructions; a loop is too long."
    return ""


def _locate(sources: Mapping[str, str], locale: str, file: str, context: Mapping[str, Any]) -> SourceLocation:
    """Where the failure is: render again with a mark before every tag, and read the last mark passed."""
    places: list[tuple[str, int]] = []
    passed: list[tuple[str, int]] = []

    def mark(place: int) -> str:
        passed[:] = [places[place]]
        return ""

    marked: dict[str, str] = {}
    for name, source in sources.items():
        lines = source.split("\n")
        first = len(places)
        places += [(name, number) for number in range(1, len(lines) + 1)]
        marked[name] = "\n".join(_marked(line, place) for place, line in enumerate(lines, first))
    environment = _environment(marked, locale, file)
    environment.add_global("docugen_mark", mark)
    try:
        environment.render_template(file, **context)
    except Exception:  # noqa: BLE001 - it fails, that is the point; what it says is known already
        return _line(sources, *passed[0]) if passed else SourceLocation(file)
    return SourceLocation(file)


def _marked(line: str, place: int) -> str:
    return _TAG.sub(lambda tag: f"{{{{ docugen_mark({place}) }}}}{tag[0]}", line)


def _pretty_json(text: str, file: str) -> str:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(pairs)
        if len(seen) < len(pairs):
            names = [key for key, _ in pairs]
            twice = next(key for key in names if names.count(key) > 1)
            raise RenderFailed(f"the JSON has the key {twice!r} twice in one object", where=SourceLocation(file))
        return seen

    def refuse(constant: str) -> Any:
        raise RenderFailed(f"the JSON holds {constant}, which is not JSON", where=SourceLocation(file))

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise RenderFailed(
            f"the output is not JSON: {error.msg} at line {error.lineno} of the output",
            where=SourceLocation(file),
            hint="Write {{ value }} without quotes around it: values print as JSON. Look for a missing or extra comma.",
            details={"output_line": str(error.lineno), "output_column": str(error.colno)},
        ) from None
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _check_xml(text: str, file: str) -> None:
    try:
        check_characters(text)
        read_strictly(text.encode())
    except XmlProblem as problem:
        hint = "Close every element; keep the tags of {% if %} and {% for %} around whole elements."
        if "character" in str(problem):
            hint = "Remove it from the data, or from the words of the pack."
        raise RenderFailed(
            f"the output is not XML: {problem} at line {problem.line} of the output",
            where=SourceLocation(file),
            hint=hint,
            details={"output_line": str(problem.line), "output_column": str(problem.column)},
        ) from None
