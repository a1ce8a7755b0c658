"""The door for JSON text: what comes through has one meaning, in every language and for ever.

A bundle is hashed as RFC 8785 canonical JSON, so text that two parsers may read differently is refused here, with the path of
the offending field, instead of being read one way by chance (RFC 8259 section 4 and 6, RFC 7493 "I-JSON"):

    duplicate keys       parsers disagree on which one counts
    NaN, Infinity        not JSON; Python's reader would let them in
    beyond +-(2^53 - 1)  other languages read another number; write a string
    lone surrogates      have no UTF-8 form, hence no digest
    control characters   C0, C1 and U+007F, but for tab, line feed and carriage return: no format has a glyph for them, XML
                         cannot hold most of them, and a terminal that shows a CSV file obeys them
    noncharacters        U+FDD0 to U+FDEF and the last two of every plane, never characters: XML, and with it DOCX,
                         cannot hold U+FFFE and U+FFFF
    depth, bytes         bounded, so that no request can exhaust a stack or a heap

`normalised` then removes what the digest cannot see (key order, `1.0` against `1`): two requests with one digest must reach the
templates as one value.

Bidirectional controls (U+202A to U+202E, U+2066 to U+2069) come through: Arabic and Hebrew text with an account number or a
Latin name in it needs them, they have one meaning in every format, and a document's data is shown, never run.

Not in here: what the fields mean. That is `schema` and `validation`.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from docugen_core.domain.failure import Violation
from docugen_core.domain.json import JsonValue
from docugen_core.errors import InvalidRequest
from docugen_core.strict_json.findings import VIOLATIONS_MAX
from docugen_core.strict_json.places import Place, field_path, quoted

NUMBER_MAX = 2**53 - 1


def parse_json(text: bytes | str, *, source: str, bytes_max: int, depth_max: int, envelope_depth: int = 0) -> JsonValue:
    """The value of `text`, which is UTF-8 JSON of at most `bytes_max` bytes nested at most `depth_max` deep.

    envelope_depth: see `value_violations`.

    source: how the caller knows the text (`bundle.json`, `spec.data_json`); it begins the message. `[]` is 1 deep.
    Raises InvalidRequest with every violation found, paths relative to the text (`$` is the text itself); a syntax error
    names line and column, both from 1.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > bytes_max:
        # Not by how much: a reader may have stopped at the bound.
        hint = "make several bundles, or raise DOCUGEN_MAX_REQUEST_BYTES"
        raise _refused(source, [Violation("$", f"has more than {bytes_max} bytes", hint)])
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_int=_integer)
    except UnicodeDecodeError as error:
        hint = "save the text as UTF-8"
        raise _refused(source, [Violation("$", f"is not UTF-8 at byte {error.start + 1}", hint)]) from None
    except json.JSONDecodeError as error:
        raise _refused(source, [_syntax_violation(error)]) from None
    except RecursionError:
        raise _refused(source, [Violation("$", too_deep(depth_max), _FLATTEN)]) from None
    violations = value_violations(value, depth_max=depth_max, envelope_depth=envelope_depth)
    if violations:
        raise _refused(source, violations)
    return value  # type: ignore[no-any-return]


def value_violations(value: object, *, depth_max: int, envelope_depth: int = 0, place: Place = ()) -> list[Violation]:
    """Why `value` has no canonical form, holds control or noncharacters or is nested too deep.

    At most 100 violations, in the order of the value.

    For values that did not come through `parse_json` too: anything that is not JSON at all is named as well. Never goes
    deeper than `depth_max` (200 at most), so no value can exhaust the stack; below a place that is too deep nothing more is
    looked at.

    envelope_depth: levels that are allowed beyond `depth_max` and that no message counts: those of a request around its data.
    """
    levels_max = depth_max + envelope_depth
    if _is_flawless(value, levels_max):
        return []
    found = _own_violations(value, place, depth_left=levels_max, depth_max=depth_max)
    path = list(place)
    open_containers = [_children(value)] if levels_max > 0 else []
    while open_containers and len(found) < VIOLATIONS_MAX:
        part, node = next(open_containers[-1], _END)
        if part is None:
            open_containers.pop()
            if open_containers:
                path.pop()
            continue
        path.append(part)
        depth_left = levels_max - len(open_containers)
        found.extend(_own_violations(node, path, depth_left=depth_left, depth_max=depth_max))
        if isinstance(node, _CONTAINERS) and depth_left > 0:
            open_containers.append(_children(node))
        else:
            path.pop()
    return found[:VIOLATIONS_MAX]


