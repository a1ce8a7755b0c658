"""Any JSON at all as a bundle request: resolved, or refused with reasons, and never with more of them than anybody reads."""

from __future__ import annotations

from typing import Any

from docugen_core.domain.json import JsonValue
from docugen_core.errors import InvalidRequest
from hypothesis import given
from hypothesis import strategies as st

from .conftest import Found, Resolve, a_bundle, a_document, an_archive

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def _or_json(*sensible: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(sensible) | JSON


ALMOST_DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "name": _or_json("a.txt", "b.csv", "m.pdf", "z.zip", "../a.txt"),
        "format": _or_json("txt", "csv", "pdf", "zip"),
        "template": _or_json("desk/note", "desk/open@1.2.0", "desk/none"),
        "fallback": _or_json("desk/card"),
        "data": JSON | st.fixed_dictionaries({"title": JSON, "lines": JSON}),
        "members": JSON | st.lists(_or_json("a.txt", "m.pdf", "z.zip")),
        "optional": JSON,
        "attachments": JSON | st.lists(_or_json("a.txt", "z.zip")),
        "page": JSON,
    },
)
ALMOST_BUNDLES = st.fixed_dictionaries(
    {"documents": st.lists(ALMOST_DOCUMENTS | JSON, max_size=4)},
    optional={
        "data": JSON,
        "generate": JSON | st.fixed_dictionaries({"name": _or_json("ledger", "dated")}, optional={"params": JSON}),
        "seed": JSON,
        "locale": _or_json("fr_FR"),
        "time_zone": JSON,
        "document_date": _or_json("2026-01-01"),
        "specimen": JSON,
    },
)


@given(JSON | ALMOST_BUNDLES)
def test_any_json_is_resolved_or_refused_with_reasons(resolve: Resolve, raw: JsonValue) -> None:
    try:
        resolve(raw).canonical_bytes()
    except InvalidRequest as error:
        violations = error.violations
    else:
        return
    assert 1 <= len(violations) <= 101
    assert all(v.path and v.description for v in violations)


def test_after_a_hundred_violations_the_rest_is_counted(found: Found) -> None:
    lines = [{"text": "t", "quantity": -1}] * 130
    rows = found(a_bundle(a_document(data={"title": "A", "lines": lines})))
    assert len(rows) == 101
    assert rows[-1] == ("$", "and 30 more violations", "mend these first")


def test_more_faults_than_are_read_do_not_hide_the_shape_of_later_documents(found: Found) -> None:
    """Regression: the schema report ends at 10 000 faults, and the format of the next document was then trusted."""
    raw = a_bundle(an_archive(members=list(range(12_000))), a_document(format=5, template=[], name=None))
    assert len(found(raw)) == 101
