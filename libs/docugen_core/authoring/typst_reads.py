"""Which data a Typst source looks at, as far as reading can tell.

Seen: `data.a.b`, `data.at("a")`, names that stand for a part of the data (`let x = data.a`, `for line in data.lines`,
`data.lines.map(line => ..)`, `let (a, b) = (data.a, data.b)`), and looks before use (`"notes" in data`, `.at(.., default:)`).

Not seen: what a function does with a value it is given (the value counts as taken whole, so no field of it is called unused and
none unknown), names of fields that are computed, and names that one source lends another. `trials` renders, and sees those.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from docugen_core.authoring.data_paths import ITEM, DataPath, DataRead, LabelRead
from docugen_core.authoring.typst_code import TypstCode, read_typst

_NAME = re.compile(r"(?:(?<![\w.-])|(?<=\.\.))[A-Za-z_][\w-]*")
_STEP = re.compile(r"\s*\.([A-Za-z_][\w-]*)(\(?)")
_SAME_ITEMS = frozenset({"filter", "sorted", "rev", "slice", "dedup"})
_ITEM_CALLS = frozenset({"map", "filter", "sorted", "enumerate", "find", "any", "all", "position", "fold"})
_LABEL = re.compile(r"(?<![\w.-])label\(\s*(\"?)")
_JSON_DATA = re.compile(r"(?<![\w.-])json\(\s*\"")


@dataclass(frozen=True, slots=True)
class TypstReads:
    """files: of the pack, that the source refers to."""

    data: tuple[DataRead, ...]
    labels: tuple[LabelRead, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Binding:
    """A name that stands for `path` (None: for something else) between two positions."""

    name: str
    path: DataPath | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Chain:
    """An expression that begins with a bound name. whole: its value is taken as it is; guarded: it has a default. inside: where
    to read on: in the parenthesis of its first call, else at its end."""

    path: DataPath
    end: int
    inside: int
    whole: bool = True
    guarded: bool = False
    enumerated: bool = False


def typst_reads(source: bytes, file: str, pack_files: Mapping[str, bytes]) -> TypstReads:
    """What the Typst source `file` with the content `source` reads."""
    reader = _Reader(read_typst(source.decode()), file)
    reader.read()
    return TypstReads(
        tuple(reader.reads),
        tuple(_labels(reader.code, file)),
        tuple(_files(reader.code, file, pack_files)),
    )


class _Reader:
    """One source, read from its beginning to its end: a name is bound before it is used."""

    def __init__(self, code: TypstCode, file: str) -> None:
        self.code = code
        self.reads: list[DataRead] = []
        self._file = file
        self._bindings = [_Binding("data", (), 0, len(code.code))]
        self._done_until = 0

    def read(self) -> None:
        text = self.code.code
        position = 0
        while found := _NAME.search(text, position):
            name, position = found[0], found.end()
            if name == "let":
                position = self._let(position)
            elif name == "for":
                position = self._for(position)
            elif (arrow := re.compile(r"\s*=>").match(text, position)) and self._path(name, found.start()) is not None:
                self._bind(name, None, arrow.end(), self.code.scope_end(arrow.end()))
            elif not re.compile(r"\s*:(?!=)").match(text, position):
                chain = self._chain(found.start())
                if chain is not None:
                    position = chain.inside
                    if not self._is_tested(chain, found.start()):
                        self._note(chain, found.start(), whole=chain.whole)
            for after in re.finditer(r'"(\s*)in\s+$', text[max(0, found.start() - 200) : found.start()]):
                self._look(found.start(), max(0, found.start() - 200) + after.start())

    def _is_tested(self, chain: _Chain, start: int) -> bool:
        """`"notes" in data`: `data` itself is not taken."""
        return chain.whole and re.search(r'"\s*in\s+$', self.code.code[max(0, start - 80) : start]) is not None

    def _look(self, start: int, closing_quote: int) -> None:
        chain = self._chain(start)
        for begin, end in self.code.strings:
            if end - 1 == closing_quote and chain is not None:
                key = self.code.text[begin + 1 : end - 1]
                line = self.code.line(start)
                self.reads.append(DataRead((*chain.path, key), self._file, line, guarded=True))

    def _let(self, position: int) -> int:
        """`let name = ..`, `let (a, b) = ..`, `let f(x) = ..`; returns where to read on."""
        text = self.code.code
        plain = re.compile(r"\s+([A-Za-z_][\w-]*)\s*=(?!=)\s*").match(text, position)
        if plain:
            chain = self._chain_at(plain.end())
            ends = chain is not None and re.compile(r"[ \t]*(\n|;|$|[)\]}])").match(text, chain.end)
            scope = self.code.scope_end(position)
            if chain is not None and ends:
                self._note(chain, plain.end(), whole=False)
                self._bind(plain[1], chain.path, chain.end, scope)
                return chain.inside
            if self._path(plain[1], position) is not None:
                self._bind(plain[1], None, plain.end(), scope)
            return plain.end()
        several = re.compile(r"\s*(\()").match(text, position)
        if several:
            return self._let_several(several.start(1))
        function = re.compile(r"\s+[A-Za-z_][\w-]*(\()").match(text, position)
        if function:
            self._parameters(function.start(1))
            return function.end()
        return position

    def _let_several(self, opening: int) -> int:
        text = self.code.code
        closing = self.code.closing.get(opening, len(text))
        names = [part.strip() for part in text[opening + 1 : closing].split(",")]
        values = re.compile(r"\s*=\s*(\()").match(text, closing + 1)
        scope = self.code.scope_end(opening)
        if not values:
            return closing
        last = closing
        for name, start in zip(names, self._parts(values.start(1)), strict=False):
            chain = self._chain_at(start)
            if chain is not None and re.compile(r"\s*[,)]").match(text, chain.end):
                self._note(chain, start, whole=False)
                self._bind(name, chain.path, values.end(), scope)
                last = max(last, chain.inside)
        return last

    def _parts(self, opening: int) -> list[int]:
        """Where the elements of a parenthesis begin."""
        text = self.code.code
        closing = self.code.closing.get(opening, len(text))
        starts, i = [opening + 1], opening + 1
        while i < closing:
            if i in self.code.closing:
                i = self.code.closing[i]
            elif text[i] == ",":
                starts.append(i + 1)
            i += 1
        return [start + len(text[start:closing]) - len(text[start:closing].lstrip()) for start in starts]

    def _for(self, position: int) -> int:
        """`for x in chain {..}` and `for (n, x) in chain.enumerate() [..]`."""
        text = self.code.code
        head = re.compile(r"\s+(?:([A-Za-z_][\w-]*)|(\())").match(text, position)
        if not head:
            return position
        closing = self.code.closing.get(head.start(2), position) if head[2] else head.end(1) - 1
        names = [n.strip() for n in text[head.start(2) + 1 : closing].split(",")] if head[2] else [head[1]]
        inside = re.compile(r"\s+in\s+").match(text, closing + 1)
        if not inside:
            return position
        chain = self._chain_at(inside.end())
        body = re.compile(r"\s*([\[{])").search(text, chain.end if chain else inside.end())
        start = body.start(1) if body else inside.end()
        end = self.code.closing.get(start, len(text))
        for name in names:
            self._bind(name, None, start, end)
        if chain is None:
            return inside.end()
        of_items = len(names) == 1 or chain.enumerated
        self._note(chain, inside.end(), whole=not of_items)
        if of_items:
            self._bind(names[-1], (*chain.path, ITEM), start, end)
        return chain.inside

    def _parameters(self, opening: int) -> None:
        """The parameters of a function hide names of the source, in its body and no further."""
        text = self.code.code
        closing = self.code.closing.get(opening, len(text))
        body = re.compile(r"\s*=\s*([({\[])").match(text, closing + 1)
        line_end = text.find("\n", closing)
        end = self.code.closing.get(body.start(1), len(text)) if body else line_end if line_end > 0 else len(text)
        for name in re.findall(r"[A-Za-z_][\w-]*", text[opening + 1 : closing]):
            self._bind(name, None, opening, end)

    def _chain_at(self, position: int) -> _Chain | None:
        found = _NAME.match(self.code.code, position)
        return self._chain(position) if found else None

    def _chain(self, start: int) -> _Chain | None:
        """The chain of fields and calls that begins with the name at `start`, if the name stands for data."""
        text = self.code.code
        loaded = _JSON_DATA.match(text, start)
        if loaded and self.code.string_at(loaded.end() - 1) in ("data.json", "/data.json"):
            path: DataPath | None = ()
            position = self.code.closing.get(text.index("(", start), len(text) - 1) + 1
        else:
            found = _NAME.match(text, start)
            path = self._path(found[0], start) if found else None
            position = found.end() if found else start
        if path is None:
            return None
        enumerated, inside = False, 0
        while step := _STEP.match(text, position):
            if not step[2]:
                path, position = (*path, step[1]), step.end()
                continue
            opening = step.end() - 1
            inside = inside or opening + 1
            closing = self.code.closing.get(opening, len(text) - 1)
            position = closing + 1
            if step[1] == "at":
                key = self.code.string_at(opening + 1)
                if key is None:
                    is_number = re.compile(r"\s*-?\d+\s*[,)]").match(text, opening + 1)
                    if not is_number:
                        return _Chain(path, position, inside)
                    path = (*path, ITEM)
                elif "default" in text[opening:closing]:
                    return _Chain((*path, key), position, inside, guarded=True)
                else:
                    path = (*path, key)
            elif step[1] in ("first", "last"):
                path = (*path, ITEM)
            elif step[1] in _ITEM_CALLS or step[1] in _SAME_ITEMS:
                taken = self._closure(step[1], (*path, ITEM), opening, closing)
                enumerated = step[1] == "enumerate" or (enumerated and step[1] in _SAME_ITEMS)
                if step[1] not in _SAME_ITEMS and step[1] != "enumerate":
                    return _Chain(path, position, inside, whole=taken)
            else:
                return _Chain(path, position, inside, whole=step[1] != "len")
        return _Chain(path, position, inside or position, enumerated=enumerated)

    def _closure(self, call: str, item: DataPath, opening: int, closing: int) -> bool:
        """Bind the parameter of `x => ..`, and say whether items go to a function that is not seen."""
        arrow = re.compile(r"(?:\s*key:)?\s*(?:([A-Za-z_][\w-]*)|\(([^()]*)\))\s*=>").match(self.code.code, opening + 1)
        if arrow is None:
            return call in ("map", "fold")
        if arrow[1]:
            self._bind(arrow[1], item, arrow.end(), closing)
        else:
            for name in re.findall(r"[A-Za-z_][\w-]*", arrow[2]):
                self._bind(name, None, arrow.end(), closing)
        return bool(arrow[2])

    def _note(self, chain: _Chain, start: int, *, whole: bool) -> None:
        line = self.code.line(start)
        self.reads.append(DataRead(chain.path, self._file, line, whole=whole, guarded=chain.guarded))

    def _bind(self, name: str, path: DataPath | None, start: int, end: int) -> None:
        self._bindings.append(_Binding(name, path, start, end))

    def _path(self, name: str, position: int) -> DataPath | None:
        for binding in reversed(self._bindings):
            if binding.name == name and binding.start <= position <= binding.end:
                return binding.path
        return None


def _labels(code: TypstCode, file: str) -> list[LabelRead]:
    found = []
    for call in _LABEL.finditer(code.code):
        line = code.line(call.start())
        text = code.string_at(call.end() - 1) if call[1] else None
        if text is None:
            # label("x" + name) has a beginning; of label(name) nothing is known.
            found.append(LabelRead("", file, line, is_prefix=True))
            continue
        opening = code.code.index("(", call.start())
        arguments = code.code[call.end() + len(text) + 1 : code.closing.get(opening, len(code.code))]
        guarded = "default" in arguments
        found.append(LabelRead(text, file, line, arguments.lstrip().startswith("+"), guarded))
    return found


def _files(code: TypstCode, file: str, pack_files: Mapping[str, bytes]) -> list[str]:
    """Files of the pack that a string of the source names, from the source's own folder or from the pack's."""
    folder = posixpath.dirname(file)
    found = []
    for start, end in code.strings:
        text = code.text[start + 1 : end - 1]
        names = (posixpath.normpath(posixpath.join(folder, text)), text.lstrip("/"))
        found += [name for name in names if name in pack_files and name != file]
    return list(dict.fromkeys(found))
