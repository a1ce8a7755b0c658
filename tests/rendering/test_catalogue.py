"""How callers' template names meet installed packs."""

from __future__ import annotations

from pathlib import Path

import pytest
from docugen_core.domain.bundle import PinnedTemplate, TemplateReference
from docugen_core.errors import ConfigurationError, NotFound
from docugen_core.rendering.catalogue import TemplateCatalogue, version_key
from pack_examples import PACK_TOML, write_pack


def a_version(folder: Path, version: str, text: str = "x\n") -> Path:
    toml = PACK_TOML.replace('version = "1.0.0"', f'version = "{version}"')
    return write_pack(folder, {"pack.toml": toml, "notice.txt": text})


def test_versions_are_ordered_as_semver_says() -> None:
    ordered = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-rc.2",
        "1.0.0-rc.10",
        "1.0.0",
        "1.2.0",
        "1.10.0",
    ]

    ordered_by_letters = sorted(ordered)
    assert sorted(ordered_by_letters, key=version_key) == ordered != ordered_by_letters


def test_without_a_version_the_newest_pack_is_meant(tmp_path: Path) -> None:
    for version in ("1.2.0", "1.10.0", "1.9.9"):
        a_version(tmp_path / f"notice-{version}", version)
    catalogue = TemplateCatalogue.load([tmp_path])

    newest, template = catalogue.resolve(TemplateReference("notice", "notice"))
    named, _ = catalogue.resolve(TemplateReference("notice", "notice", "1.9.9"))

    assert (newest.version, named.version, template.name) == ("1.10.0", "1.9.9", "notice")


def test_of_equal_packs_the_first_found_wins(tmp_path: Path) -> None:
    first = a_version(tmp_path / "first" / "notice", "1.0.0", "first\n")
    a_version(tmp_path / "second" / "notice", "1.0.0", "second\n")

    catalogue = TemplateCatalogue.load([first, tmp_path / "second"])

    pack, _ = catalogue.resolve(TemplateReference("notice", "notice"))
    assert pack.files["notice.txt"] == b"first\n"


@pytest.mark.parametrize(
    ("reference", "message", "near"),
    [
        ("notise/notice", "no template pack 'notise'", "Did you mean 'notice'?"),
        ("notice/notise", "no template 'notise' in pack 'notice'", "Did you mean 'notice'?"),
        ("notice/notice@1.0.1", "no version '1.0.1' of template pack 'notice'", "Known versions: 1.0.0."),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(tmp_path: Path, reference: str, message: str, near: str) -> None:
    catalogue = TemplateCatalogue.load([write_pack(tmp_path / "notice")])

    with pytest.raises(NotFound) as caught:
        catalogue.resolve(TemplateReference.parse(reference))

    assert caught.value.reason == "TEMPLATE_NOT_FOUND"
    assert caught.value.message == message
    assert near in caught.value.hint
    assert "Known" in caught.value.hint


def test_a_pinned_pack_is_found_only_with_its_own_content(tmp_path: Path) -> None:
    catalogue = TemplateCatalogue.load([write_pack(tmp_path / "notice")])
    pack, _ = catalogue.resolve(TemplateReference("notice", "notice"))

    assert catalogue.pinned(PinnedTemplate("notice", "notice", "1.0.0", pack.digest)) is pack
    with pytest.raises(NotFound) as changed:
        catalogue.pinned(PinnedTemplate("notice", "notice", "1.0.0", "0" * 64))
    with pytest.raises(NotFound) as absent:
        catalogue.pinned(PinnedTemplate("notice", "notice", "3.0.0", pack.digest))

    assert changed.value.reason == "TEMPLATE_CHANGED"
    assert changed.value.details["installed_digest"] == pack.digest
    assert absent.value.reason == "TEMPLATE_NOT_FOUND"


def test_a_folder_that_offers_nothing_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ConfigurationError, match="template folder") as caught:
            TemplateCatalogue.load([folder])
        assert "DOCUGEN_TEMPLATE_PATH" in caught.value.hint
