"""bundle.schema.json is what the domain says, and says enough for an editor."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
from docugen_core.domain.bundle import BUNDLE_SCHEMA, BundleSpec, DocumentSpec, Format, GenerateSpec
from docugen_core.validation import bundle_schema_json


def _properties(*path: str) -> dict[str, Any]:
    node: Any = bundle_schema_json()
    for part in path:
        node = node[part]
    assert node["additionalProperties"] is False
    properties: dict[str, Any] = node["properties"]
    return properties


def _names(of: type) -> set[str]:
    return {f.name for f in dataclasses.fields(of)}


def test_the_schema_has_exactly_the_fields_of_the_domain() -> None:
    assert set(_properties()) == _names(BundleSpec) | {"schema"}
    assert set(_properties("$defs", "document")) == _names(DocumentSpec)
    assert set(_properties("properties", "generate")) == _names(GenerateSpec)


def test_formats_and_the_version_are_those_of_the_domain() -> None:
    assert _properties("$defs", "document")["format"]["enum"] == [f.value for f in Format]
    assert _properties()["schema"]["const"] == BUNDLE_SCHEMA


def test_the_defaults_shown_are_the_defaults_in_force() -> None:
    spec = BundleSpec(documents=())
    shown = {name: field["default"] for name, field in _properties().items() if "default" in field}
    assert shown == {"schema": BUNDLE_SCHEMA} | {name: getattr(spec, name) for name in shown if name != "schema"}


def _fields(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield from node.get("properties", {}).items()
        for child in node.values():
            yield from _fields(child)


def test_every_field_has_a_title_a_description_and_a_fitting_example() -> None:
    schema = bundle_schema_json()
    for name, field in _fields(schema):
        assert field["title"], name
        assert field["description"], name
        assert field.get("examples") or "const" in field or name == "documents", name
        for example in field.get("examples", []):
            jsonschema_rs.Draft202012Validator({**field, "$defs": schema["$defs"]}, validate_formats=True).validate(
                example
            )


def test_the_schema_s_own_example_fits() -> None:
    schema = bundle_schema_json()
    for example in schema["examples"]:
        jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(example)
