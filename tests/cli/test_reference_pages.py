"""The reference pages are what the command line itself says; `make docs-reference` writes them anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import INVOICE, ROOT, Ended
from docugen.cli.reference import cli_markdown
from docugen_core.config import declarations
from docugen_core.validation.reference import bundle_markdown

REFERENCE = ROOT / "docs" / "reference"


def test_the_settings_page_is_what_config_prints(docugen: Callable[..., Ended]) -> None:
    assert docugen("config", "--markdown").out == (REFERENCE / "settings.md").read_text()


def test_the_command_line_page_is_every_commands_help() -> None:
    assert cli_markdown() == (REFERENCE / "cli.md").read_text()


def test_the_bundle_page_is_what_the_schema_says() -> None:
    assert bundle_markdown() == (REFERENCE / "bundle.md").read_text()


def test_config_tells_where_a_value_comes_from(docugen: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCUGEN_MAX_PAGES", "2000")  # the default, but said so
    monkeypatch.setenv("DOCUGEN_LOG_LEVEL", "debug")
    settings = {s["env"]: s for s in docugen("config", "--json").json()["settings"]}
    assert list(settings) == [d.env for d in declarations()]
    assert (settings["DOCUGEN_MAX_PAGES"]["source"], settings["DOCUGEN_MAX_PAGES"]["value"]) == ("environment", 2_000)
    assert settings["DOCUGEN_LOG_LEVEL"]["value"] == "debug"
    assert settings["DOCUGEN_LOG_LEVEL"]["choices"] == ["debug", "info", "warning", "error"]
    assert settings["DOCUGEN_STORE_URL"]["source"] == "default"
    text = docugen("config").out
    assert all(d.env in text for d in declarations())


def test_every_wrong_setting_is_named_at_once(docugen: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCUGEN_MAX_PAGES", "many")
    monkeypatch.setenv("DOCUGEN_RENDER_PROCESSES", "-1")
    ended = docugen("config")
    assert ended.code == 2
    assert "DOCUGEN_MAX_PAGES" in ended.err
    assert "DOCUGEN_RENDER_PROCESSES" in ended.err


def test_templates_and_generators_are_listed_with_what_they_take(docugen: Callable[..., Ended]) -> None:
    packs = docugen("templates", "ls", "--json").json()["template_packs"]
    assert "invoice" in [p["name"] for p in packs]
    assert "invoice/invoice" in docugen("templates", "ls").out
    pack = docugen("templates", "show", "invoice", "--json").json()["template_pack"]
    assert all(t["schema"]["type"] == "object" for t in pack["templates"])
    generators = docugen("generators", "--json").json()["generators"]
    assert "household_account" in [g["name"] for g in generators]
    assert "household_account" in docugen("generators").out


def test_a_shown_sample_is_data_that_validates(docugen: Callable[..., Ended], tmp_path: Path) -> None:
    shown = docugen("templates", "show", "invoice/invoice", "--sample")
    bundle = {
        "documents": [{"name": "invoice.pdf", "format": "pdf", "template": "invoice/invoice"}],
        "data": shown.json(),
        "document_date": "2026-01-31",
    }
    path = tmp_path / "sample.json"
    path.write_text(json.dumps(bundle))
    assert docugen("validate", path).code == 0
    schema = docugen("templates", "show", "invoice/invoice", "--schema").json()
    assert set(schema["required"]) <= set(shown.json())


def test_version_names_everything_that_decides_bytes(docugen: Callable[..., Ended]) -> None:
    document = docugen("version", "--json").json()
    assert len(document["engine"]["fingerprint"]) == 64
    assert {"typst", "xlsxwriter", "minijinja", "babel", "zlib"} <= document["engine"]["components"].keys()
    text = docugen("version").out
    assert document["engine"]["fingerprint"] in text
    assert f"docugen {document['docugen']}" in text


def test_the_example_of_the_help_page_exists() -> None:
    assert INVOICE.is_file()
