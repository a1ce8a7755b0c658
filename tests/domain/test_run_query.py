"""The filter language, its meaning, and page tokens."""

from __future__ import annotations

import base64
import datetime as dt

import pytest
from docugen_core.domain.failure import Violation
from docugen_core.domain.run import ExecutionPolicy, RunState
from docugen_core.domain.run_filter import COMPARISONS_MAX, FILTER_LENGTH_MAX
from docugen_core.domain.run_query import (
    Comparison,
    Position,
    RunPage,
    RunQuery,
    decode_page_token,
    encode_page_token,
    matches,
    parse_filter,
    position,
)
from docugen_core.errors import InvalidRequest
from hypothesis import given
from hypothesis import strategies as st
from run_examples import a_run, filters


def violation(text: str) -> Violation:
    with pytest.raises(InvalidRequest) as caught:
        parse_filter(text)
    (found,) = caught.value.violations
    assert found.path == "filter"
    return found


def written(comparison: Comparison) -> str:
    """The comparison as a caller may write it."""
    value = comparison.value
    if isinstance(value, int):
        moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=value)
        value = moment.isoformat(timespec="milliseconds")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{comparison.field} {comparison.operator} "{escaped}"'


def test_the_example_of_the_reference_is_read() -> None:
    text = (
        'state = FAILED AND create_time >= "2026-01-31T00:00:00Z" AND labels.team = "billing" AND template = "invoice"'
    )

    assert parse_filter(text) == (
        Comparison("state", "=", "failed"),
        Comparison("create_time", ">=", 1_769_817_600_000),
        Comparison("labels.team", "=", "billing"),
        Comparison("template", "=", "invoice"),
    )


@given(filters)
def test_every_filter_is_read_as_it_was_written(conditions: tuple[Comparison, ...]) -> None:
    assert parse_filter(" AND ".join(written(c) for c in conditions)) == conditions


@given(st.text(alphabet='stae=! <>"\\ANDlabels.x1()\n', max_size=40) | st.text(max_size=40))
def test_any_text_is_a_filter_or_an_invalid_request(text: str) -> None:
    try:
        refused_at = [] if matches(a_run(), parse_filter(text)) in (True, False) else ["no answer"]
    except InvalidRequest as error:
        refused_at = [v.path for v in error.violations]
    assert refused_at in ([], ["filter"])


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_filter_selects_everything(text: str) -> None:
    assert parse_filter(text) == ()
    assert matches(a_run(), ())


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("labels.team = x", "team"),
        ("labels.app.example/part = x", "app.example/part"),
        ('labels."any text" = x', "any text"),
        (r'labels."a \"quoted\" \\ key"=x', r'a "quoted" \ key'),
    ],
)
def test_a_label_key_is_a_word_or_a_quoted_text(text: str, key: str) -> None:
    assert parse_filter(text) == (Comparison(f"labels.{key}", "=", "x"),)


@pytest.mark.parametrize(
    ("time", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.5Z", 500),
        ("1970-01-01T00:00:00.007000000Z", 7),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31t23:59:59.999z", -1),
    ],
)
def test_times_are_rfc_3339_to_the_millisecond(time: str, milliseconds: int) -> None:
    assert parse_filter(f'create_time < "{time}"') == (Comparison("create_time", "<", milliseconds),)
    assert parse_filter(f"create_time < {time}") == (Comparison("create_time", "<", milliseconds),)


@pytest.mark.parametrize(
    "time", ["2026-01-31", "2026-02-30T00:00:00Z", "2026-01-31T00:00:00", "2026-01-31T00:00:00.0001Z", "yesterday"]
)
def test_any_other_time_is_refused_with_an_example(time: str) -> None:
    found = violation(f'create_time < "{time}"')

    assert found.description.startswith("column 15: expected an RFC 3339 time")
    assert "2026-01-31T00:00:00Z" in found.hint


