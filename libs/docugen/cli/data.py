"""`docugen data`: what a PDF was made of, as a bundle that makes it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from docugen.cli.failures import wrong_input
from docugen.cli.output import say


@click.command()
@click.argument("file", metavar="PDF", type=click.Path(dir_okay=False, path_type=Path))
def data(file: Path) -> None:
    """Print the bundle that renders PDF again, from the data inside it.

    The PDF's template must embed its data ([templates.pdf] embed_data). With the same pack and engine, `docugen render` of the
    result gives the same bytes, unless other files were attached: those are artefacts of their own.
    """
    say(json.dumps(_bundle(file.name, _inside(file)), ensure_ascii=False, indent=2))


def _inside(file: Path) -> dict[str, Any]:
    import pikepdf
    from docugen_core.rendering.pdf_attachments import DATA_FILE, DATA_SCHEMA, embedded_files

    try:
        found = embedded_files(file.read_bytes()).get(DATA_FILE)
    except OSError as error:
        raise wrong_input(f"{file}: {error.strerror}", reason="FILE_NOT_USABLE", hint="Name a PDF.") from None
    except pikepdf.PdfError:
        raise wrong_input(
            f"{file}: is no PDF", reason="FILE_NOT_USABLE", hint="Name a PDF that DocuGen made."
        ) from None
    if found is None:
        hint = "Its template needs `embed_data = true` under [templates.pdf] in pack.toml."
        raise wrong_input(f"{file}: holds no {DATA_FILE}", reason="FILE_NOT_USABLE", hint=hint)
    inside = _read(found)
    if inside is None or inside.get("schema") != DATA_SCHEMA:
        hint = "Another program wrote it, or a newer DocuGen."
        raise wrong_input(
            f"{file}: its {DATA_FILE} is not of the form {DATA_SCHEMA}", reason="FILE_NOT_USABLE", hint=hint
        )
    return inside


def _read(text: bytes) -> dict[str, Any] | None:
    """A JSON object with all that a bundle is made of, else None."""
    try:
        inside = json.loads(text)
    except ValueError:
        return None
    whole = isinstance(inside, dict) and inside.keys() >= _PARTS and isinstance(inside["template"], dict)
    return inside if whole and inside["template"].keys() >= _TEMPLATE else None


_PARTS = {"schema", "template", "data", "locale", "time_zone", "document_date", "specimen"}
_TEMPLATE = {"pack", "template", "version"}


def _bundle(name: str, inside: dict[str, Any]) -> dict[str, Any]:
    template = inside["template"]
    reference = f"{template['pack']}/{template['template']}@{template['version']}"
    bundle: dict[str, Any] = {
        "documents": [{"name": name, "format": "pdf", "template": reference, "data": inside["data"]}],
        "locale": inside["locale"],
        "time_zone": inside["time_zone"],
    }
    if inside["document_date"]:
        bundle["document_date"] = inside["document_date"]
    return bundle | ({"specimen": True} if inside["specimen"] else {})
