"""Options that mean the same wherever they appear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")

quiet_option = click.option("--quiet", "-q", is_flag=True, help="Show no progress on stderr.")

CA_FILE, TOKEN_FILE = "docugen.ca_file", "docugen.token_file"
"""Where the root context keeps what the user said of the server; `remote` reads it."""

F = TypeVar("F", bound=Callable[..., Any])


def server_option(command: F) -> F:
    """`--server`, and how to get in there: `--ca-file` and `--token-file`, which reach `remote` past the command."""
    for option in (_token_file_option, _ca_file_option, _server_option):
        command = option(command)
    return command


def _note(place: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def note(context: click.Context, _: click.Parameter, value: str | None) -> None:
        if value is not None:
            context.find_root().meta[place] = value

    return note


_server_option = click.option(
    "--server", metavar="HOST:PORT", default=None, help="The scheduler to talk to.  [default: DOCUGEN_GRPC_ADDRESS]"
)
_ca_file_option = click.option(
    "--ca-file",
    metavar="FILE",
    default=None,
    expose_value=False,
    callback=_note(CA_FILE),
    help="Speak TLS, and trust this CA (PEM).  [default: DOCUGEN_CA_FILE]",
)
_token_file_option = click.option(
    "--token-file",
    metavar="FILE",
    default=None,
    expose_value=False,
    callback=_note(TOKEN_FILE),
    help="Show the token in this file.  [default: DOCUGEN_TOKEN_FILE]",
)

seed_option = click.option("--seed", default=None, help="Use this seed instead of the bundle's.")

date_option = click.option(
    "--date",
    "document_date",
    metavar="YYYY-MM-DD",
    default=None,
    help="Use this document date instead of the bundle's.",
)

bundle_argument = click.argument("bundle", metavar="BUNDLE")
"""A bundle file, or `-` for standard input."""
