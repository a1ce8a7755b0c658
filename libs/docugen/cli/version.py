"""`docugen version`: what is installed, down to what decides bytes."""

from __future__ import annotations

import platform
from typing import Any

import click
from docugen_core import __version__
from docugen_core.rendering.engine import engine

from docugen.cli.options import json_option
from docugen.cli.output import emit


@click.command()
@json_option
def version(as_json: bool) -> None:
    """Show versions and the engine fingerprint. Equal fingerprints promise equal bytes.

    \b
    --json: {docugen, python, platform, engine: {fingerprint, components, fonts}}
    """
    document = {
        "docugen": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "engine": engine().to_json(),
    }
    emit(document, _view, as_json=as_json)


def _view(document: dict[str, Any]) -> str:
    engine_document = document["engine"]
    parts = {"python": document["python"], **engine_document["components"], "fonts": f"{len(engine_document['fonts'])}"}
    width = max(len(name) for name in parts)
    lines = [f"docugen {document['docugen']} ({document['platform']})", ""]
    # A component that is a file is named by its digest; twelve digits tell editions apart.
    lines += [f"  {name:<{width}}  {value[:12] if len(value) == 64 else value}" for name, value in parts.items()]
    return "\n".join([*lines, "", f"engine fingerprint {engine_document['fingerprint']}"])
