"""`docugen validate`: all violations at once, or the identity of the bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_process import INVOICE, Ended


def test_a_valid_bundle_gets_its_digest_and_run_id(docugen: Callable[..., Ended]) -> None:
    document = docugen("validate", INVOICE, "--json").json()
    assert document["valid"]
    assert len(document["spec_digest"]) == 64
    assert document["bundle_run_id"].startswith("br-")
    text = docugen("validate", INVOICE)
    assert text.code == 0
    assert document["spec_digest"] in text.out
    assert document["bundle_run_id"] in text.out


def test_seed_and_date_of_the_command_line_make_another_bundle(docugen: Callable[..., Ended]) -> None:
    digests = [
        docugen("validate", INVOICE, "--json", *more).json()["spec_digest"]
        for more in ([], ["--seed", "other"], ["--date", "2026-01-31"], ["--seed", "invoice-example"])
    ]
    assert len(set(digests)) == 3
    assert digests[3] == digests[0], "the bundle's own seed, given again, changes nothing"


def test_every_violation_has_a_line_with_path_and_remedy(docugen: Callable[..., Ended], tmp_path: Path) -> None:
    bundle = json.loads(INVOICE.read_text())
    bundle["documents"][0]["template"] = "invoce/invoice"
    bundle["data"]["lines"][0]["quantity"] = "three"
    bundle["locale"] = 7
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(bundle))
    ended = docugen("validate", path)
    assert ended.code == 2
    lines = ended.out.splitlines()
    assert {line.partition(": ")[0] for line in lines} >= {
        "documents[0].template",
        "data.lines[0].quantity",
        "locale",
    }
    assert ended.err == f"{len(lines)} violations in {path}\n"
    document = docugen("validate", path, "--json").json()
    assert not document["valid"]
    assert len(document["violations"]) == len(lines)
    assert all(v.keys() == {"path", "description", "hint"} for v in document["violations"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"documents": [,]}', "is not JSON at line 1, column 16"),
        ('{\n  "seed": "a",\n  "seed": "b"\n}', "seed: is written twice"),
        ("[]", "$: must be an object"),
        ("", "is not JSON at line 1, column 1"),
        ('{"documents": [], "data": {"n": NaN}}', "data.n: must be a number"),
        ("\ud800".encode("utf-16-le", "surrogatepass"), "is not UTF-8"),
    ],
)
def test_text_that_is_no_bundle_is_refused_at_its_place(
    docugen: Callable[..., Ended], tmp_path: Path, text: str | bytes, expected: str
) -> None:
    path = tmp_path / "wrong.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    ended = docugen("validate", path)
    assert ended.code == 2
    assert expected in ended.out


def test_a_bundle_beyond_the_configured_size_is_not_read(
    docugen: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCUGEN_MAX_REQUEST_BYTES", "1024")
    big: dict[str, Any] = {"documents": [], "data": {"x": "x" * 2_000}}
    path = tmp_path / "big.json"
    path.write_text(json.dumps(big))
    ended = docugen("validate", path, "--json")
    assert ended.code == 2
    assert "has more than 1024 bytes" in ended.json()["message"]


@pytest.mark.parametrize(("field", "levels"), [("data", 33), ("data", 40), ("documents", 33)])
def test_depth_is_told_as_the_setting_counts_it(
    docugen: Callable[..., Ended], tmp_path: Path, field: str, levels: int
) -> None:
    """It said 35 for a setting of 32, for it counted the bundle, the list of documents and the document too."""
    data: dict[str, Any] = {"deep": 1}
    for _ in range(levels - 1):
        data = {"deep": data}
    bundle = json.loads(INVOICE.read_text())
    bundle |= {"data": data} if field == "data" else {"documents": [bundle["documents"][0] | {"data": data}]}
    path = tmp_path / "deep.json"
    path.write_text(json.dumps(bundle))
    [violation] = docugen("validate", path, "--json").json()["violations"]
    assert violation["description"] == "is nested more than 32 levels deep"
    assert "DOCUGEN_MAX_DATA_DEPTH" in violation["hint"]


def test_a_run_id_that_cannot_be_one_is_a_violation_too(docugen: Callable[..., Ended]) -> None:
    ended = docugen("validate", INVOICE, "--run-id", "../etc", "--json")
    assert [v["path"] for v in ended.json()["violations"]] == ["bundle_run_id"]
