"""Failures are values: they are stored, sent and raised again without losing a word."""

from __future__ import annotations

import json

import pytest
from docugen_core.domain.failure import Failure, SourceLocation, Violation
from docugen_core.errors import (
    BundleRunExists,
    DocugenError,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    Overloaded,
    RenderFailed,
    RenderInterrupted,
    Unavailable,
)
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
FAILURES = st.builds(
    Failure,
    code=st.from_regex(r"[A-Z][A-Z_]{0,20}", fullmatch=True),
    message=TEXTS,
    hint=TEXTS,
    retryable=st.booleans(),
    document=TEXTS,
    where=st.none() | st.builds(SourceLocation, TEXTS, st.integers(0, 99), st.integers(0, 99), TEXTS),
    details=st.dictionaries(TEXTS, TEXTS, max_size=3).map(lambda details: tuple(sorted(details.items()))),
    violations=st.lists(st.builds(Violation, TEXTS, TEXTS, TEXTS), max_size=3).map(tuple),
)


@given(failure=FAILURES)
def test_a_failure_survives_being_stored(failure: Failure) -> None:
    assert Failure.from_json(json.loads(json.dumps(failure.to_json()))) == failure


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (SourceLocation("main.typ"), "main.typ"),
        (SourceLocation("main.typ", 3), "main.typ:3"),
        (SourceLocation("main.typ", 3, 14, "data.totl"), "main.typ:3:14"),
    ],
)
def test_a_place_is_written_as_editors_read_it(location: SourceLocation, text: str) -> None:
    assert str(location) == text


def test_a_violation_says_where_what_and_how_to_mend_it() -> None:
    assert str(Violation("data.total", "must be a string")) == "data.total: must be a string"
    assert str(Violation("seed", "is empty", "leave it out")) == "seed: is empty (leave it out)"


ERRORS: list[DocugenError] = [
    InvalidRequest.from_violations([Violation("seed", "is empty", "leave it out"), Violation("salt", "is no text")]),
    NotFound("no run is called 'x'", code="BUNDLE_RUN_NOT_FOUND", hint="List the runs.", details={"run": "x"}),
    BundleRunExists("x", submitted_digest="aa", existing_digest="bb"),
    RenderFailed("no such variable", document="a.pdf", where=SourceLocation("a.typ", 1, 2, "totl"), hint="Name it."),
    LimitExceeded("2001 pages", document="a.pdf", details={"limit": "2000"}),
    Unavailable("the store does not answer", code="STORE_UNAVAILABLE"),
    RenderInterrupted("killed at its deadline", code="RENDER_TIMEOUT"),
    Overloaded("no room", retry_after_ms=50),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_failure_of_an_error_says_all_the_error_says(error: DocugenError) -> None:
    failure = error.failure()
    assert (failure.code, failure.message, failure.hint) == (error.reason, str(error), error.hint)
    assert failure.retryable == error.retryable
    assert dict(failure.details) == error.details
    assert failure.violations == getattr(error, "violations", ())
    assert (failure.document, failure.where) == (getattr(error, "document", ""), getattr(error, "where", None))


def test_the_first_of_several_violations_is_the_message_and_the_rest_are_counted() -> None:
    assert str(ERRORS[0]) == "seed: is empty (and 1 more)"
    assert ERRORS[0].hint == "leave it out"


@pytest.mark.parametrize("error", [e for e in ERRORS if isinstance(e, RenderFailed)], ids=lambda e: type(e).__name__)
def test_a_render_failure_is_raised_again_as_it_was(error: RenderFailed) -> None:
    again = RenderFailed.from_failure(error.failure())
    assert type(again) is type(error)
    assert again.failure() == error.failure()


def test_a_render_failure_raised_again_may_name_its_document() -> None:
    assert RenderFailed.from_failure(Failure("TEMPLATE_FAILED", "x"), document="b.pdf").document == "b.pdf"
