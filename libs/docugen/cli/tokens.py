"""`docugen tokens`: bearer tokens for DOCUGEN_AUTH_TOKENS_FILE. No server is asked; who may write the file decides."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import click

from docugen.cli.failures import wrong_input
from docugen.cli.options import json_option
from docugen.cli.output import emit
from docugen.cli.times import PointInTime

ROLES = ("submit", "read", "operate")


@click.group()
def tokens() -> None:
    """Make tokens that let callers in."""


@tokens.command()
@click.option("--tenant", required=True, help="Whose runs the token reaches.")
@click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    multiple=True,
    required=True,
    help="What it may do; may be repeated. operate also reaches the runs of all tenants.",
)
@click.option("--name", default=None, help="What the log calls it.  [default: TENANT-ROLES]")
@click.option("--expires", metavar="TIME", type=PointInTime(), default=None, help="Until when it is good, as in +90d.")
@click.option("--file", metavar="FILE", default=None, help="Add the entry to this file, made if need be (mode 0600).")
@json_option
def new(
    tenant: str, roles: tuple[str, ...], name: str | None, expires: dt.datetime | None, file: str | None, as_json: bool
) -> None:
    """Make a token, and show it this once: nothing keeps it but whoever gets it.

    What the server keeps is its SHA-256, in an entry for DOCUGEN_AUTH_TOKENS_FILE. The server reads that file again when it
    changes; take an entry out and its token is void.

    \b
    --json: {token, name, tenant, roles, expires, sha256, entry, file}
    """
    from docugen_core.adapters.token_file import TokenEntry, entry_problems, new_token, token_digest
    from docugen_core.domain.tenant import Caller, Role

    chosen = sorted(set(roles), key=ROLES.index)
    token = new_token()
    caller = Caller(tenant, frozenset(Role(role) for role in chosen), name or "-".join((tenant, *chosen)))
    entry = TokenEntry(token_digest(token), caller, int(expires.timestamp()) * 1_000 if expires else 0)
    if problems := entry_problems(entry):
        raise wrong_input("; ".join(problems), hint="See `docugen tokens new --help`.")
    if file:
        _append(Path(file), entry.to_toml())
    document = {
        "token": token,
        "name": caller.name,
        "tenant": tenant,
        "roles": chosen,
        "expires": expires.isoformat() if expires else None,
        "sha256": entry.sha256,
        "entry": entry.to_toml(),
        "file": file,
    }
    emit(document, _new_view, as_json=as_json)


def _append(file: Path, entry: str) -> None:
    """The entry at the end of the file, in one write: a server that reads meanwhile sees all of it or none."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "ab") as opened:
        opened.write((("\n" if opened.tell() else "") + entry).encode())


def _new_view(document: dict[str, Any]) -> str:
    where = f"added to {document['file']}:" if document["file"] else "for DOCUGEN_AUTH_TOKENS_FILE:"
    return f"token  {document['token']}  (shown this once)\n\n{where}\n\n{document['entry']}".rstrip()
