"""Jinja as a .docx template may use it: data and filters, nothing of Python.

Jinja's own sandbox keeps a template from the interpreter. What it leaves open is closed here, because bytes are promised and
values are customer data:

- chance: the filter `random` and the global `lipsum` are not there; only listed filters and globals are;
- Python's methods: a name after a dot is a key of the data (`data.items` is your `items`), never a method of a dict or a text;
- objects: only texts, numbers and truth print, and nothing can be had whose text is its memory address: filters give lists
  instead of generators;
- floods: `*` is for numbers and `**` is not there ("a" * 10**9 asks for a gigabyte in one step), `range` ends at 100 000;
- markup: every value is escaped, and there is no `safe`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.utils import Namespace

from docugen_core.rendering.filters import METHOD_REFUSED, NULL_REFUSED, RefusedValue

_FILTERS = (
    "abs batch capitalize count d default dictsort e escape first float groupby int items join last length list lower map max "
    "min reject rejectattr replace reverse round select selectattr slice sort string sum title trim truncate unique upper"
)
_PLAIN = (str, int, float, bool, list, tuple, dict, type(None))


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of one document. filters: those of its locale, beside Jinja's harmless ones."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, filters: Mapping[str, Callable[..., str]]) -> None:
        super().__init__(autoescape=True, undefined=StrictUndefined, finalize=_printable)
        self.filters = {name: _listing(self.filters[name]) for name in _FILTERS.split()} | dict(filters)
        self.globals = {"range": _Range(), "dict": dict, "namespace": Namespace}

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute) if isinstance(obj, _PLAIN) else super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if not isinstance(obj, _PLAIN):
            return super().getitem(obj, argument)
        data: Any = obj
        try:
            return data[argument]
        except (AttributeError, TypeError, LookupError):
            return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**":
            raise RefusedValue("the operator ** is not allowed", "Send the result in the data.")
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise RefusedValue(f"the operator {operator} is for numbers", "Join texts with ~.")
        return super().call_binop(context, operator, left, right)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        parsed = super()._parse(source, name, filename)
        for node in parsed.find_all(nodes.EvalContextModifier):
            raise TemplateSyntaxError("autoescape cannot be changed: values are always escaped", node.lineno, name)
        return parsed


class _Range:
    """`range` of at most 100 000 numbers, whose own text is its name."""

    def __call__(self, *bounds: int) -> range:
        return safe_range(*bounds)

    def __str__(self) -> str:
        return "range"


def _listing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter with a list in place of an iterator."""

    @wraps(function)
    def listing(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        return list(result) if isinstance(result, Iterator) else result

    return listing


def _printable(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Undefined | str | int | float):
        return value
    if value is None:
        raise RefusedValue(*NULL_REFUSED)
    if callable(value):
        raise RefusedValue(*METHOD_REFUSED)
    raise RefusedValue("the value is no text or number", 'Name one of its items, or write `| join(", ")`.')
