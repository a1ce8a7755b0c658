"""`docugen templates new`: a pack that renders at once, to change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from docugen_core.authoring.scaffold import KINDS, new_pack

from docugen.cli.options import json_option
from docugen.cli.output import emit


@click.command()
@click.argument("name")
@click.option("--out", metavar="DIR", default=".", show_default=True, help="Folder to put the pack's folder into.")
@click.option(
    "--kind", type=click.Choice(list(KINDS)), default="letter", show_default=True, help="What to begin with; see below."
)
@json_option
def new(name: str, out: str, kind: str, as_json: bool) -> None:
    """Begin a template pack NAME: schema, sample, labels in two languages, templates, README. It renders as it is.

    \b
    letter  a letter as PDF
    table   a list with a total as PDF, XLSX and CSV
    web     a notice as HTML, Markdown and text

    A folder that exists is left alone (exit code 2).

    \b
    --json: {pack, version, path, files: [path within the pack]}
    """
    pack = new_pack(name, kind, Path(out))
    document = {
        "pack": pack.name,
        "version": pack.version,
        "path": str(Path(out) / name),
        "files": sorted(pack.files),
    }
    emit(document, _view, as_json=as_json)


def _view(document: dict[str, Any]) -> str:
    path = document["path"]
    return "\n".join(
        [
            f"{document['pack']}@{document['version']}  {path}  ({len(document['files'])} files)",
            f"look at it:  docugen templates preview {path}",
            f"check it:    docugen templates lint {path}",
        ]
    )
