"""The Lua scripts of the queue: read, bound to their headers, called by keyword.

A script's header is its contract and is parsed:

    -- FLAGS    allow-oom | no-writes | none     the shebang; only what adds work may be refused by a full Redis
    -- KEYS     names of keys.KEY_NAMES          bound to DUE, RUN, RUNS, ... and LANE, a table of the four
    -- ARGV     name:type ... group(name:type ...)*   type text, bytes or int; a group, at most one, comes last and repeats
    -- RETURNS  for people

What Redis gets is: shebang, bindings made from the header, now(), the blocks of _prelude.lua that the script uses, the script.
Redis makes every function of a script anew in every call, used or not. A scalar argument is a Lua local of its name; a group is
an iterator: `for run, entry in jobs() do`. A wrong, missing or ill-typed argument is a TypeError in `call`.

EVALSHA, not FUNCTION: functions are state of the server, and a rolling deploy has two versions of them. A script that Redis
does not know (restart, failover) is sent whole by EVAL, which also loads it. No pipelines: a batch is one call with many in
its group. (One exception: a worker's wait, `RedisConnection.run_after`.)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any, Protocol

from redis.exceptions import NoScriptError

from docugen_core.adapters.keys import KEY_NAMES, LANES, QueueKeys

LUA = Path(__file__).parent / "lua"
GROUP_ITEMS_MAX = 1_000
SERVER_CLOCK = """
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
"""

_FLAGS = {"none", "allow-oom", "no-writes"}
_DEFINED = re.compile(r"^local (?:function )?(\w+(?:, \w+)*)", re.MULTILINE)
_PARAMETER = re.compile(r"(\w+):(text|bytes|int)")
_ARGV = re.compile(rf"((?:{_PARAMETER.pattern}\s*)*)(?:(\w+)\(((?:{_PARAMETER.pattern}\s*)+)\)\*)?")


class ScriptClient(Protocol):
    """What a script needs of a client of redis.asyncio, standalone or cluster."""

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Call:
    """A script with its keys and arguments, ready to send."""

    script: Script
    keys: tuple[str, ...]
    arguments: tuple[str | bytes | int, ...]

    async def run(self, client: ScriptClient) -> Any:
        """The script's reply. Raises what the client raises; a script that Redis does not know is loaded on the way."""
        try:
            return await client.execute_command(*self.command())
        except NoScriptError:
            tail = (len(self.keys), *self.keys, *self.arguments)
            return await client.execute_command("EVAL", self.script.source, *tail)

    def command(self) -> tuple[str | bytes | int, ...]:
        """EVALSHA with all that belongs to it, for a server that knows the script."""
        return ("EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.arguments)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name:type of a header."""

    name: str
    type: str

    def checked(self, value: object, where: str) -> str | bytes | int:
        if self.type == "int" and isinstance(value, int) and not isinstance(value, bool):
            return value
        if self.type == "text" and isinstance(value, str):
            return value
        if self.type == "bytes" and isinstance(value, bytes | str):
            return value
        raise TypeError(f"{where}: {self.name} takes {self.type}, not {type(value).__name__}")

    def lua(self, argument: str) -> str:
        return f"tonumber({argument})" if self.type == "int" else argument


@dataclass(frozen=True, slots=True)
class Script:
    """One atomic step. group: the name of the repeating group, empty for none; items: its parameters. takes: all arguments."""

    name: str
    summary: str
    flags: str
    keys: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    group: str
    items: tuple[Parameter, ...]
    takes: frozenset[str]
    source: str
    sha: str

    def call(self, keys: QueueKeys, **arguments: object) -> Call:
        """Check and order the arguments. The group takes an iterable of tuples in the header's order, 1000 at most.

        Raises TypeError for a missing, unknown or ill-typed argument; ValueError for too many items.
        """
        if wrong := self.takes ^ arguments.keys():
            raise TypeError(f"{self.name}.lua takes {sorted(self.takes)}; missing or unknown: {sorted(wrong)}")
        flat = [p.checked(arguments[p.name], f"{self.name}.lua") for p in self.parameters]
        if self.group:
            flat += self._items(arguments[self.group])
        return Call(self, _named(keys, self.keys), tuple(flat))

    def _items(self, rows: object) -> Iterator[str | bytes | int]:
        where = f"{self.name}.lua, {self.group}"
        if not isinstance(rows, Iterable) or isinstance(rows, str | bytes):
            raise TypeError(f"{where} takes an iterable of tuples")
        checked: set[tuple[type, ...]] = set()
        for number, row in enumerate(rows, 1):
            if number > GROUP_ITEMS_MAX:
                raise ValueError(f"{where} takes {GROUP_ITEMS_MAX} items at most in one call")
            if not isinstance(row, tuple) or len(row) != len(self.items):
                raise TypeError(f"{where} takes tuples of {[p.name for p in self.items]}")
            kinds = tuple(map(type, row))
            if kinds not in checked:  # rows of one call look alike: one of each look is checked
                for parameter, value in zip(self.items, row, strict=True):
                    parameter.checked(value, where)
                checked.add(kinds)
            yield from row


@lru_cache(maxsize=256)
def _named(keys: QueueKeys, names: tuple[str, ...]) -> tuple[str, ...]:
    """A queue's keys of these names: the same for every call of a script, so they are put together once."""
    return tuple(key for name in names for key in keys.named(name))


def load_scripts(folder: Path = LUA, clock: str = SERVER_CLOCK) -> Mapping[str, Script]:
    """Every script of `folder` by name. clock: Lua that defines now() in milliseconds; tests give one they can set.

    Raises ValueError for a header that cannot be read.
    """
    prelude = (clock + (folder / "_prelude.lua").read_text()).split("\n\n")
    paths = sorted(p for p in folder.glob("*.lua") if not p.name.startswith("_"))
    return {path.stem: _parse(path.stem, path.read_text(), prelude) for path in paths}


def _parse(name: str, text: str, prelude: Sequence[str]) -> Script:
    comment = list(_leading_comment(text))
    summary = comment[0].removeprefix(f"{name}:").strip() if comment else ""
    section = {word: rest.strip() for word, _, rest in (line.partition(" ") for line in comment) if word.isupper()}
    missing = {"FLAGS", "KEYS", "RETURNS"} - section.keys()
    if missing or not comment[0].startswith(f"{name}:") or not any(c.startswith("Why ") for c in comment):
        raise ValueError(f"{name}.lua: the header lacks its first line, a 'Why' or {sorted(missing)}")
    keys = tuple(section["KEYS"].split())
    argv = _ARGV.fullmatch(section.get("ARGV", ""))
    if section["FLAGS"] not in _FLAGS or not set(keys) <= set(KEY_NAMES) or argv is None:
        raise ValueError(f"{name}.lua: FLAGS, KEYS or ARGV cannot be read")
    parameters = tuple(Parameter(*p) for p in _PARAMETER.findall(argv[1]))
    group, items = argv[4] or "", tuple(Parameter(*p) for p in _PARAMETER.findall(argv[5] or ""))
    shebang = "#!lua" + (f" flags={section['FLAGS']}" if section["FLAGS"] != "none" else "")
    bindings = "\n".join([*_bind_keys(keys), *_bind_arguments(parameters, group, items)])
    source = "\n".join([shebang, bindings, *_used(prelude, text), text])
    sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
    takes = frozenset(p.name for p in parameters) | ({group} if group else set())
    return Script(name, summary, section["FLAGS"], keys, parameters, group, items, takes, source, sha)


def _used(blocks: Sequence[str], text: str) -> list[str]:
    """The blocks that define a name which `text`, or a later block that is used, names; and those that define none."""
    used: list[str] = []
    words = _words(text)
    for block in reversed(blocks):  # what a block uses stands before it: Lua knows a local from there on
        names = {name for line in _DEFINED.findall(block) for name in line.replace(",", " ").split()}
        if not names or names & words:
            used.append(block)
            words |= _words(block)
    return used[::-1]


def _words(text: str) -> set[str]:
    """Every name in Lua source, comments aside."""
    return set(re.findall(r"\w+", re.sub(r"--.*", "", text)))


def _leading_comment(text: str) -> Iterator[str]:
    """The lines of the header without `--`; a line that is indented goes on with the one before."""
    lines = takewhile(lambda line: line.startswith("--"), text.splitlines())
    joined = re.sub(r"\n--\s{4,}", " ", "\n".join(lines))
    return (line.removeprefix("--").strip() for line in joined.splitlines())


def _bind_keys(keys: tuple[str, ...]) -> Iterator[str]:
    """Locals for every key name; the prelude may close over one that this script does not have, as nil."""
    position = 1
    for name in keys:
        if name == "lanes":
            pairs = ", ".join(f"{lane} = KEYS[{position + i}]" for i, lane in enumerate(LANES))
            yield f"local LANE = {{ {pairs} }}"
            position += len(LANES)
        else:
            yield f"local {name.upper()} = KEYS[{position}]"
            position += 1
    for name in KEY_NAMES:
        if name not in keys:
            yield f"local {'LANE' if name == 'lanes' else name.upper()}"


def _bind_arguments(parameters: tuple[Parameter, ...], group: str, items: tuple[Parameter, ...]) -> Iterator[str]:
    for number, parameter in enumerate(parameters, 1):
        yield f"local {parameter.name} = {parameter.lua(f'ARGV[{number}]')}"
    if group:
        values = ", ".join(p.lua(f"ARGV[at + {i}]") for i, p in enumerate(items, 1))
        yield f"""local function {group}()
  local at = {len(parameters) - len(items)}
  return function()
    at = at + {len(items)}
    if at < #ARGV then return {values} end
  end
end"""
