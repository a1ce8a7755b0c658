"""What Redis lets each service do: ACL rules, read off the scripts so that they never lag behind.

    scheduler   submits, asks, operates; gives no leases and settles nothing
    worker      takes, renews, settles, keeps house; submits nothing

Commands inside a script are checked too, and so are its keys. A role has its queue's keys and the commands of its scripts,
nothing else: no FLUSHALL, no KEYS, no CONFIG, no other queue. As both run scripts, a rule cannot tell one script from
another that needs no more commands; it is a wall around the queue, not within it.

    ACL SETUSER docugen-worker on >PASSWORD <acl_rule("worker", keys)>
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from docugen_core.adapters.keys import QueueKeys
from docugen_core.adapters.scripts import Script, load_scripts

ROLES: Mapping[str, tuple[str, ...]] = {
    "scheduler": (
        *("submit", "get_runs", "list_runs", "read_events", "cancel", "retry", "erase"),
        *("stats", "survey", "demand", "pause", "resume", "drain", "redrive", "drop"),
    ),
    "worker": (
        *("take", "beat", "progress", "settle", "release", "recover"),
        *("announce", "leave", "stats", "audit", "sweep", "prune", "expire"),
    ),
}
"""The scripts of each role."""

PLAIN_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "scheduler": ("evalsha", "eval", "ping", "info", "xread", "xrange", "xrevrange", "hgetall"),
    "worker": ("evalsha", "eval", "ping", "info", "blpop"),
}
"""What a role sends besides: INFO for the check at start, PING to keep a connection, XREAD or BLPOP to wait."""

_CONTAINERS = {"XINFO", "XGROUP"}
_COMMAND = re.compile(r"(?:redis\.p?call\(|read = \{ )'([A-Z]+)'(?:, '([A-Z]+)')?")


def acl_rule(role: str, keys: QueueKeys, scripts: Mapping[str, Script] | None = None) -> str:
    """The rule of a role for one queue, for ACL SETUSER after name and password. Raises KeyError for a role that is none."""
    known = scripts or load_scripts()
    commands = set(PLAIN_COMMANDS[role])
    for name in ROLES[role]:
        commands |= _commands(known[name].source)
    allowed = " ".join(f"+{command}" for command in sorted(commands))
    return f"resetkeys resetchannels ~{{{keys.name}}}:* -@all {allowed}"


def _commands(source: str) -> set[str]:
    """The commands that a script may send, its prelude's included, as ACL rules write them."""
    found = _COMMAND.findall(source)
    return {f"{name}|{sub}".lower() if name in _CONTAINERS else name.lower() for name, sub in found}
