"""Bundle runs for tests: one by hand, and any by Hypothesis."""

from __future__ import annotations

from typing import Any

from docugen_core.domain.failure import Failure, SourceLocation, Violation
from docugen_core.domain.run import (
    BundleRun,
    DocumentProgress,
    DocumentState,
    ExecutionPolicy,
    Priority,
    RunState,
)
from docugen_core.domain.run_filter import Comparison
from hypothesis import strategies as st

TEAMS = ("billing", "claims", 'say "hi"\\')
TEMPLATES = ("letters/dunning", "letters/welcome", "invoice/plain", "letter/dunning")


def a_run(run_id: str = "run-1", **changes: Any) -> BundleRun:
    """A queued run; any field may be changed."""
    fields: dict[str, Any] = {
        "run_id": run_id,
        "tenant": "",
        "spec_digest": "ab" * 32,
        "seed": "seed",
        "state": RunState.QUEUED,
        "revision": 1,
        "create_time_ms": 1_000,
        "max_attempts": 5,
    }
    return BundleRun(**(fields | changes))


_counts = st.integers(0, 2**53 - 1)
_text = st.text(max_size=12)
_ids = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)

failures = st.builds(
    Failure,
    code=_text,
    message=_text,
    hint=_text,
    retryable=st.booleans(),
    document=_text,
    where=st.none() | st.builds(SourceLocation, _text, _counts, _counts, _text),
    details=st.dictionaries(_text, _text, max_size=3).map(lambda d: tuple(sorted(d.items()))),
    violations=st.lists(st.builds(Violation, _text, _text, _text), max_size=3).map(tuple),
)

any_runs = st.builds(
    BundleRun,
    run_id=_ids,
    tenant=_text,
    spec_digest=_text,
    seed=_text,
    state=st.sampled_from(RunState),
    revision=_counts,
    create_time_ms=_counts,
    max_attempts=_counts,
    start_time_ms=_counts,
    finish_time_ms=_counts,
    next_attempt_time_ms=_counts,
    attempt=_counts,
    worker=_text,
    policy=st.builds(
        ExecutionPolicy,
        priority=st.sampled_from(Priority),
        max_attempts=_counts,
        labels=st.dictionaries(_text, _text, max_size=3).map(lambda d: tuple(d.items())),
    ),
    documents=st.lists(
        st.builds(DocumentProgress, _text, st.sampled_from(DocumentState), _counts, _counts), max_size=3
    ).map(tuple),
    templates=st.lists(_text, max_size=3, unique=True).map(tuple),
    failure=st.none() | failures,
    manifest_digest=_text,
)

# Few values, so that filters hit and times collide.
_labels = st.dictionaries(st.sampled_from(("team", "site")), st.sampled_from(TEAMS), max_size=2)

listed_runs = st.lists(
    st.builds(
        a_run,
        run_id=st.from_regex(r"[ab][a-b0-1._-]{0,3}", fullmatch=True).filter(lambda text: ".." not in text),
        state=st.sampled_from(RunState),
        create_time_ms=st.integers(0, 5),
        policy=st.builds(ExecutionPolicy, labels=_labels.map(lambda d: tuple(d.items()))),
        templates=st.lists(st.sampled_from(TEMPLATES), max_size=2, unique=True).map(tuple),
    ),
    max_size=12,
    unique_by=lambda run: run.run_id,
)

_equality = st.sampled_from(("=", "!="))

comparisons = st.one_of(
    st.builds(Comparison, st.just("state"), _equality, st.sampled_from([s.value for s in RunState])),
    st.builds(
        Comparison, st.just("create_time"), st.sampled_from(("=", "!=", "<", "<=", ">", ">=")), st.integers(0, 5)
    ),
    st.builds(Comparison, st.sampled_from(("labels.team", "labels.site")), _equality, st.sampled_from(TEAMS)),
    st.builds(Comparison, st.just("template"), _equality, st.sampled_from((*TEMPLATES, "letters", "letter"))),
)

filters = st.lists(comparisons, max_size=3).map(tuple)
