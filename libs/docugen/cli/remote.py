"""Commands that talk to a server: which one, and its errors in the shape of `failures`. gRPC is not imported before this."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import click
from docugen_core import environment
from docugen_core.config import Settings

from docugen.cli.failures import DID_NOT_WORK, WRONG_INPUT, CommandFailed, Problem, wrong_input
from docugen.cli.options import CA_FILE, TOKEN_FILE
from docugen.client import Access, DocugenClient, DocugenClientError

R = TypeVar("R")

_WRONG_INPUT = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "OUT_OF_RANGE"})


def ask(server: str | None, question: Callable[[DocugenClient], Awaitable[R]]) -> R:
    """Open a client for `server` (default: DOCUGEN_GRPC_ADDRESS) and return what `question` makes of it.

    Raises CommandFailed.
    """

    async def answer() -> R:
        async with client_of(server) as client:
            return await question(client)

    try:
        return asyncio.run(answer())
    except DocugenClientError as error:
        raise CommandFailed(problem_of_answer(error)) from None


def client_of(server: str | None) -> DocugenClient:
    """A client for `server` (default: DOCUGEN_GRPC_ADDRESS) with the certificates and the token that the user has.

    Raises CommandFailed for a token file that cannot be read, ConfigurationError.
    """
    settings = environment.load()
    return DocugenClient(server or settings.grpc_address, access=_access(settings), trace=environment.callers_trace)


def _access(settings: Settings) -> Access:
    """Options before settings."""
    context = click.get_current_context(silent=True)
    given = context.find_root().meta if context else {}
    return Access(
        ca=given.get(CA_FILE) or settings.ca_file or None,
        cert=settings.client_cert or None,
        key=settings.client_key or None,
        server_name=settings.server_name,
        token=_token(given[TOKEN_FILE]) if TOKEN_FILE in given else settings.token,
        insecure=settings.insecure,
    )


def _token(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or "is not text"
        hint = "Name a file that holds the token and nothing else."
        raise wrong_input(f"{file}: {why}", reason="FILE_NOT_USABLE", hint=hint) from None


def problem_of_answer(error: DocugenClientError) -> Problem:
    """What a server answered, or did not."""
    return Problem(
        message=error.message,
        reason=error.reason,
        hint=error.hint,
        violations=[asdict(v) for v in error.violations],
        details=error.details,
        exit_code=WRONG_INPUT if error.status in _WRONG_INPUT else DID_NOT_WORK,
    )
