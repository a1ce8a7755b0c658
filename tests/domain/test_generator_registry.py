"""How generators are found: by entry point, lazily, and with every broken promise named at its source."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
from docugen_core.domain.seed import SeedStream
from docugen_core.errors import ConfigurationError, NotFound
from docugen_core.generators.generator import GeneratorContext
from docugen_core.generators.household_account import HOUSEHOLD_ACCOUNT
from docugen_core.generators.registry import ENTRY_POINT_GROUP, GeneratorRegistry


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, ENTRY_POINT_GROUP)


def test_the_shipped_generator_is_registered_under_its_name() -> None:
    registry = GeneratorRegistry.load()
    assert "household_account" in registry.names()
    assert registry.get("household_account") is HOUSEHOLD_ACCOUNT


def test_listing_generators_imports_none() -> None:
    script = (
        "import sys; from docugen_core.generators.registry import GeneratorRegistry;"
        "print(GeneratorRegistry.load().names(), 'docugen_core.generators.household_account' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", script], env={}, check=True, capture_output=True, text=True).stdout
    assert "'household_account'" in printed
    assert printed.rstrip().endswith("False")


def test_an_unknown_generator_is_answered_with_the_nearest_and_all_names() -> None:
    registry = GeneratorRegistry.of([entry("household_account", "a:B"), entry("fleet_log", "c:D")])
    with pytest.raises(NotFound) as caught:
        registry.get("houshold_account")
    assert caught.value.reason == "GENERATOR_NOT_FOUND"
    assert str(caught.value) == (
        "no generator is called 'houshold_account'. Did you mean 'household_account'? Installed: fleet_log, household_account."
    )


def test_an_unknown_generator_among_none_says_so() -> None:
    with pytest.raises(NotFound, match=r"no generator is called 'x'\. Installed: none\."):
        GeneratorRegistry.of([]).get("x")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("a", "docugen_core.generators.nowhere:A", "cannot be imported"),
        ("a", "docugen_core.generators.household_account:NOTHING", "cannot be imported"),
        ("a", "docugen_core.generators.household_account:CURRENCIES", "is a tuple, not a Generator"),
        ("a", "docugen_core.generators.household_account:HOUSEHOLD_ACCOUNT", "calls itself 'household_account'"),
    ],
)
def test_an_entry_point_that_breaks_its_promise_is_named(name: str, value: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(problem)) as caught:
        GeneratorRegistry.of([entry(name, value)]).get(name)
    assert caught.value.reason == "GENERATOR_BROKEN"
    assert value in str(caught.value)


def test_two_generators_of_one_name_are_refused_but_one_seen_twice_is_not() -> None:
    assert GeneratorRegistry.of([entry("a", "m:A"), entry("a", "m:A")]).names() == ("a",)
    with pytest.raises(ConfigurationError, match="two generators are called 'a': m:A and n:A") as caught:
        GeneratorRegistry.of([entry("a", "m:A"), entry("a", "n:A")])
    assert caught.value.reason == "GENERATOR_AMBIGUOUS"


def test_a_context_knows_the_language_of_its_locale() -> None:
    seed = SeedStream.of("x")
    assert [GeneratorContext(seed, locale).language for locale in ("fr-CH", "DE", "en_GB")] == ["fr", "de", "en"]
