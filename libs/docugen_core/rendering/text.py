"""HTML, text, Markdown and JSON by MiniJinja.

Templates see `data`, `world`, `labels` and four filters, all of the document's locale: `number`, `money`, `percent`, `date`.

    {{ line.total | money("EUR") }}   {{ line.quantity | number }}  {{ x | number(2) }}   {{ data.issued | date("long") }}
    {{ line.vat_rate | percent }}     a rate is written in percent everywhere: "20" is 20 %

- An undefined variable is an error, and so is null outside JSON: write `{{ x | default("-", true) }}` where that is meant.
- HTML and JSON values are escaped by the file's name (`.html`, `.json.j2`): in JSON, `{{ x }}` is already a JSON value.
- Fuel bounds loops. Errors name file, line and expression and never print variables: they hold customer data.
- The value of an expression is never a Python object: `{{ data.items }}` for an absent key would print a memory address.

Python errors of filters carry no place, so `_locate` renders once more with marks; only ever after a failure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from docugen_core.domain.bundle import Format
from docugen_core.domain.failure import SourceLocation
from docugen_core.errors import RenderFailed
from docugen_core.rendering.inputs import template_context
from docugen_core.rendering.locale import (
    as_day,
    as_decimal,
    format_day,
    format_money,
    format_number,
    format_percent,
)
from docugen_core.rendering.packs import Template
from docugen_core.rendering.task import Rendering, RenderTask

FUEL = 50_000_000
"""Instructions of one document, about a second: a 10 000 row table needs about a million."""

_TAG = re.compile(r"\{[{%]")
_CAUSE = re.compile(r"caused by: (?P<message>.*) \(in (?P<file>.*):(?P<line>\d+)\)$", re.MULTILINE)


def render_text(task: RenderTask, template: Template) -> Rendering:
    """The document as UTF-8. Raises RenderFailed with file, line and expression."""
    file = template.formats[task.format]
    text = _render(task, file)
    return Rendering((_pretty_json(text, file) if task.format is Format.JSON else text).encode())


def _render(task: RenderTask, file: str) -> str:
    import minijinja

    sources = {name: data.decode() for name, data in task.pack.files.items()}
    context = template_context(task)
    locale = str(context["world"]["locale"])
    environment = _environment(sources, locale, file)
    try:
        return str(environment.render_template(file, **context))
    except minijinja.TemplateError as error:
        raise _template_failed(error, sources, file) from None
    except _Refused as refusal:
        where = _locate(sources, locale, file, context)
        raise RenderFailed(str(refusal), where=where, hint=refusal.hint) from None
    except (AttributeError, TypeError, ValueError) as error:
        where = _locate(sources, locale, file, context)
        hint = "Check the arguments of the call."
        raise RenderFailed(f"the call fails ({type(error).__name__})", where=where, hint=hint) from None


class _Refused(Exception):
    """A filter or the output refuses a value."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def _environment(sources: Mapping[str, str], locale: str, file: str) -> Any:
    import minijinja

    environment = minijinja.Environment(
        loader=sources.get,
        filters={name: partial(_filtered, name, function, locale) for name, function in _FILTERS.items()},
        debug=False,
        fuel=FUEL,
        undefined_behavior="strict",
        auto_escape_callback=_escaping,
        finalizer=_json_value if _escaping(file) == "json" else _printable,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.remove_global("debug")
    return environment


def _escaping(name: str) -> str | bool:
    return "json" if name.endswith(".json.j2") else name.endswith((".html", ".svg", ".xml"))


def _printable(value: Any) -> Any:
    if value is None:
        raise _Refused("the value is null", 'Write `| default("...", true)` where null is meant to print as something.')
    return _json_value(value)


def _json_value(value: Any) -> Any:
    if callable(value):
        raise _Refused("the value is a method, not data", "The key is absent: check its name.")
    return value


def _money(value: Any, locale: str, currency: str) -> str:
    return format_money(as_decimal(value), currency, locale)


def _number(value: Any, locale: str, decimals: int | None = None) -> str:
    return format_number(as_decimal(value), locale, decimals)


def _percent(value: Any, locale: str, decimals: int | None = None) -> str:
    return format_percent(as_decimal(value), locale, decimals)


def _date(value: Any, locale: str, style: str = "medium") -> str:
    return format_day(as_day(value), locale, style)


_FILTERS: dict[str, Callable[..., str]] = {"money": _money, "number": _number, "percent": _percent, "date": _date}
_USAGE = {
    "money": '{{ amount | money("EUR") }}',
    "number": "{{ x | number }} or {{ x | number(2) }}",
    "percent": "{{ rate | percent }} or {{ rate | percent(1) }}, where 20 is 20 %",
    "date": '{{ day | date }} or {{ day | date("long") }}',
}


def _filtered(name: str, function: Callable[..., str], locale: str, value: Any, *arguments: Any) -> str:
    try:
        return function(value, locale, *arguments)
    except (ValueError, TypeError) as error:
        problem = str(error) if isinstance(error, ValueError) else "has the wrong arguments"
        raise _Refused(f"filter {name}: {problem}", f"Use it as {_USAGE[name]}.") from None


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