@pytest.mark.parametrize(
    ("text", "description", "hint"),
    [
        (
            "stat = FAILED",
            "column 1: expected one of state, create_time, template, tenant, labels.KEY",
            "Did you mean state?",
        ),
        ("label.x = 1", "column 1: expected one of state", "Did you mean labels.KEY?"),
        ("state = FALED", "column 9: expected one of QUEUED", "Did you mean FAILED?"),
        ("state >= FAILED", "column 7: expected one of = != after state, found '>='", ""),
        ("state", "column 6: expected one of = != after state, found the end", ""),
        ("state =", "column 8: expected a value for state, found the end", ""),
        ('template = "x', "column 12: expected a value for template, found '\"'", "must end with one"),
        ("template = x template = y", "column 14: expected AND or the end, found 'template'", "joined by AND"),
        ("template = x and template = y", "column 14: expected AND", "Write AND in capitals."),
        ("template = x OR template = y", "column 14: expected AND", "no OR"),
        ("template = x AND", "column 17: expected one of state", ""),
        ("NOT template = x", "column 1: expected one of state", "no NOT"),
        ("(template = x)", "column 1: expected one of state", "no parentheses"),
        ('labels. "x" = y', "column 9: expected a label's key right after 'labels.'", ""),
        ("labels. = x", "column 9: expected a label's key", ""),
        ("template = 'x'", 'column 12: expected a value for template, found "\'"', ""),
    ],
)
def test_a_mistake_is_answered_with_its_column_and_what_was_expected(text: str, description: str, hint: str) -> None:
    found = violation(text)

    assert found.description.startswith(description)
    assert hint in found.hint


def test_length_and_number_of_comparisons_are_bounded() -> None:
    assert len(parse_filter(" AND ".join(["template=x"] * COMPARISONS_MAX))) == COMPARISONS_MAX
    assert "at most 32" in violation(" AND ".join(["template=x"] * (COMPARISONS_MAX + 1))).description
    assert "at most 4096" in violation(" " * (FILTER_LENGTH_MAX + 1)).description


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("state = succeeded", True),
        ("state != SUCCEEDED", False),
        ("create_time = 1970-01-01T00:00:01Z", True),
        ("create_time > 1970-01-01T00:00:01Z", False),
        ("labels.team = billing", True),
        ("labels.team != claims", True),
        ("labels.site = north", False),
        ("labels.site != north", True),
        ("template = letters", True),
        ("template = letters/dunning", True),
        ("template = letter", False),
        ("template != invoice", True),
        ("state = SUCCEEDED AND template = invoice", False),
    ],
)
def test_a_run_is_selected_when_every_condition_holds(text: str, selected: bool) -> None:
    run = a_run(
        state=RunState.SUCCEEDED,
        policy=ExecutionPolicy(labels=(("team", "billing"),)),
        templates=("letters/dunning",),
    )

    assert matches(run, parse_filter(text)) is selected


@given(filters, st.integers(-(2**53) + 1, 2**53 - 1), st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True))
def test_a_page_token_gives_its_position_back(conditions: tuple[Comparison, ...], time_ms: int, run_id: str) -> None:
    last = Position(time_ms, run_id)

    token = encode_page_token(last, conditions)

    assert decode_page_token(token, conditions) == last
    assert decode_page_token(token, conditions[::-1]) == last  # AND has no order
    assert token.replace("-", "").replace("_", "").isalnum()


def test_a_page_token_of_another_filter_is_refused() -> None:
    token = encode_page_token(Position(1, "run-1"), parse_filter("state = FAILED"))

    with pytest.raises(InvalidRequest) as caught:
        RunQuery.parse("state = QUEUED", 10, token)

    assert [(v.path, v.description) for v in caught.value.violations] == [("page_token", "belongs to another filter")]


def encoded(content: str) -> str:
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


@given(
    st.text(min_size=1, max_size=60)
    | st.sampled_from(
        [
            encoded("[1]"),
            encoded('["1", "run-1", "x"]'),
            encoded('[1, "../x", "x"]'),
            encoded('[1, 2, "x"]'),
            encoded('[true, "run-1", "x"]'),
            encoded('[9007199254740992, "run-1", "x"]'),
            encoded("[" * 300),
            "x" * 10_000,
        ]
    )
)
def test_garbage_is_not_a_page_token(token: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        RunQuery.parse(page_token=token)

    assert caught.value.violations[0].path == "page_token"


@pytest.mark.parametrize(("asked", "given_size"), [(0, 50), (1, 1), (1_000, 1_000), (5_000, 1_000)])
def test_the_page_size_is_coerced_into_its_bounds(asked: int, given_size: int) -> None:
    assert RunQuery.parse(page_size=asked).page_size == given_size


def test_a_negative_page_size_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        RunQuery.parse(page_size=-1)

    assert caught.value.violations[0].path == "page_size"


def test_a_page_names_the_next_one_only_if_there_is_one() -> None:
    query = RunQuery(page_size=2)
    runs = [a_run("c"), a_run("b"), a_run("a")]

    full = RunPage.of(runs, query)

    assert full.runs == (runs[0], runs[1])
    assert decode_page_token(full.next_page_token, ()) == position(runs[1])
    assert RunPage.of(runs[:2], query) == RunPage((runs[0], runs[1]), "")
