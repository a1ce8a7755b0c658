"""Options that mean the same wherever they appear."""

from __future__ import annotations

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")

quiet_option = click.option("--quiet", "-q", is_flag=True, help="Show no progress on stderr.")

server_option = click.option(
    "--server", metavar="HOST:PORT", default=None, help="The scheduler to talk to.  [default: DOCUGEN_GRPC_ADDRESS]"
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
