"""Bearer tokens: who a caller is, by a file of digests. The tokens themselves are nowhere but with their callers.

    [[token]]
    name = "billing"                       for the log; one name, one token
    tenant = "acme"
    roles = ["submit", "read"]             submit, read, operate
    sha256 = "9f86d081884c7d65..."         of the token
    expires = 2027-01-01T00:00:00Z         may be left out

A token is 256 random bits, so a plain SHA-256 is as hard to turn around as the token is to guess; no salt, no stretching. Every
digest in the file is compared, in constant time, whether one matched or not.

A change of the file holds from the next second on, without a restart: a new token is let in, one that was taken out is not. A
file that cannot be read then leaves things as they were, with an error in the log. Calls that were let in go on.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import os
import re
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from docugen_core.adapters.private_files import read_file, signature, unusable
from docugen_core.domain.tenant import Caller, Role, is_tenant
from docugen_core.errors import ConfigurationError, NotAuthenticated

SETTING = "DOCUGEN_AUTH_TOKENS_FILE"
TOKEN_PREFIX = "dgt_"  # noqa: S105 - so that scanners of repositories and logs recognise one
TOKENS_MAX = 1_000
LOOK_EVERY_S = 1.0

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FIELDS = frozenset({"name", "tenant", "roles", "sha256", "expires"})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """One token of the file. expires_ms: milliseconds since the epoch; 0 for never."""

    sha256: str
    caller: Caller
    expires_ms: int = 0

    def to_toml(self) -> str:
        """The lines for the file."""
        roles = ", ".join(f'"{role.value}"' for role in sorted(self.caller.roles, key=lambda role: role.value))
        lines = [
            "[[token]]",
            f'name = "{self.caller.name}"',
            f'tenant = "{self.caller.tenant}"',
            f"roles = [{roles}]",
            f'sha256 = "{self.sha256}"',
        ]
        if self.expires_ms:
            expires = dt.datetime.fromtimestamp(self.expires_ms / 1_000, dt.UTC)
            lines.append(f"expires = {expires:%Y-%m-%dT%H:%M:%SZ}")
        return "\n".join(lines) + "\n"


def new_token() -> str:
    """A token that nobody had before."""
    return TOKEN_PREFIX + base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


def token_digest(token: str) -> str:
    """What the file keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class TokenFile:
    """The tokens in one file, always as the file has them. now_ms: the time, for those that expire.

    Making one raises ConfigurationError for a file that others may change or read, or that says something else.
    """

    def __init__(self, path: str, now_ms: Callable[[], int]) -> None:
        self._path = path
        self._now_ms = now_ms
        self._signature = signature(path)
        self._looked_s = time.monotonic()
        self._entries = read_entries(path)

    def caller(self, token: str) -> Caller:
        """Whose token it is. Raises NotAuthenticated (TOKEN_UNKNOWN, TOKEN_EXPIRED)."""
        self._look()
        digest = token_digest(token).encode()
        found: TokenEntry | None = None
        for entry in self._entries:
            if hmac.compare_digest(entry.sha256.encode(), digest):
                found = entry
        if found is None:
            raise NotAuthenticated(
                "the token is not known here", code="TOKEN_UNKNOWN", hint="Ask whoever operates the server for a token."
            )
        if found.expires_ms and found.expires_ms <= self._now_ms():
            raise NotAuthenticated(
                f"the token {found.caller.name!r} has expired",
                code="TOKEN_EXPIRED",
                hint="Ask whoever operates the server for a new one.",
                details={"token": found.caller.name},
            )
        return found.caller

    def _look(self) -> None:
        """Read the file again if it changed; at most once a second, and a bad one once."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        present = signature(self._path)
        if present == self._signature:
            return
        self._signature = present
        try:
            self._entries = read_entries(self._path)
        except ConfigurationError as error:
            log.error("auth_file_refused", error=error.message, hint=f"{error.hint} Until then all stays as it was.")
        else:
            log.info("auth_file_reloaded", entries=len(self._entries))


def read_entries(path: str) -> tuple[TokenEntry, ...]:
    """The tokens in the file. Raises ConfigurationError naming every wrong one."""
    data = read_file(path, SETTING, private=True)
    try:
        content = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise unusable(SETTING, path, f"is not TOML: {error}", "`docugen tokens new` prints entries for it.") from error
    raw = content.pop("token", [])
    if content or not isinstance(raw, list) or not raw or not all(isinstance(entry, dict) for entry in raw):
        raise unusable(SETTING, path, "holds [[token]] entries, at least one, and nothing else", "See the how-to.")
    if len(raw) > TOKENS_MAX:
        raise unusable(SETTING, path, f"holds {len(raw)} tokens, at most {TOKENS_MAX}", "Take old ones out.")
    wrong = [f"token {n}: {problem}" for n, entry in enumerate(raw, 1) for problem in _problems(entry)]
    wrong += _repeated(raw)
    if wrong:
        raise unusable(SETTING, path, "; ".join(wrong), "`docugen tokens new` prints entries for it.")
    return tuple(_entry(entry) for entry in raw)


def entry_problems(entry: TokenEntry) -> list[str]:
    """What would be wrong with `entry` in a file."""
    caller = entry.caller
    roles = [role.value for role in caller.roles]
    return _problems({"name": caller.name, "tenant": caller.tenant, "roles": roles, "sha256": entry.sha256})


def _problems(entry: dict[str, Any]) -> list[str]:
    problems = [f"there is no field {name!r}" for name in sorted(entry.keys() - _FIELDS)]
    name, tenant, roles, expires = (entry.get(field) for field in ("name", "tenant", "roles", "expires"))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problems.append("name must be 1 to 64 letters, digits, '.', '_', '-'")
    if not isinstance(tenant, str) or not is_tenant(tenant):
        problems.append("tenant must be 1 to 32 of a-z 0-9 -, not beginning with -")
    known = {role.value for role in Role}
    if not isinstance(roles, list) or not roles or not all(isinstance(r, str) and r in known for r in roles):
        problems.append(f"roles must be a list of {', '.join(role.value for role in Role)}")
    if not isinstance(digest := entry.get("sha256"), str) or not _DIGEST.fullmatch(digest):
        problems.append("sha256 must be 64 lower-case hex digits, the digest of the token and never the token itself")
    if expires is not None and (not isinstance(expires, dt.datetime) or expires.tzinfo is None):
        problems.append("expires must be a time with its zone, as 2027-01-01T00:00:00Z")
    return problems


def _repeated(entries: Sequence[dict[str, Any]]) -> list[str]:
    problems = []
    for field in ("name", "sha256"):
        values = [str(entry.get(field)) for entry in entries]
        problems += [
            f"two tokens have the {field} {value!r}" for value in sorted({v for v in values if values.count(v) > 1})
        ]
    return problems


def _entry(entry: dict[str, Any]) -> TokenEntry:
    expires = entry.get("expires")
    roles = frozenset(Role(role) for role in entry["roles"])
    caller = Caller(entry["tenant"], roles, entry["name"])
    return TokenEntry(entry["sha256"], caller, int(expires.timestamp() * 1_000) if expires else 0)
