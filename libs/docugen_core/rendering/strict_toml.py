"""Reading our own TOML files strictly: every key is asked for by name and type, every other key is a mistake.

A misspelt `header_lable` that is silently ignored is found by the customer. `tomllib` keeps no positions, so the line of a
key is looked up in the text: the first `key =` after the heading of its table.

All mistakes of a file are found at once: a key that is absent or wrong is noted, reads as "", 0, false or an empty table, and
the reader goes on. Each key is complained of once, so nothing is said of what follows from a mistake.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property, partial
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")

_NAMES: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    dict: "a table",
    list: "an array",
}


class TomlProblem(ValueError):
    """What is wrong with a TOML file. line: from 1, or 0 when unknown. The caller knows the file's name and adds it."""

    def __init__(self, message: str, *, line: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.hint = hint


class TomlProblems(ValueError):
    """All that is wrong with a TOML file, in the order of its lines; never empty."""

    def __init__(self, problems: Sequence[TomlProblem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(problem.message for problem in self.problems))


def read_toml(data: bytes, read: Callable[[TomlTable], T]) -> T:
    """What `read` makes of the file. Raises TomlProblems with every mistake that was found, also in keys nobody asked for.

    `read` may raise TomlProblem where it cannot go on.
    """
    found: list[TomlProblem] = []
    try:
        top = _parse(data, found)
        result = read(top)
        top.finish()
    except TomlProblem as problem:
        found.append(problem)
    if found:
        raise TomlProblems(found)
    return result


def _parse(data: bytes, found: list[TomlProblem]) -> TomlTable:
    try:
        text = data.decode()
        raw = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise TomlProblem("is not UTF-8 text", line=data[: error.start].count(b"\n") + 1) from None
    except tomllib.TOMLDecodeError as error:
        at = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        raise TomlProblem(f"is not TOML: {str(error).partition(' (at ')[0]}", line=line) from None
    return TomlTable(raw, text.split("\n"), found)


class TomlTable:
    """One table. Ask for each key, then call `finish()`: it refuses the keys nobody asked for.

    found: where its mistakes go. heading: looks for the line of its heading, which few want to know.
    """

    def __init__(
        self,
        raw: Mapping[str, Any],
        lines: Sequence[str],
        found: list[TomlProblem],
        name: str = "",
        heading: Callable[[], int] = lambda: 1,
    ) -> None:
        self._raw = raw
        self._lines = lines
        self._found = found
        self._name = name
        self._heading = heading
        self._asked: dict[str, None] = {}
        self._refused: set[str] = set()

    @cached_property
    def line(self) -> int:
        """The line of its heading, from 1."""
        return self._heading()

    def text(self, key: str, default: str | None = None) -> str:
        """A text; required unless `default` is given. A required text is never empty."""
        value = self._get(key, str, default)
        if not value and default is None:
            self.refuse(key, f"{self._path(key)} must not be empty")
        return value

    def flag(self, key: str, default: bool) -> bool:
        return self._get(key, bool, default)

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number within low..high, both included."""
        value = self._get(key, int, default)
        if isinstance(value, bool) or not low <= value <= high:
            self.refuse(key, f"{self._path(key)} must be a whole number from {low} to {high}")
            return default
        return value

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """An array of texts."""
        values = self._get(key, list, list(default))
        if not all(isinstance(value, str) for value in values):
            self.refuse(key, f"{self._path(key)} must be an array of texts")
            return default
        return tuple(values)

    def table(self, key: str, *, required: bool = False) -> TomlTable:
        """A sub-table; an empty one where it is absent and not required."""
        raw = self._get(key, dict, None if required else {})
        # Of a table that is not there, only that is said, not that each of its keys is absent as well.
        found = [] if key in self._refused else self._found
        return TomlTable(raw, self._lines, found, self._path(key), partial(self._heading_of, key))

    def tables(self, key: str) -> Iterator[TomlTable]:
        """The tables of an array of tables (`[[key]]`), none where it is absent."""
        values = self._get(key, list, [])
        for index, raw in enumerate(values):
            if not isinstance(raw, dict):
                self.refuse(key, f"{self._path(key)}[{index}] must be a table")
            else:
                heading = partial(self._heading_of, key, index)
                yield TomlTable(raw, self._lines, self._found, f"{self._path(key)}[{index}]", heading)

    def names(self) -> tuple[str, ...]:
        return tuple(self._raw)

    def has(self, key: str) -> bool:
        return key in self._raw

    def is_table(self, key: str) -> bool:
        return isinstance(self._raw.get(key), dict)

    def finish(self) -> None:
        """Refuse every key that nobody asked for, each with the nearest known one."""
        for key in self._raw:
            if key not in self._asked:
                near = get_close_matches(key, list(self._asked), n=1)
                known = f"Known keys: {', '.join(self._asked)}."
                hint = f"Did you mean {near[0]!r}? {known}" if near else known
                self.refuse(key, f"unknown key {self._path(key)!r}", hint)

    def refuse(self, key: str, message: str, hint: str = "") -> None:
        """Note a mistake in `key`, with its line; the first one of each key."""
        if key not in self._refused:
            self._refused.add(key)
            self._found.append(TomlProblem(message, line=self._line_of(key), hint=hint))

    def _get(self, key: str, kind: type[T], default: T | None) -> T:
        self._asked[key] = None
        if key not in self._raw:
            if default is None:
                self.refuse(key, f"{self._path(key)} is missing")
                return kind()
            return default
        value = self._raw[key]
        if not isinstance(value, kind):
            self.refuse(key, f"{self._path(key)} must be {_NAMES[kind]}")
            return kind() if default is None else default
        return value

    def _path(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def _line_of(self, key: str) -> int:
        pattern = re.compile(rf"""\s*(\[+\s*([\w.-]+\.)?)?["']?{re.escape(key)}["']?\s*[=\].]""")
        return self._search(pattern, 0, self.line) or self.line

    def _heading_of(self, key: str, index: int = 0) -> int:
        pattern = re.compile(rf"\s*\[+\s*([\w.-]+\.)?{re.escape(key)}\s*\]+|\s*{re.escape(key)}\s*=")
        return self._search(pattern, index, self.line) or self._line_of(key)

    def _search(self, pattern: re.Pattern[str], skip: int, first: int) -> int:
        found = (number for number, line in enumerate(self._lines, 1) if number >= first and pattern.match(line))
        return next(islice(found, skip, None), 0)
