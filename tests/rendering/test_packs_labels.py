"""The words of the shipped packs: the same ones in every language, and all that the templates ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from docugen_core.domain.json import JsonObject
from docugen_core.rendering.packs import TemplatePack
from shipped_packs import catalogue

PACKS = [pytest.param(pack, id=pack.name) for pack in catalogue().packs()]


def _texts(labels: JsonObject, prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in labels.items():
        if isinstance(value, str):
            yield prefix + key, value
        else:
            assert isinstance(value, dict)
            yield from _texts(value, f"{prefix}{key}.")


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("pack", PACKS)
def test_every_label_exists_in_every_language_and_says_something(pack: TemplatePack) -> None:
    languages = {language: dict(_texts(labels)) for language, labels in pack.labels.items()}
    assert set(languages) >= {"en", "fr", "de"}
    for language, texts in languages.items():
        assert set(texts) == set(languages["en"]), language
        assert all(text.strip() for text in texts.values()), language


@pytest.mark.parametrize("pack", PACKS)
def test_a_translation_has_the_placeholders_of_the_original(pack: TemplatePack) -> None:
    english = dict(_texts(pack.labels["en"]))
    for language in sorted(pack.labels):
        for path, text in _texts(pack.labels[language]):
            # Forms of politeness name the reader or not, by language ("Madame,"); all else needs its figures.
            if not path.startswith(("salutations.", "letter.closing")):
                assert _placeholders(text) == _placeholders(english[path]), f"{language}: {path}"


@pytest.mark.parametrize("pack", PACKS)
def test_every_label_a_template_names_exists(pack: TemplatePack) -> None:
    known = dict(_texts(pack.labels["en"]))
    sources = {file: data.decode() for file, data in pack.files.items() if file.endswith((".typ", ".html", ".toml"))}
    asked = {
        path
        for source in sources.values()
        for path in re.findall(r'label\("([\w.]+\w)"|labels\.([\w.]+)|_label = "([\w.]+)"', source)
    }
    names = {"".join(groups) for groups in asked}
    assert len(names) > 5
    assert sorted(names - set(known)) == []


@pytest.mark.parametrize("pack", PACKS)
def test_every_language_calls_a_specimen_by_its_name(pack: TemplatePack) -> None:
    assert all("SPECIMEN" in str(labels["specimen"]) for labels in pack.labels.values())


def test_every_category_a_transaction_may_have_has_a_name() -> None:
    pack = next(pack for pack in catalogue().packs() if pack.name == "quarterly-account-pack")
    schema: Any = pack.templates["statement"].schema
    categories = schema["properties"]["transactions"]["items"]["properties"]["category"]["enum"]
    names: Any = pack.labels["en"]["categories"]
    assert set(categories) == set(names)
