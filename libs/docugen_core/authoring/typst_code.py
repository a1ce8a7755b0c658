"""A Typst source with everything blanked out that is no code: comments, raw text, the text of markup, the inside of strings.

What is left stands where it stood, so positions and lines stay true, and brackets and names can be looked for without finding
them in prose. Source: the syntax chapter of Typst's reference. Not a parser: `typst_reads` says what that costs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

NESTING_MAX = 150

_WORD = re.compile(r"[A-Za-z_][\w-]*")
_STATEMENTS = frozenset({"let", "set", "show", "import", "include", "if", "for", "while", "context", "return"})
_ENDS_OPEN = re.compile(r"([-+*/=,<>(]|\band|\bor|\bnot|\bin)\s*$")


@dataclass(frozen=True, slots=True)
class TypstCode:
    """text: as written. code: the same length, with what is no code as spaces. closing: of each opening bracket, its partner.
    strings: (start, end) of each string, quotes included; `code` has the quotes and spaces between them."""

    text: str
    code: str
    closing: dict[int, int]
    strings: tuple[tuple[int, int], ...]

    def line(self, position: int) -> int:
        return self.text.count("\n", 0, position) + 1

    def string_at(self, position: int) -> str | None:
        """The content of the string that begins at `position` (a quote), or None where there is none."""
        for start, end in self.strings:
            if start == position:
                return self.text[start + 1 : end - 1]
        return None

    def scope_end(self, position: int) -> int:
        """Where the innermost bracket around `position` closes."""
        around = [end for start, end in self.closing.items() if start < position < end]
        return min(around, default=len(self.code))


def read_typst(text: str) -> TypstCode:
    """`text`, scanned. Of nonsense it makes what it can, and never fails."""
    scan = _Scan(text)
    scan.markup(0, top=True)
    code = "".join(c if scan.kept[n] or c == "\n" else " " for n, c in enumerate(text))
    return TypstCode(text, code, scan.closing, tuple(scan.strings))


@dataclass(slots=True)
class _Scan:
    text: str
    kept: bytearray = field(init=False)
    closing: dict[int, int] = field(default_factory=dict)
    strings: list[tuple[int, int]] = field(default_factory=list)
    depth: int = 0

    def __post_init__(self) -> None:
        self.kept = bytearray(len(self.text))

    def markup(self, i: int, *, top: bool = False) -> int:
        """From inside a content block to the bracket that closes it (its position), or to the end."""
        text = self.text
        while i < len(text):
            after = self._skipped(i, in_markup=True)
            if after > i:
                i = after
            elif text[i] == "\\":
                i += 2
            elif text[i] == "]" and not top:
                return i
            elif text[i] == "[":
                i = self._group(i, "]")
            elif text[i] == "#":
                i = self._hash(i + 1)
            else:
                i += 1
        return i

    def code(self, i: int, end: str) -> int:
        """From inside a bracket to the `end` that closes it (its position); `end` empty: to the end of the statement."""
        text = self.text
        while i < len(text):
            after = self._skipped(i, in_markup=False)
            if after > i:
                i = after
                continue
            c = text[i]
            if end and c == end:
                return i
            if not end and (c in ";)]}" or (c == "\n" and not self._goes_on(i))):
                return i
            if c == '"':
                i = self._string(i)
            elif c in "([{":
                i = self._group(i, {"(": ")", "[": "]", "{": "}"}[c])
            else:
                self.kept[i] = 1
                i += 1
        return i

    def _hash(self, i: int) -> int:
        """Code that begins with `#` in markup."""
        text = self.text
        word = _WORD.match(text, i)
        if word and word[0] in _STATEMENTS:
            return self.code(i, "")
        if word:
            self._keep(i, word.end())
            i = word.end()
        elif i < len(text) and text[i] == '"':
            return self._string(i)
        elif not (i < len(text) and text[i] in "({["):
            return i
        while i < len(text):
            field_name = re.compile(r"\.[A-Za-z_][\w-]*").match(text, i)
            if field_name:
                self._keep(i, field_name.end())
                i = field_name.end()
            elif text[i] in "([{":
                brace = text[i] == "{"
                i = self._group(i, {"(": ")", "[": "]", "{": "}"}[text[i]])
                if brace:
                    return i
            else:
                return i
        return i

    def _group(self, i: int, end: str) -> int:
        if self.depth >= NESTING_MAX:
            return i + 1
        self.depth += 1
        self.kept[i] = 1
        close = self.markup(i + 1) if end == "]" else self.code(i + 1, end)
        self.depth -= 1
        if close < len(self.text):
            self.kept[close] = 1
        self.closing[i] = close
        return close + 1

    def _string(self, i: int) -> int:
        end = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL).match(self.text, i)
        if end is None:
            return i + 1
        self.strings.append((i, end.end()))
        self.kept[i] = self.kept[end.end() - 1] = 1
        return end.end()

    def _skipped(self, i: int, *, in_markup: bool) -> int:
        """The position after a comment or raw text that begins at `i`, else `i`."""
        text = self.text
        if text.startswith("//", i) and not (in_markup and text[i - 1 : i] == ":"):
            return self._until("\n", i)
        if text.startswith("/*", i):
            return self._until("*/", i + 2) + 2
        ticks = re.compile(r"`{3,}|`").match(text, i)
        return self._until(ticks[0], ticks.end()) + len(ticks[0]) if ticks else i

    def _until(self, mark: str, i: int) -> int:
        found = self.text.find(mark, i)
        return len(self.text) if found < 0 else found

    def _goes_on(self, i: int) -> bool:
        """Whether a statement outlives the line that ends at `i`."""
        begin = self.text.rfind("\n", 0, i) + 1
        return bool(_ENDS_OPEN.search(self.text[begin:i]) or re.match(r"\s*else\b", self.text[i:]))

    def _keep(self, start: int, end: int) -> None:
        for n in range(start, min(end, len(self.kept))):
            self.kept[n] = 1
