"""`docugen generators`: the makers of synthetic data that are installed."""

from __future__ import annotations

from typing import Any

import click
from docugen_core.generators.registry import GeneratorRegistry

from docugen.cli.options import json_option
from docugen.cli.output import emit, table


@click.command()
@json_option
def generators(as_json: bool) -> None:
    """List the generators of synthetic data that are installed here.

    \b
    --json: {generators: [{name, version, description, params_schema}]}
    """
    registry = GeneratorRegistry.load()
    found = [registry.get(name) for name in registry.names()]
    document = {
        "generators": [
            {"name": g.name, "version": g.version, "description": g.description, "params_schema": g.params_schema}
            for g in found
        ]
    }
    emit(document, _view, as_json=as_json)


def _view(document: dict[str, Any]) -> str:
    rows = [
        (g["name"], g["version"], ", ".join(g["params_schema"].get("properties", {})) or "none", g["description"])
        for g in document["generators"]
    ]
    return table(("GENERATOR", "VERSION", "PARAMETERS", "DESCRIPTION"), rows)
