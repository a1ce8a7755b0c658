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


def test_one_version_with_two_contents_is_refused_naming_both_places(tmp_path: Path) -> None:
    """The first found won: two servers with their folders in another order rendered different bytes under one name."""
    first = a_version(tmp_path / "first" / "notice", "1.0.0", "first\n")
    second = a_version(tmp_path / "second" / "notice", "1.0.0", "second\n")

    with pytest.raises(ConfigurationError) as caught:
        TemplateCatalogue.load([first, tmp_path / "second"])

    assert caught.value.reason == "TEMPLATE_PACK_AMBIGUOUS"
    assert caught.value.message.endswith(f"notice@1.0.0 is there twice with different content: {first} and {second}")


def test_the_same_pack_in_two_places_is_one_pack(tmp_path: Path) -> None:
    a_version(tmp_path / "first" / "notice", "1.0.0")
    a_version(tmp_path / "second" / "notice", "1.0.0")

    packs = TemplateCatalogue.load([tmp_path / "first", tmp_path / "second", tmp_path / "first" / "notice"]).packs()

    assert [pack.name for pack in packs].count("notice") == 1


def test_a_pack_is_found_by_name_and_version_alone(tmp_path: Path) -> None:
    for version in ("1.2.0", "1.10.0"):
        a_version(tmp_path / version, version)
    catalogue = TemplateCatalogue.load([tmp_path])

    assert (catalogue.pack("notice").version, catalogue.pack("notice", "1.2.0").version) == ("1.10.0", "1.2.0")
    with pytest.raises(NotFound, match=r"^no version '9.9.9' of template pack 'notice'$") as caught:
        catalogue.pack("notice", "9.9.9")
    assert "Known versions: 1.10.0, 1.2.0." in caught.value.hint


@pytest.mark.parametrize(
    ("fallback", "formats", "problem"),
    [
        ("plain/notice", 'txt = "notice.txt"', "is not installed: no template pack 'plain'"),
        ("notice/plain", 'txt = "notice.txt"', "is not installed: no template 'plain' in pack 'notice'"),
        ("notice/short", 'md = "notice.md"', "does not offer md"),
    ],
)
def test_a_fallback_that_could_not_stand_in_ends_the_start(
    tmp_path: Path, fallback: str, formats: str, problem: str
) -> None:
    short = PACK_TOML[PACK_TOML.index("[[templates]]") :].replace('"notice"\ntitle', '"short"\ntitle')
    toml = PACK_TOML.replace("[templates.formats]", f'fallback = "{fallback}"\n[templates.formats]')
    toml = toml.replace('txt = "notice.txt"', formats) + "\n" + short
    folder = write_pack(tmp_path / "notice", {"pack.toml": toml, "notice.md": "# x\n"})

    with pytest.raises(ConfigurationError) as caught:
        TemplateCatalogue.load([folder])

    assert caught.value.reason == "INVALID_TEMPLATE_PACK"
    assert f"the fallback {fallback} of template 'notice' {problem}" in caught.value.message


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
