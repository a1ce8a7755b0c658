"""Callers of a scheduler that asks for tokens: `acme` and `birch`, who know nothing of each other, and `ops`, who operates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from docugen.client import Access, DocugenClient
from docugen_core.adapters.token_file import TokenEntry, new_token, token_digest
from docugen_core.domain.tenant import Caller, Role

ALL = tuple(Role)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A file of tokens, and those that were put into it."""

    file: Path

    @classmethod
    def new(cls, file: Path) -> Tokens:
        file.touch(0o600)
        return cls(file)

    def add(self, tenant: str, *roles: Role, name: str = "", expires_ms: int = 0) -> str:
        """A token that is in the file from now on."""
        token = new_token()
        caller = Caller(tenant, frozenset(roles), name or f"{tenant}-{len(self.file.read_text())}")
        entry = TokenEntry(token_digest(token), caller, expires_ms)
        with self.file.open("a") as opened:
            opened.write(entry.to_toml())
        return token


@dataclass(frozen=True, slots=True)
class Callers:
    """Clients of one scheduler."""

    acme: DocugenClient
    birch: DocugenClient
    ops: DocugenClient


@asynccontextmanager
async def callers(address: str, tokens: dict[str, str]) -> AsyncIterator[Callers]:
    """tokens: by tenant, for `acme`, `birch` and `ops`."""
    async with AsyncExitStack() as stack:
        opened = {
            tenant: await stack.enter_async_context(DocugenClient(address, access=Access(token=token), timeout=60))
            for tenant, token in tokens.items()
        }
        yield Callers(**opened)
