"""The page docs/reference/seeds-and-identity.md: its program, run as printed, and its tables say what DocuGen does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docugen_core.domain.bundle import ResolvedBundle
from docugen_core.domain.identity import (
    DOCUMENT_PREFIX,
    ENGINE_PREFIX,
    PACK_PREFIX,
    RUN_PREFIX,
    SPEC_PREFIX,
    derive_bundle_run_id,
)
from docugen_core.domain.seed import PERSON, SEED_BYTES_MAX, SEED_PREFIX, SeedStream

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (REFERENCE / "seeds-and-identity.md").read_text("utf-8")
EXAMPLE: Any = json.loads((REFERENCE / "identity-vectors.json").read_text("utf-8"))["specs"][0]
PATH = ("documents", "invoice.pdf", "lines", 0, "price")


def block(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    return str(text)


def fields_of_table(after: str) -> list[str]:
    """The names in the first column of the first table after the words `after`."""
    table = PAGE[PAGE.index(after) :].split("\n\n")[1]
    return re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)


def example() -> ResolvedBundle:
    return ResolvedBundle.from_json(json.loads(block("json")))


def answers() -> list[str]:
    bundle = example()
    stream = SeedStream.of(bundle.seed, *PATH)
    run_id = derive_bundle_run_id("default", bundle.spec_digest)
    return [bundle.spec_digest, run_id, str(stream.raw()), str(stream.below(1000))]


def test_the_example_is_the_first_published_vector() -> None:
    assert block("json").rstrip("\n").encode() == example().canonical_bytes()
    assert example().spec_digest == EXAMPLE["spec_digest"]


def test_the_page_gives_the_answers_docugen_gives() -> None:
    worked = PAGE[PAGE.index("## A worked example") : PAGE.index("```python")]
    assert re.findall(r"^\|.*\| `([^`]+)` \|$", worked, flags=re.MULTILINE) == answers()


def test_the_program_on_the_page_computes_them_without_docugen(tmp_path: Path) -> None:
    program = tmp_path / "client.py"
    program.write_text(block("python"), "utf-8")
    # -I -S: no site-packages, so nothing but the standard library can be imported.
    command = [sys.executable, "-I", "-S", str(program)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() == answers()


@pytest.mark.parametrize("language", ["json", "python"])
def test_the_program_and_the_printed_spec_name_the_same_fields(language: str) -> None:
    for field in [*example().to_json(), *example().documents[0].to_json()]:
        assert f'"{field}":' in block(language)


def test_the_tables_list_every_field_that_is_hashed_and_no_other() -> None:
    assert fields_of_table("The resolved spec is the request") == list(example().to_json())
    assert fields_of_table("Each document:") == list(example().documents[0].to_json())
    used = replace(example().documents[0], page=2, ppi=72, attachments=("a.csv",)).to_json()
    assert fields_of_table("Three fields are there only") == [
        name for name in used if name not in example().documents[0].to_json()
    ]


def test_the_page_names_the_prefixes_and_bounds_in_use() -> None:
    for prefix in (SPEC_PREFIX, DOCUMENT_PREFIX, PACK_PREFIX, ENGINE_PREFIX, RUN_PREFIX, SEED_PREFIX, PERSON):
        assert prefix.decode() in PAGE
    assert f"1 to {SEED_BYTES_MAX} bytes" in PAGE
