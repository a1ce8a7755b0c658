"""Commands that talk to a server: which one, and its errors in the shape of `failures`. gRPC is not imported before this."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TypeVar

from docugen_core import config

from docugen.cli.failures import DID_NOT_WORK, WRONG_INPUT, CommandFailed, Problem
from docugen.client import DocugenClient, DocugenClientError

R = TypeVar("R")

_WRONG_INPUT = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "OUT_OF_RANGE"})


def ask(server: str | None, question: Callable[[DocugenClient], Awaitable[R]]) -> R:
    """Open a client for `server` (default: DOCUGEN_GRPC_ADDRESS) and return what `question` makes of it.

    Raises CommandFailed.
    """
    address = server or config.load().grpc_address

    async def answer() -> R:
        async with DocugenClient(address) as client:
            return await question(client)

    try:
        return asyncio.run(answer())
    except DocugenClientError as error:
        raise CommandFailed(problem_of_answer(error)) from None


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