def normalised(value: JsonValue) -> JsonValue:
    """A copy of `value` as a reader of its canonical form sees it: keys in RFC 8785 order, whole floats as integers.

    Equals `json.loads(canonical_json(value))` in value, type and order. Expects a value without `value_violations`.
    """
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, Mapping):
        plain = "".join(value).isascii()  # then every order is the same
        return {key: normalised(value[key]) for key in sorted(value, key=None if plain else utf16_order)}
    if isinstance(value, Sequence):
        return [normalised(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def too_deep(depth_max: int) -> str:
    """The description of every violation that says so."""
    return f"is nested more than {depth_max} levels deep"


def utf16_order(key: str) -> bytes:
    """The sort key of object keys in RFC 8785: by UTF-16 code unit, as JavaScript sorts."""
    return key.encode("utf-16-be")


_CONTAINERS = (dict, list, tuple, Mapping)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NONCHARACTER = re.compile(
    "[\ufdd0-\ufdef" + "".join(chr(n << 16 | 0xFFFE) + chr(n << 16 | 0xFFFF) for n in range(17)) + "]"
)
_TEXT = frozenset({str})
_FLATTEN = "flatten it, or raise DOCUGEN_MAX_DATA_DEPTH"
_SYNTAX_HINTS = {
    "'": "use double quotes",
    "/": "JSON has no comments, remove it",
    "#": "JSON has no comments, remove it",
    "\ufeff": "save the text as UTF-8 without a byte order mark",
    "\n": "write a line break inside a string as \\n",
    "\t": "write a tab inside a string as \\t",
}
_END: tuple[None, None] = (None, None)


class _DoubledKeys(dict[str, object]):
    """An object that named a key twice. The parser's hook does not know where it is, so the walk reports it."""

    doubled: tuple[str, ...] = ()


class _OutOfRange:
    """An integer too long to be worth converting (its conversion takes quadratic time). Reported by the walk."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    marked = _DoubledKeys(plain)
    times = Counter(key for key, _ in pairs)
    marked.doubled = tuple(key for key in plain if times[key] > 1)
    return marked


def _integer(digits: str) -> int | _OutOfRange:
    return int(digits) if len(digits) <= 17 else _OutOfRange()


def _is_flawless(value: object, depth_max: int) -> bool:
    """A quick yes for values in which the walk would find nothing; a no only says that the walk has to look.

    Level by level and by exact type, because every request goes through here: a subclass of dict marks doubled keys.
    """
    level: list[object] = [value]
    for depth_left in range(depth_max, -1, -1):
        texts: list[str] = []
        below: list[object] = []
        containers = False
        for node in level:
            kind = type(node)
            if kind is str:
                texts.append(node)  # type: ignore[arg-type]
            elif kind is dict:
                containers = True
                texts.extend(node)  # type: ignore[arg-type]
                below.extend(node.values())  # type: ignore[attr-defined]
            elif kind is list:
                containers = True
                below.extend(node)  # type: ignore[arg-type]
            elif kind is int or kind is float:
                if _number_problem(node) is not None:  # type: ignore[arg-type]
                    return False
            elif node is not None and kind is not bool:
                return False
        if (containers and depth_left <= 0) or not _are_flawless(texts):
            return False
        if not below:
            return True
        level = below
    return False


def _are_flawless(texts: Sequence[object]) -> bool:
    """Values and keys of one level; a key that is no text is a flaw."""
    if not _TEXT.issuperset(map(type, texts)):
        return False
    whole = "".join(texts)  # type: ignore[arg-type]
    return whole.isprintable() or all(_text_problem(text) is None for text in texts)  # type: ignore[arg-type]


def _children(node: object) -> Iterator[tuple[str | int | None, object]]:
    if isinstance(node, Mapping):
        return ((str(key), child) for key, child in node.items())
    return iter(enumerate(node)) if isinstance(node, list | tuple) else iter(())


def _own_violations(node: object, place: Sequence[str | int], *, depth_left: int, depth_max: int) -> list[Violation]:
    """What is wrong with `node` itself, its children not considered."""
    problem: tuple[str, str] | None = None
    if isinstance(node, str):
        problem = _text_problem(node)
    elif isinstance(node, int | float | _OutOfRange):
        problem = _number_problem(node)
    elif isinstance(node, _CONTAINERS):
        if depth_left <= 0:
            problem = (too_deep(depth_max), _FLATTEN)
        elif isinstance(node, Mapping):
            return _key_violations(tuple(place), node)
    elif node is not None:
        problem = (f"is a Python {type(node).__name__}, which JSON does not have", "")
    return [Violation(field_path(tuple(place)), *problem)] if problem else []


def _key_violations(place: Place, node: Mapping[object, object]) -> list[Violation]:
    doubled = node.doubled if isinstance(node, _DoubledKeys) else ()
    found = [Violation(field_path((*place, key)), "is written twice", "keep one of the two") for key in doubled]
    for key in node:
        if not isinstance(key, str):
            found.append(Violation(field_path(place), f"has a key that is a Python {type(key).__name__}, not a string"))
        elif problem := _text_problem(key):
            description, hint = problem
            found.append(Violation(field_path((*place, key)), f"its name {description}", hint))
    return found


def _number_problem(number: int | float | _OutOfRange) -> tuple[str, str] | None:
    if isinstance(number, float) and math.isnan(number):
        return "must be a number, and NaN is not one", "leave the field out"
    # A float beyond the bound is a whole number too: its canonical form has only digits and would be read back as an integer.
    if isinstance(number, _OutOfRange) or abs(number) > NUMBER_MAX:
        return (
            f"must be between -{NUMBER_MAX} and {NUMBER_MAX}, or other languages read another number",
            "write it as a string",
        )
    return None


def _text_problem(text: str) -> tuple[str, str] | None:
    if text.isprintable():  # most texts: neither controls nor surrogates nor noncharacters are printable
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair", "write whole characters"
    if control := _CONTROL.search(text):
        return f"holds the control character U+{ord(control[0]):04X}", "remove it"
    if found := _NONCHARACTER.search(text):
        return f"holds the noncharacter U+{ord(found[0]):04X}", "remove it: it is reserved and never a character"
    return None


def _syntax_violation(error: json.JSONDecodeError) -> Violation:
    before, unexpected = error.doc[: error.pos].rstrip()[-1:], error.doc[error.pos : error.pos + 1]
    after = error.doc[error.pos + 1 :].lstrip()[:1]
    what = f"unexpected {quoted(unexpected)}" if unexpected else "it ends too early"
    hint = _SYNTAX_HINTS.get(unexpected, "")
    if (unexpected in tuple("}]") and before == ",") or (unexpected == "," and after in tuple("}]")):
        hint = "remove the comma after the last item"
    elif error.msg.startswith("Unterminated string"):
        hint = "close the string that begins here"
    elif error.msg == "Extra data":
        hint = "write one value only, remove what follows it"
    elif not hint and (unexpected.isalpha() or unexpected == "_"):
        hint = "put names and text in double quotes"
    return Violation("$", f"is not JSON at line {error.lineno}, column {error.colno}: {what}", hint)


def _refused(source: str, violations: Sequence[Violation]) -> InvalidRequest:
    first = InvalidRequest.from_violations(violations)
    return InvalidRequest(f"{source}: {first.message}", violations=violations, hint=first.hint)
