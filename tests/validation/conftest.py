"""A small installation: one pack in a real catalogue, two real generators in a registry without entry points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pytest
from docugen_core.domain.bundle import Format, ResolvedBundle
from docugen_core.domain.failure import Violation
from docugen_core.domain.json import JsonObject, JsonValue
from docugen_core.errors import InvalidRequest, NotFound, RenderFailed
from docugen_core.generators.generator import Generator, GeneratorContext
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.packs import Template, TemplatePack
from docugen_core.validation import BundleLimits, resolve_bundle

LINE: JsonObject = {
    "type": "object",
    "required": ["text", "quantity"],
    "additionalProperties": False,
    "properties": {"text": {"type": "string", "minLength": 1}, "quantity": {"type": "integer", "minimum": 1}},
}


def _template(name: str, formats: tuple[Format, ...], schema: JsonObject) -> Template:
    return Template(name, name.title(), "", {f: f"{name}.{f.value}" for f in formats}, schema, {})


NOTE = _template(
    "note",
    (Format.TXT, Format.HTML, Format.CSV),
    {
        "type": "object",
        "required": ["title"],
        "additionalProperties": False,
        "properties": {
            "title": {"type": "string", "description": "what the note is about"},
            "lines": {"type": "array", "items": LINE},
        },
    },
)
CARD = _template("card", (Format.TXT,), {"type": "object", "required": ["balance"]})
OPEN = _template("open", (Format.TXT, Format.CSV), MappingProxyType({"type": "object"}))
PACK = TemplatePack("desk", "1.2.0", "", "ab" * 32, {t.name: t for t in (NOTE, CARD, OPEN)}, {})


CATALOGUE = TemplateCatalogue([PACK])


def _ledger(params: JsonObject, context: GeneratorContext) -> JsonObject:
    rows = params.get("rows", 1)
    assert isinstance(rows, int)
    lines: JsonValue = [{"text": f"row {i}", "quantity": (context.seed / i).between(1, 9)} for i in range(rows)]
    return {"title": "Ledger", "lines": lines, "balance": 1.0}


def _dated(_: JsonObject, context: GeneratorContext) -> JsonObject:
    if context.document_date is None:
        raise RenderFailed("generator dated needs document_date", hint="give the bundle a document_date")
    return {"title": 7}


ROWS: JsonObject = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"rows": {"type": "integer", "maximum": 9}},
}
GENERATORS = {
    "ledger": Generator("ledger", "2.0.0", "", ROWS, _ledger),
    "dated": Generator("dated", "1.0.0", "", {"type": "object"}, _dated),
}


@dataclass(frozen=True, slots=True)
class TwoGenerators:
    """A registry of GENERATORS alone."""

    def get(self, name: str) -> Generator:
        if name not in GENERATORS:
            raise NotFound(f"no generator is called {name!r}", code="GENERATOR_NOT_FOUND", hint="ledger, dated")
        return GENERATORS[name]


def a_document(name: Any = "a.txt", **fields: Any) -> dict[str, Any]:
    return {"name": name, "format": "txt", "template": "desk/note", "data": {"title": "A"}} | fields


def an_archive(name: str = "all.zip", **fields: Any) -> dict[str, Any]:
    return {"name": name, "format": "zip"} | fields


def a_bundle(*documents: Any, **fields: Any) -> dict[str, Any]:
    """A valid request: one document unless others are given."""
    return {"documents": list(documents) or [a_document()]} | fields


DOCUMENTS = [
    a_document("a.txt"),
    a_document("b.txt", template="desk/open", data={"x": 1}),
    a_document("c.csv", format="csv"),
    an_archive("y.zip", members=["c.csv", "a.txt"]),
    an_archive("z.zip"),
]


Resolve = Callable[[JsonValue], ResolvedBundle]
Found = Callable[[JsonValue], list[tuple[str, str, str]]]


@pytest.fixture(scope="session")
def generators() -> TwoGenerators:
    return TwoGenerators()


@pytest.fixture(scope="session")
def resolve() -> Resolve:
    """resolve_bundle against the small installation."""

    def call(raw: JsonValue) -> ResolvedBundle:
        limits = BundleLimits(documents_max=20, data_depth_max=6)
        return resolve_bundle(raw, catalogue=CATALOGUE, generators=TwoGenerators(), limits=limits)

    return call


@pytest.fixture(scope="session")
def found(resolve: Resolve) -> Found:
    """Every violation of a request as (path, description, hint); empty when it is valid."""

    def call(raw: JsonValue) -> list[tuple[str, str, str]]:
        try:
            resolve(raw)
        except InvalidRequest as error:
            return [_row(v) for v in error.violations]
        return []

    return call


def _row(violation: Violation) -> tuple[str, str, str]:
    return violation.path, violation.description, violation.hint


@pytest.fixture
def note() -> dict[str, Any]:
    """A bundle that is valid: one text document with data of its own."""
    return {"documents": [{"name": "a.txt", "format": "txt", "template": "desk/note", "data": {"title": "A"}}]}
