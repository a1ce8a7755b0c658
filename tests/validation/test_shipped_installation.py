"""The shipped packs and generators under the same checks: what the documentation shows must be accepted."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from docugen_core.composition import compose, generated_data
from docugen_core.domain.bundle import ResolvedBundle
from docugen_core.domain.json import JsonValue
from docugen_core.errors import InvalidRequest
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.strict_json.reading import parse_json
from docugen_core.strict_json.schema import Schema
from docugen_core.validation import BundleLimits, bundle_schema_json, resolve_bundle

CATALOGUE = TemplateCatalogue.load([])
GENERATORS = GeneratorRegistry.load()
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "bundles").glob("*.json"))
TEMPLATES = [(pack.name, template) for pack in CATALOGUE.packs() for template in pack.templates.values()]


def _resolved(raw: JsonValue) -> ResolvedBundle:
    return resolve_bundle(raw, catalogue=CATALOGUE, generators=GENERATORS, limits=BundleLimits())


def _refused(raw: JsonValue) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        _resolved(raw)
    return [(v.path, v.description, v.hint) for v in caught.value.violations]


def test_the_example_in_the_bundle_schema_is_a_bundle_that_works() -> None:
    for example in bundle_schema_json()["examples"]:
        bundle = _resolved(example)
        data = compose(bundle.data, generated_data(bundle, GENERATORS), bundle.documents[0].data)
        assert data


def test_there_are_example_bundles() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_bundle_is_valid(path: Path) -> None:
    raw = parse_json(path.read_bytes(), source=path.name, bytes_max=1 << 20, depth_max=32)
    assert _resolved(raw).documents


@pytest.mark.parametrize(("pack", "template"), TEMPLATES, ids=[f"{p}/{t.name}" for p, t in TEMPLATES])
def test_every_template_takes_its_own_sample_in_every_format_it_offers(pack: str, template: Any) -> None:
    documents: list[JsonValue] = [
        {"name": f"x.{f.value}", "format": f.value, "template": f"{pack}/{template.name}"} for f in template.formats
    ]
    bundle = _resolved({"documents": documents, "data": template.sample})
    assert len(bundle.documents) == len(template.formats)


@pytest.mark.parametrize("name", GENERATORS.names())
def test_the_parameters_of_every_generator_have_a_valid_schema(name: str) -> None:
    assert Schema(GENERATORS.get(name).params_schema, name=name).findings([])


def test_faults_against_a_shipped_template_are_found_where_they_were_written() -> None:
    sample = copy.deepcopy(next(dict(t.sample) for _, t in TEMPLATES if t.name == "invoice"))
    lines: Any = sample["lines"]
    lines[0]["quantity"] = "two"
    lines[0]["quantiti"] = 2
    documents: list[JsonValue] = [
        {"name": "i.pdf", "format": "pdf", "template": "invoice/invoice"},
        {"name": "l.csv", "format": "csv", "template": "invoice/lines"},
    ]
    found = _refused({"documents": documents, "data": sample})
    assert [(path, hint) for path, description, hint in found if description == "unknown field"] == [
        ("data.lines[0].quantiti", "did you mean 'quantity'?")
    ]
    assert [description for path, description, _ in found if path == "data.lines[0].quantity"] == ["must be a number"]


def test_unknown_names_come_with_the_nearest_one() -> None:
    found = _refused(
        {
            "documents": [
                {"name": "a.pdf", "format": "pdf", "template": "invoise/invoice"},
                {"name": "b.pdf", "format": "pdf", "template": "invoice/invoise"},
            ],
            "generate": {"name": "household_acount"},
        }
    )
    assert [path for path, _, _ in found] == ["documents[0].template", "documents[1].template", "generate.name"]
    for (_, description, hint), nearest in zip(found, ("invoice", "invoice", "household_account"), strict=True):
        assert f"'{nearest}'" in description + hint
