"""Which data a MiniJinja source looks at: `data.a.b`, `data["a"]`, loop variables and `set`, in the order of the source.

MiniJinja says itself which names a source uses without making them (`undeclared_names`), so a name that no template gets is
found for certain. It does not follow loops or say lines; that is read from the tags in here. Not seen: fields whose names
are computed, what macros do with their arguments, and what filters make of a list before a field of its items is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from docugen_core.authoring.data_paths import ITEM, DataPath, DataRead, LabelRead

_TAG = re.compile(r"\{#.*?#\}|\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}|\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_NAME = re.compile(r"(?<![\w.\"'])[A-Za-z_]\w*")
_STEP = re.compile(r"\s*\.\s*([A-Za-z_]\w*)(\s*\()?|\s*\[\s*(?:\"([^\"]*)\"|'([^']*)'|-?(\d+))\s*\]")
_FILTER = re.compile(r"\s*\|\s*([A-Za-z_]\w*)(\s*\([^()]*\))?")
_KEEPS_ITEMS = frozenset({"sort", "reverse", "list", "unique", "selectattr", "rejectattr", "select", "reject"})
_FOR = re.compile(r"-?\s*for\s+([\w\s,]+?)\s+in\s+(.*)", re.DOTALL)
_SET = re.compile(r"-?\s*set\s+([A-Za-z_]\w*)\s*=\s*(.*)", re.DOTALL)
_INCLUDED = re.compile(r"-?\s*(?:include|import|extends|from)\s+[\"']([^\"']+)[\"']")
_GIVEN = frozenset({"data", "world", "labels"})


@dataclass(frozen=True, slots=True)
class TextReads:
    """files: of the pack, that the source includes. labels: paths into `labels`."""

    data: tuple[DataRead, ...]
    labels: tuple[LabelRead, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Chain:
    root: str
    path: DataPath
    end: int
    whole: bool
    guarded: bool
    items_follow: bool


def text_reads(source: bytes, file: str, pack_files: Mapping[str, bytes]) -> TextReads:
    """What the MiniJinja source `file` with the content `source` reads."""
    reader = _Reader(source.decode(), file)
    reader.read()
    return TextReads(
        tuple(reader.data), tuple(reader.labels), tuple(f for f in dict.fromkeys(reader.files) if f in pack_files)
    )


def undeclared_names(source: bytes, file: str) -> list[tuple[str, int]]:
    """Names the source uses that it neither makes nor gets, with a line of each, sorted; none if it does not parse."""
    import minijinja

    text = source.decode()
    try:
        names = minijinja.Environment(loader=lambda _: "").undeclared_variables_in_str(text, nested=False)
    except minijinja.TemplateError:  # rendering it says where and why
        return []
    builtins = set(minijinja.Environment().globals) | {"range", "dict", "namespace", "loop", "self", "super", "caller"}
    found = []
    for name in sorted(names - _GIVEN - builtins):
        place = re.search(rf"(?<![\w.]){re.escape(name)}\b", text)
        found.append((name, text.count("\n", 0, place.start()) + 1 if place else 0))
    return found


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.data: list[DataRead] = []
        self.labels: list[LabelRead] = []
        self.files: list[str] = []
        self._text = text
        self._file = file
        self._names: list[dict[str, tuple[str, DataPath] | None]] = [{name: (name, ()) for name in ("data", "labels")}]

    def read(self) -> None:
        for tag in _TAG.finditer(self._text):
            if tag[1] is not None:
                self._expression(tag[1], tag.start(1))
            elif tag[2] is not None:
                self._statement(tag[2], tag.start(2))

    def _statement(self, text: str, start: int) -> None:
        word = re.match(r"-?\s*(\w+)", text)
        keyword = word[1] if word else ""
        if included := _INCLUDED.match(text):
            self.files.append(included[1])
        elif (loop := _FOR.match(text)) is not None:
            self._for(loop, start)
        elif (made := _SET.match(text)) is not None:
            chain = self._expression(made[2], start + made.start(2), bound=True)
            self._names[-1][made[1]] = (chain.root, chain.path) if chain else None
        elif keyword in ("macro", "with", "call"):
            self._names.append(dict.fromkeys(re.findall(r"\w+", text)[1:]))
        elif keyword in ("endfor", "endmacro", "endwith", "endcall"):
            if len(self._names) > 1:
                self._names.pop()
        else:
            begin = word.end() if word else 0
            self._expression(text[begin:], start + begin)

    def _for(self, loop: re.Match[str], start: int) -> None:
        chain = self._expression(loop[2], start + loop.start(2), bound=True)
        names = [name.strip() for name in loop[1].split(",")]
        bound: dict[str, tuple[str, DataPath] | None] = dict.fromkeys([*names, "loop"])
        if chain is not None and len(names) == 1 and chain.items_follow:
            bound[names[0]] = (chain.root, (*chain.path, ITEM))
        elif chain is not None:
            self._note(_Chain(chain.root, chain.path, 0, True, chain.guarded, False), start)
        self._names.append(bound)

    def _expression(self, text: str, start: int, *, bound: bool = False) -> _Chain | None:
        """Note every chain in `text`. bound: a name is given to the whole expression; returned is the chain it stands for."""
        blank = _STRING.sub(lambda found: found[0][0] + " " * (len(found[0]) - 2) + found[0][-1], text)
        position, first = 0, None
        while found := _NAME.search(blank, position):
            position = found.end()
            chain = self._chain(text, blank, found)
            if chain is None:
                continue
            position = chain.end
            alone = bound and not blank[: found.start()].strip() and not blank[chain.end :].strip(" \t\n-")
            if alone:
                first = chain
            looked = self._looked_for(text, blank, found.start())
            if looked is not None:
                self._note(_Chain(chain.root, (*chain.path, looked), 0, False, True, False), start + found.start())
            else:
                whole = chain.whole and not alone
                self._note(_Chain(chain.root, chain.path, 0, whole, chain.guarded, False), start + found.start())
        return first

    def _looked_for(self, text: str, blank: str, position: int) -> str | None:
        """The key of `"key" in data`."""
        found = re.search(r"([\"'])\s*\1\s+(?:not\s+)?in\s+$", blank[:position])
        return text[found.start() + 1 : text.index(found[1], found.start() + 1)] if found else None

    def _chain(self, text: str, blank: str, found: re.Match[str]) -> _Chain | None:
        bound = next((names[found[0]] for names in reversed(self._names) if found[0] in names), None)
        if bound is None:
            return None
        root, path = bound
        position = found.end()
        while step := _STEP.match(text, position):
            if step[2]:
                return _Chain(root, path, step.end(), True, False, False)
            key = step[1] or step[3] or step[4]
            path = (*path, key if key is not None else ITEM)
            position = step.end()
        tested = re.compile(r"\s+is\s+(?:not\s+)?(?:defined|undefined)\b").match(blank, position)
        if tested:
            return _Chain(root, path, tested.end(), False, True, False)
        whole, guarded, items_follow = True, False, True
        end = position
        while piped := _FILTER.match(blank, end):
            guarded = guarded or piped[1] in ("default", "d")
            whole = whole and piped[1] not in ("length", "count")
            items_follow = items_follow and piped[1] in _KEEPS_ITEMS
            end = piped.end(1)
            if piped[2] and items_follow:
                end = piped.end()
            elif piped[2]:
                break
        return _Chain(root, path, end, whole, guarded, items_follow)

    def _note(self, chain: _Chain, position: int) -> None:
        line = self._text.count("\n", 0, position) + 1
        if chain.root == "data":
            self.data.append(DataRead(chain.path, self._file, line, chain.whole, chain.guarded))
        elif chain.path:
            self.labels.append(LabelRead(".".join(chain.path), self._file, line, False, chain.guarded))
        elif chain.whole:
            self.labels.append(LabelRead("", self._file, line, is_prefix=True))
