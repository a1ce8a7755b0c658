"""A BundleRun, or its documents alone, as JSON and back, without loss: what ledgers and the queue keep.

The record names its schema. A later release that adds a field gives it a default on reading, so that rolling deploys and old
ledgers work; one that changes a meaning changes the schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from docugen_core.domain.failure import Failure
from docugen_core.domain.run import (
    BundleRun,
    DocumentProgress,
    DocumentState,
    ExecutionPolicy,
    Priority,
    RunState,
)
from docugen_core.domain.trace import TraceContext

RUN_RECORD_SCHEMA = "docugen.run/v1"


def encode_run(run: BundleRun) -> str:
    """One line of JSON, ASCII only. Not canonical: it is never hashed."""
    policy = run.policy
    return json.dumps(
        {
            "schema": RUN_RECORD_SCHEMA,
            "run_id": run.run_id,
            "tenant": run.tenant,
            "spec_digest": run.spec_digest,
            "seed": run.seed,
            "state": run.state.value,
            "revision": run.revision,
            "create_time_ms": run.create_time_ms,
            "max_attempts": run.max_attempts,
            "start_time_ms": run.start_time_ms,
            "finish_time_ms": run.finish_time_ms,
            "next_attempt_time_ms": run.next_attempt_time_ms,
            "attempt": run.attempt,
            "worker": run.worker,
            "policy": {
                "priority": policy.priority.value,
                "max_attempts": policy.max_attempts,
                "labels": policy.labels,
                "not_before_ms": policy.not_before_ms,
            },
            "documents": _rows(run.documents),
            "templates": run.templates,
            "failure": run.failure and run.failure.to_json(),
            "manifest_digest": run.manifest_digest,
            **({"traceparent": run.trace.traceparent, "tracestate": run.trace.state} if run.trace else {}),
        },
        separators=(",", ":"),
    )


def decode_run(record: str | bytes) -> BundleRun:
    """What `encode_run` was given. Raises ValueError for another schema, KeyError for a record that lacks a field."""
    raw: dict[str, Any] = json.loads(record)
    if raw["schema"] != RUN_RECORD_SCHEMA:
        raise ValueError(f"run record schema {raw['schema']!r}; this version reads {RUN_RECORD_SCHEMA!r}")
    policy = raw["policy"]
    return BundleRun(
        run_id=raw["run_id"],
        tenant=raw["tenant"],
        spec_digest=raw["spec_digest"],
        seed=raw["seed"],
        state=RunState(raw["state"]),
        revision=raw["revision"],
        create_time_ms=raw["create_time_ms"],
        max_attempts=raw["max_attempts"],
        start_time_ms=raw["start_time_ms"],
        finish_time_ms=raw["finish_time_ms"],
        next_attempt_time_ms=raw["next_attempt_time_ms"],
        attempt=raw["attempt"],
        worker=raw["worker"],
        policy=ExecutionPolicy(
            priority=Priority(policy["priority"]),
            max_attempts=policy["max_attempts"],
            labels=tuple((key, value) for key, value in policy["labels"]),
            not_before_ms=policy.get("not_before_ms", 0),
        ),
        documents=_documents(raw["documents"]),
        templates=tuple(raw["templates"]),
        failure=Failure.from_json(raw["failure"]) if raw["failure"] else None,
        manifest_digest=raw["manifest_digest"],
        trace=TraceContext.parse(raw.get("traceparent", ""), raw.get("tracestate", "")),
    )


def encode_documents(documents: Iterable[DocumentProgress]) -> bytes:
    """How far the documents of a run are, in their order: what travels through the queue as a job's progress."""
    return json.dumps(_rows(documents), separators=(",", ":")).encode()


def decode_documents(progress: bytes) -> tuple[DocumentProgress, ...]:
    """What `encode_documents` was given; nothing for empty bytes. Raises ValueError for other text."""
    return _documents(json.loads(progress)) if progress else ()


def _rows(documents: Iterable[DocumentProgress]) -> list[list[str | int]]:
    return [[d.name, d.state.value, d.pages, d.size] for d in documents]


def _documents(rows: Iterable[tuple[str, str, int, int]]) -> tuple[DocumentProgress, ...]:
    return tuple(DocumentProgress(name, DocumentState(state), pages, size) for name, state, pages, size in rows)
