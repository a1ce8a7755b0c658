"""docs/reference/lua-scripts.md: the contracts of the queue's scripts, from the headers that the service itself parses.

python tools/reference_lua.py > docs/reference/lua-scripts.md
"""

from __future__ import annotations

import re
import sys
from itertools import takewhile

from docugen_core.adapters.scripts import LUA, Parameter, Script, load_scripts

INTRODUCTION = """\
# Lua scripts of the queue

Generated from the headers in `libs/docugen_core/adapters/lua` by `make docs-reference`. The service parses the same headers:
they bind the names in the scripts, and check every call.

One script is one atomic step of the protocol that [how the queue works](../explanation/queue-protocol.md) explains. Nothing
else writes to the queue's keys. Redis is asked by EVALSHA; each reply may be lost and each step sent again, so a script that
is run twice does what running it once does, or says that it is stale.

- **Flags**: `allow-oom` runs although Redis has no memory left, so that what drains goes on; `no-writes` only reads; `none` may
  be refused by a full Redis.
- **Keys**: `lanes` are the four streams high, normal, low and later; all keys of a queue share one hash slot.
- **Arguments**: name and type. A group in brackets repeats, at most 1000 times a call.
- Times are milliseconds of the clock of Redis, the only clock of the queue.
"""


def page() -> str:
    scripts = load_scripts()
    rows = [f"| [{name}](#{name}) | {script.summary} |" for name, script in scripts.items()]
    parts = [INTRODUCTION, "| Script | |\n|---|---|\n" + "\n".join(rows) + "\n", *map(_section, scripts.values())]
    return "\n".join(parts)


def _section(script: Script) -> str:
    header = _header(script.name)
    group = f"{script.group}({_named(script.items)})*" if script.group else ""
    arguments = " ".join(part for part in (_named(script.parameters), group) if part)
    facts = [
        f"- flags: `{script.flags}`",
        f"- keys: {', '.join(f'`{key}`' for key in script.keys)}",
        f"- arguments: {f'`{arguments}`' if arguments else 'none'}",
        f"- returns: {header['RETURNS']}",
    ]
    why = header["Why one script"]
    return f"## {script.name}\n\n{script.summary}\n\n" + "\n".join(facts) + f"\n\n*Why one script:* {why}\n"


def _named(parameters: tuple[Parameter, ...]) -> str:
    return " ".join(f"{p.name}:{p.type}" for p in parameters)


def _header(name: str) -> dict[str, str]:
    """RETURNS and the reason why it is one script, in one line each and safe in Markdown."""
    script = (LUA / f"{name}.lua").read_text(encoding="utf-8")
    lines = takewhile(lambda line: line.startswith("--"), script.splitlines())
    text = "\n".join(line.removeprefix("--").removeprefix(" ") for line in lines)
    found = re.search(r"^RETURNS\s+(?P<returns>.*?)\n\n(?P<why>Why .*)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise SystemExit(f"{name}.lua: no RETURNS or no 'Why one script' in its header")
    why = found["why"].partition(":")[2]
    return {"RETURNS": _line(found["returns"]), "Why one script": _line(why)}


def _line(text: str) -> str:
    return " ".join(text.split()).replace("*", "\\*").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(page())
