"""`docugen keys`: keys that sign manifests (see `docugen verify --key`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from docugen.cli.failures import wrong_input
from docugen.cli.options import json_option
from docugen.cli.output import emit

PUBLIC_SUFFIX = ".pub.pem"


@click.group()
def keys() -> None:
    """Make and look at keys that sign manifests."""


@keys.command()
@click.option("--out", metavar="FILE", default="docugen-signing.pem", show_default=True, help="The private key.")
@json_option
def new(out: str, as_json: bool) -> None:
    """Make an Ed25519 key: the private one for DOCUGEN_SIGNING_KEY_FILE, the public one for whoever verifies.

    The private key is readable by you alone. Nothing is ever overwritten.

    \b
    --json: {key_id, private_key, public_key}
    """
    from docugen_core.adapters.manifest_signing import ManifestSigner

    private = Path(out)
    public = private.with_name(private.name.removesuffix(".pem") + PUBLIC_SUFFIX)
    signer = ManifestSigner.new()
    try:
        signer.write(private, public)
    except FileExistsError as error:
        raise wrong_input(
            f"{error.filename}: there is a file already",
            reason="FILE_EXISTS",
            hint="Name another file with --out: a key that is lost cannot be made again.",
        ) from error
    document = {"key_id": signer.key_id, "private_key": str(private), "public_key": str(public)}
    emit(document, _new_view, as_json=as_json)


@keys.command()
@click.argument("key", metavar="PUBLIC_KEY")
@json_option
def show(key: str, as_json: bool) -> None:
    """Show the id of PUBLIC_KEY, as signatures name it.

    \b
    --json: {key_id}
    """
    from docugen_core.adapters.manifest_signing import PublicKey

    emit({"key_id": PublicKey.load(Path(key)).key_id}, lambda document: str(document["key_id"]), as_json=as_json)


def _new_view(document: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"private key  {document['private_key']}  (keep it: DOCUGEN_SIGNING_KEY_FILE={document['private_key']})",
            f"public key   {document['public_key']}  (hand it out: docugen verify RUN --key {document['public_key']})",
            f"key id       {document['key_id']}",
        ]
    )
