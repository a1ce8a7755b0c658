"""Paths into a template's data, and what a JSON Schema knows about them.

A path is a tuple of field names; the items of an array are `[]`: ("lines", "[]", "price") is written `lines[].price`.

A field is *known* where some subschema declares it, whatever its branch: `anyOf`, `oneOf`, `allOf`, `if`/`then`/`else` and
local `$ref`s are followed. JSON Schema lets an object have more fields than it declares; a template that reads one of those
reads nothing but a typing mistake, so here that is *unknown*. Where a schema says nothing about an object's fields, or says
outright that others may be there, everything below is *free*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

DataPath: TypeAlias = tuple[str, ...]

ITEM = "[]"
DECLARED_MAX = 2_000
DEPTH_MAX = 24


class Known(Enum):
    YES = "yes"
    NO = "no"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class DataRead:
    """A place where a template looks at its data.

    whole: it takes the value with everything in it, so that nobody can say which fields it looks at. guarded: it first looks
    whether the field is there, or has a default for it.
    """

    path: DataPath
    file: str
    line: int
    whole: bool = False
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class LabelRead:
    """A label that a template asks for. path: as written, or its fixed beginning where the rest is computed (`is_prefix`)."""

    path: str
    file: str
    line: int
    is_prefix: bool = False
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """A field as the schema declares it. place: where in the schema, as keys. required: whatever the branch."""

    path: DataPath
    place: tuple[str, ...]
    required: bool


def written(path: DataPath) -> str:
    """`lines[].price`; the data itself is `data`."""
    return ".".join(path).replace(f".{ITEM}", ITEM) or "data"


class SchemaPaths:
    """A schema, asked about paths."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._root = schema

    def knows(self, path: DataPath) -> tuple[Known, DataPath, tuple[str, ...]]:
        """Whether the schema knows `path`; if not, the first part of it that it does not, and the fields it has there."""
        nodes = self._expanded([(self._root, ())])
        for number, key in enumerate(path):
            below = self._below(nodes, key)
            if below is None:
                return Known.FREE, (), ()
            if not below:
                names = sorted({name for node, _ in nodes for name in node.get("properties", {})})
                return Known.NO, path[: number + 1], tuple(names)
            nodes = self._expanded(below)
        return Known.YES, (), ()

    def declared(self) -> tuple[DeclaredField, ...]:
        """Every field, parents before children, each once; at most 2000, and recursion is followed once."""
        found: dict[DataPath, DeclaredField] = {}
        waiting: list[tuple[DataPath, list[_Node]]] = [((), [(self._root, ())])]
        while waiting and len(found) < DECLARED_MAX:
            path, nodes = waiting.pop(0)
            nodes = self._expanded(nodes)
            required = {name for node, _ in nodes for name in node.get("required", ())}
            children: dict[str, list[_Node]] = {}
            for node, place in nodes:
                for name, child in node.get("properties", {}).items():
                    children.setdefault(name, []).append((child, (*place, "properties", name)))
                if isinstance(node.get("items"), Mapping):
                    children.setdefault(ITEM, []).append((node["items"], (*place, "items")))
            for name, below in children.items():
                child_path = (*path, name)
                if name != ITEM:
                    found.setdefault(child_path, DeclaredField(child_path, below[0][1], name in required))
                if len(child_path) < DEPTH_MAX and not _recurs(below, nodes):
                    waiting.append(
                        (child_path, [(child, place) for child, place in below if isinstance(child, Mapping)])
                    )
        return tuple(found.values())

    def _below(self, nodes: list[_Node], key: str) -> list[_Node] | None:
        """The subschemas for `key`: none where it is unknown, None where the schema does not say."""
        below: list[_Node] = []
        is_open = all(not _speaks_of(node, key) for node, _ in nodes)
        for node, place in nodes:
            if key == ITEM:
                items = node.get("items", node.get("additionalItems"))
                below += [(items, (*place, "items"))] if isinstance(items, Mapping) else []
                prefix = node.get("prefixItems", ())
                below += [(item, (*place, "prefixItems", str(n))) for n, item in enumerate(prefix)]
                continue
            if key in node.get("properties", {}):
                below.append((node["properties"][key], (*place, "properties", key)))
            for pattern, child in node.get("patternProperties", {}).items():
                if _matches(pattern, key):
                    below.append((child, (*place, "patternProperties", pattern)))
            more = node.get("additionalProperties")
            if more is True:
                is_open = True
            elif isinstance(more, Mapping) and key not in node.get("properties", {}):
                below.append((more, (*place, "additionalProperties")))
        plain: list[_Node] = [(child, place) for child, place in below if isinstance(child, Mapping)]
        if is_open and not plain:
            return None
        return plain or ([({}, ())] if below else [])

    def _expanded(self, nodes: list[_Node]) -> list[_Node]:
        """`nodes` and everything that holds for the same value: references and branches."""
        seen: set[int] = set()
        found: list[_Node] = []
        waiting = list(nodes)
        while waiting:
            node, place = waiting.pop(0)
            if id(node) in seen or not isinstance(node, Mapping):
                continue
            seen.add(id(node))
            found.append((node, place))
            reference = node.get("$ref")
            if isinstance(reference, str) and (target := self._target(reference)) is not None:
                waiting.append(target)
            for word in ("allOf", "anyOf", "oneOf"):
                waiting += [(branch, (*place, word, str(n))) for n, branch in enumerate(node.get(word, ()))]
            waiting += [(node[word], (*place, word)) for word in ("if", "then", "else") if word in node]
        return found

    def _target(self, reference: str) -> _Node | None:
        if not reference.startswith("#"):
            return None
        place = tuple(key.replace("~1", "/").replace("~0", "~") for key in reference[1:].split("/")[1:])
        node: Any = self._root
        for key in place:
            node = node.get(key) if isinstance(node, Mapping) else None
        return (node, place) if isinstance(node, Mapping) else None


