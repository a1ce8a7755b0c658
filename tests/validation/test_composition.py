"""The three layers of a document's data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from docugen_core.composition import Generators, Layer, compose, generated_data, origin
from docugen_core.domain.bundle import ResolvedBundle, ResolvedGenerator
from docugen_core.domain.json import JsonValue
from docugen_core.errors import NotFound, RenderFailed
from docugen_core.generators.generator import Generator

Resolve = Callable[[JsonValue], ResolvedBundle]


def test_a_key_of_a_higher_layer_replaces_the_whole_value() -> None:
    composed = compose({"b": {"x": 1, "y": 2}, "c": 2}, {"a": 0, "b": 0, "c": 0}, {"b": {"x": 3}})
    assert composed == {"a": 0, "b": {"x": 3}, "c": 2}


def test_composed_keys_stand_in_canonical_order_whatever_layer_they_came_from() -> None:
    assert list(compose({"b": 1, "\ufb01": 1}, {"c": 1, "\U0001f600": 1}, {"a": 1})) == [
        "a",
        "b",
        "c",
        "\U0001f600",
        "\ufb01",
    ]


def test_origin_names_the_layer_that_compose_took() -> None:
    layers: tuple[dict[str, JsonValue], ...] = ({"b": 1, "c": 1}, {"a": 1, "b": 1, "c": 1}, {"c": 1})
    assert [origin(k, *layers) for k in "abcd"] == [Layer.GENERATED, Layer.SHARED, Layer.OWN, Layer.NOWHERE]


def test_generated_data_depends_on_the_seed_alone(
    resolve: Resolve, generators: Generators, note: dict[str, Any]
) -> None:
    asked = note | {"generate": {"name": "ledger", "params": {"rows": 9}}}
    first, again = (resolve(asked | {"seed": "s", "locale": "fr-FR"}), resolve(asked | {"seed": "s", "salt": "x"}))
    other = resolve(asked | {"seed": "t"})
    assert generated_data(first, generators) == generated_data(again, generators)
    assert generated_data(first, generators) != generated_data(other, generators)


def test_generated_data_is_normalised(resolve: Resolve, generators: Generators, note: dict[str, Any]) -> None:
    made = generated_data(resolve(note | {"generate": {"name": "ledger"}}), generators)
    assert list(made) == ["balance", "lines", "title"]
    assert isinstance(made["balance"], int)


def test_no_generator_makes_no_data(resolve: Resolve, generators: Generators, note: dict[str, Any]) -> None:
    assert generated_data(resolve(note), generators) == {}


def _pinned(bundle: ResolvedBundle, version: str) -> ResolvedBundle:
    raw = bundle.to_json()
    raw["generate"] = {"name": "ledger", "version": version, "params": {}}
    return ResolvedBundle.from_json(raw)


def test_another_version_of_the_pinned_generator_is_not_used(
    resolve: Resolve, generators: Generators, note: dict[str, Any]
) -> None:
    with pytest.raises(NotFound, match=r"version 2\.0\.0, the bundle is pinned to 1\.9\.0"):
        generated_data(_pinned(resolve(note), "1.9.0"), generators)


class _Broken:
    """A registry whose generator breaks its promise."""

    def __init__(self, made: Any) -> None:
        self._made = made

    def get(self, name: str) -> Generator:
        return Generator(name, "1.0.0", "", {}, lambda *_: self._made)


@pytest.mark.parametrize("made", [[], None, {"a": float("nan")}, {"a": b""}, {"a": 2**60}])
def test_a_generator_that_makes_no_json_object_is_named(resolve: Resolve, note: dict[str, Any], made: Any) -> None:
    bundle = _pinned(resolve(note), "1.0.0")
    assert bundle.generate == ResolvedGenerator("ledger", "1.0.0", {})
    with pytest.raises(RenderFailed, match=r"generator ledger 1\.0\.0"):
        generated_data(bundle, _Broken(made))
