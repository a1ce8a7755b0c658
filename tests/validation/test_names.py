"""Names of documents and ids of runs: plain file names are taken, whatever could be more than that is refused."""

from __future__ import annotations

import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import InvalidRequest
from docugen_core.validation import validate_run_id
from docugen_core.validation.names import name_problem

from .conftest import Found, a_bundle, a_document

# --- documents ------------------------------------------------------------------------------------------------------------


PATH_TRICKS = [
    "../x.txt", "/etc/x.txt", "a/b.txt", "a\\b.txt", "C:x.txt", "a\0.txt", "a\n.txt", "a.txt\n", "\u2024\u2024.txt",
    "\uff0e\uff0e.txt", "%2e%2e.txt", ".hidden.txt", "-rf.txt", "a..txt", "..", ".", "", " a.txt", "a.txt ", "é.txt",
    "a" * 252 + ".txt", "a" * 125 + ".txt", "CON.txt", "con.txt", "nul.tar.txt", "Com1.txt", "lpt9.txt", "a:b.txt",
    "a.txt.", "~a.txt", "a\u202etxt.txt",
]  # fmt: skip


@pytest.mark.parametrize("name", PATH_TRICKS)
def test_a_name_that_is_more_than_a_file_name_is_refused(name: str, found: Found) -> None:
    assert "documents[0].name" in [path for path, _, _ in found(a_bundle(a_document(name)))]


@pytest.mark.parametrize("name", ["manifest.json", "Manifest.JSON"])
def test_a_document_cannot_take_the_place_of_the_manifest(name: str, found: Found) -> None:
    rows = found(a_bundle({**a_document(name), "format": "json"}))
    assert ("documents[0].name", "is the name of the bundle's own manifest", "choose another one") in rows


@pytest.mark.parametrize("name", ["a.txt", "0.txt", "A-b_c.d.txt", "console.txt", "a" * 124 + ".txt"])
def test_a_plain_file_name_is_taken(name: str, found: Found) -> None:
    assert found(a_bundle(a_document(name))) == []


def test_the_name_offered_instead_is_a_good_one() -> None:
    for name, wanted, offered in [
        ("a.pdf", Format.TXT, "a.txt"),
        ("a", Format.CSV, "a.csv"),
        ("v1.2", Format.MD, "v1.2.md"),
    ]:
        problem = name_problem(name, wanted)
        assert problem is not None
        assert problem[1] == f"call it '{offered}'"
        assert name_problem(offered, wanted) is None


# --- runs -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["br-1", "a", "0.x_y-z", "a" * 63])
def test_a_run_id_within_the_rule_is_taken(text: str) -> None:
    validate_run_id(text)


@pytest.mark.parametrize("text", ["", "A", "-a", "a/b", "a..b", "a" * 64, "a\n", "é", "../a", "a\0"])
def test_a_run_id_beyond_the_rule_is_refused_with_the_rule(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate_run_id(text)
    [violation] = caught.value.violations
    assert violation.path == "bundle_run_id"
    assert "1 to 63 characters of a-z" in violation.description