_Node: TypeAlias = tuple[Any, tuple[str, ...]]
"""A subschema (an object, or true or false) and its place in the schema."""


def _speaks_of(node: Mapping[str, Any], key: str) -> bool:
    words = ("items", "prefixItems") if key == ITEM else ("properties", "patternProperties", "additionalProperties")
    return any(word in node for word in words)


def _matches(pattern: str, key: str) -> bool:
    try:
        return re.search(pattern, key) is not None
    except re.error:  # ECMA 262 allows what Python does not; then it may match
        return True


def _recurs(below: list[_Node], nodes: list[_Node]) -> bool:
    above = {id(node) for node, _ in nodes}
    return all(id(child) in above for child, _ in below)


def lines_of_keys(text: str) -> dict[tuple[str, ...], int]:
    """The line of every key and item of a JSON text, by its place: ("properties", "total") -> 12. Of a text that is JSON."""
    found: dict[tuple[str, ...], int] = {}
    place: list[str] = []
    kinds: list[str] = []
    for mark, line, is_key in _json_tokens(text):
        if mark in "{[" and not is_key:
            _note(found, place, kinds, line)
            kinds.append(mark)
            place.append("0" if mark == "[" else "")
        elif mark in ("}", "]") and not is_key:
            kinds.pop()
            place.pop()
        elif mark == "," and not is_key:
            if kinds[-1] == "[":
                place[-1] = str(int(place[-1]) + 1)
        elif is_key:
            place[-1] = mark
            found[tuple(place)] = line
        else:
            _note(found, place, kinds, line)
    return found


def _note(found: dict[tuple[str, ...], int], place: list[str], kinds: list[str], line: int) -> None:
    if kinds and kinds[-1] == "[":
        found.setdefault(tuple(place), line)


_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|[{}\[\],]|[^\s{}\[\],:"]+')


def _json_tokens(text: str) -> Iterator[tuple[str, int, bool]]:
    """(token, line, whether it is a key); strings that are values come as `"`."""
    line, last = 1, 0
    for found in _TOKEN.finditer(text):
        line += text.count("\n", last, found.start())
        last = found.start()
        if found[0].startswith('"'):
            yield (found[1], line, True) if found[2] else ('"', line, False)
        else:
            yield found[0], line, False
