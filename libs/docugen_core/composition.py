"""The data one document gets, and which part of the request each piece of it came from.

Three layers, each laid over the one before:

    generated         made from the seed by the bundle's generator
    shared            the bundle's `data`
    own               the document's `data`

They are merged key by key at the top level only: a key of a higher layer replaces the whole value below it. Merging deeper
would leave no way to say "these lines and no others", and nobody could tell from reading a request which half of a list or
an address a document ends up with. A document that wants half of a shared value writes the value out.

The same functions serve validation and rendering, so what was checked is what is rendered.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from docugen_core.domain.bundle import ResolvedBundle
from docugen_core.domain.json import JsonObject
from docugen_core.domain.seed import SeedStream
from docugen_core.errors import NotFound, RenderFailed
from docugen_core.generators.generator import Generator, GeneratorContext
from docugen_core.strict_json.reading import normalised, utf16_order, value_violations

GENERATED_DEPTH_MAX = 200


class Generators(Protocol):
    """Where generators are found by name; `generators.registry.GeneratorRegistry` is the real one."""

    def get(self, name: str) -> Generator:
        """Raises NotFound (GENERATOR_NOT_FOUND)."""
        ...


class Layer(Enum):
    """Where a top-level key of a document's data comes from."""

    OWN = "own"
    SHARED = "shared"
    GENERATED = "generated"
    NOWHERE = "nowhere"


def compose(shared: JsonObject, generated: JsonObject, own: JsonObject) -> JsonObject:
    """The complete data of one document: own over shared over generated, by top-level key, keys in canonical order.

    The layers are neither changed nor copied: treat the result as read-only.
    """
    merged = {**generated, **shared, **own}
    return {key: merged[key] for key in sorted(merged, key=utf16_order)}


def origin(key: str, shared: JsonObject, generated: JsonObject, own: JsonObject) -> Layer:
    """Which layer `compose` took `key` from; NOWHERE if none has it."""
    if key in own:
        return Layer.OWN
    if key in shared:
        return Layer.SHARED
    return Layer.GENERATED if key in generated else Layer.NOWHERE


def generated_data(bundle: ResolvedBundle, generators: Generators) -> JsonObject:
    """What the bundle's generator makes of `bundle.seed`, normalised; `{}` without a generator. A pure function of both.

    Raises NotFound when the pinned generator or its version is not installed here, and RenderFailed when it refuses its
    parameters or its surroundings (for example: it needs a document_date).
    """
    wanted = bundle.generate
    if wanted is None:
        return {}
    generator = generators.get(wanted.name)
    if generator.version != wanted.version:
        raise NotFound(
            f"generator {wanted.name} is installed as version {generator.version}, the bundle is pinned to {wanted.version}",
            code="GENERATOR_NOT_FOUND",
            hint=f"Install version {wanted.version}, or submit the bundle again to use {generator.version}.",
            details={"generator": wanted.name, "pinned": wanted.version, "installed": generator.version},
        )
    context = GeneratorContext(
        seed=SeedStream.of(bundle.seed, "generate", wanted.name),
        locale=bundle.locale,
        document_date=bundle.document_date,
    )
    data = generator.generate(wanted.params, context)
    violations = value_violations(data, depth_max=GENERATED_DEPTH_MAX)
    plain = normalised(data) if not violations else None
    if not isinstance(plain, dict):
        raise RenderFailed(
            f"generator {wanted.name} {generator.version} made data that is not a JSON object",
            code="GENERATOR_BROKEN",
            hint="Report this to whoever maintains the generator.",
            violations=violations,
        )
    return plain
