"""Template packs: a folder with `pack.toml`, templates, schemas and labels, immutable and addressed by its digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from docugen_core.domain.bundle import Format
from docugen_core.domain.json import JsonObject


@dataclass(frozen=True, slots=True)
class Template:
    """One document a pack can render.

    name: within the pack. formats: the source file for each offered format. schema: JSON Schema (2020-12) of its data.
    sample: data that renders.
    """

    name: str
    title: str
    description: str
    formats: Mapping[Format, str]
    schema: JsonObject
    sample: JsonObject


@dataclass(frozen=True, slots=True)
class TemplatePack:
    """A pack in memory. digest: SHA-256 over every file's path and content (64 hex digits); files: path -> content."""

    name: str
    version: str
    description: str
    digest: str
    templates: Mapping[str, Template]
    files: Mapping[str, bytes]
