"""The SQLite tables of the run ledger, and the query for a page of runs.

The record is one JSON text; beside it stand only the columns that a filter or the order of a list needs. Labels and templates
have tables of their own, so that an index finds them. A template stands there as `pack/template` and as `pack`.

A change of SCHEMA is a new SCHEMA_VERSION and a migration; a release refuses ledgers that are newer than itself.
"""

from __future__ import annotations

from docugen_core.domain.run import TERMINAL
from docugen_core.domain.run_filter import LABEL_PREFIX, OPERATORS, Comparison
from docugen_core.domain.run_query import RunQuery

SCHEMA_VERSION = 2

SCHEMA = (
    """CREATE TABLE runs (
         run_id TEXT PRIMARY KEY,
         revision INTEGER NOT NULL,
         state TEXT NOT NULL,
         create_time_ms INTEGER NOT NULL,
         tenant TEXT NOT NULL,
         record TEXT NOT NULL
       ) STRICT""",
    # Apart from the record: a spec may have megabytes, and every update would write it again.
    """CREATE TABLE specs (run_id TEXT PRIMARY KEY REFERENCES runs, spec BLOB NOT NULL) STRICT""",
    """CREATE TABLE labels (
         run_id TEXT NOT NULL REFERENCES runs,
         key TEXT NOT NULL,
         value TEXT NOT NULL,
         PRIMARY KEY (run_id, key, value)
       ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE templates (
         run_id TEXT NOT NULL REFERENCES runs,
         name TEXT NOT NULL,
         PRIMARY KEY (run_id, name)
       ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX runs_by_time ON runs (create_time_ms, run_id)",
    "CREATE INDEX runs_by_state ON runs (state, create_time_ms, run_id)",
    "CREATE INDEX runs_by_tenant ON runs (tenant, create_time_ms, run_id)",
    "CREATE INDEX labels_by_value ON labels (key, value, run_id)",
    "CREATE INDEX templates_by_name ON templates (name, run_id)",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

_TERMINAL = ", ".join(f"'{state.value}'" for state in sorted(TERMINAL, key=lambda state: state.value))

UNFINISHED = f"""
    SELECT record, spec FROM runs JOIN specs USING (run_id)
    WHERE state NOT IN ({_TERMINAL}) ORDER BY create_time_ms, run_id"""  # noqa: S608 - values of our own enum


DELETIONS = tuple(
    f"DELETE FROM {table} WHERE run_id = ?"  # noqa: S608 - names of our own tables
    for table in ("labels", "templates", "specs", "runs")
)
"""All that is known of one run; the tables that refer to `runs` come first."""


def page_statement(query: RunQuery) -> tuple[str, list[str | int]]:
    """The SELECT for a page and its values: records, newest first, one more than the page holds.

    Raises InvalidRequest for a page token of another query.
    """
    conditions: list[str] = []
    values: list[str | int] = []
    for comparison in query.filter:
        condition, condition_values = _condition(comparison)
        conditions.append(condition)
        values.extend(condition_values)
    after = query.after()
    if after is not None:
        conditions.append("(create_time_ms, run_id) < (?, ?)")
        values.extend([after.create_time_ms, after.run_id])
    where = " AND ".join(conditions) or "TRUE"
    return (
        f"SELECT record FROM runs WHERE {where} ORDER BY create_time_ms DESC, run_id DESC LIMIT ?",  # noqa: S608 - see below
        [*values, query.page_size + 1],
    )


def _condition(comparison: Comparison) -> tuple[str, list[str | int]]:
    """Fixed text for each field and operator; whatever a caller wrote goes into the values."""
    if comparison.operator not in OPERATORS:
        raise ValueError(f"{comparison.operator!r} is not an operator")
    inside = "IN" if comparison.operator == "=" else "NOT IN"
    match comparison.field:
        case "create_time":
            return f"create_time_ms {comparison.operator} ?", [comparison.value]
        case "state":
            return f"state {comparison.operator} ?", [comparison.value]
        case "tenant":
            return f"tenant {comparison.operator} ?", [comparison.value]
        case "template":
            selected = "SELECT run_id FROM templates WHERE name = ?"
            return f"run_id {inside} ({selected})", [comparison.value]
        case label:
            key = label.removeprefix(LABEL_PREFIX)
            selected = "SELECT run_id FROM labels WHERE key = ? AND value = ?"
            return f"run_id {inside} ({selected})", [key, comparison.value]
