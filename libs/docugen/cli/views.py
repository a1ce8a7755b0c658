"""JSON documents as text for people: runs, artefacts, comparisons. Each view takes exactly what `--json` would print."""

from __future__ import annotations

from typing import Any

import click

from docugen.cli.output import size_text, table

_SHORT = 12
_CELL_MAX = 44
_COLOURS = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "identical": "green",
    "determinism_violation": "red",
    "intact": "green",
    "damaged": "red",
    "valid": "green",
    "missing": "red",
    "wrong_key": "red",
    "tampered": "red",
    "malformed": "red",
}


def coloured(word: str) -> str:
    """A state or verdict in its colour."""
    return click.style(word, fg=_COLOURS.get(word, "cyan"))


def artefact_table(artefacts: list[dict[str, Any]]) -> str:
    rows = [
        (a["name"], a["format"], a["pages"] or "", size_text(a["size"]), a["sha256"][:_SHORT])
        if a["status"] == "rendered"
        else (a["name"], a["format"], "", "omitted", a["reason"])
        for a in artefacts
    ]
    return table(("NAME", "FORMAT", "PAGES", "SIZE", "SHA256"), rows, numbers=(2, 3))


def bundle_view(document: dict[str, Any]) -> str:
    """What `render` and `runs get` leave in a folder."""
    artefacts = document["artefacts"]
    changed = sum(a["changed"] for a in artefacts)
    omitted = [f"omitted   {a['name']}  ({a['reason']})" for a in artefacts if a["status"] == "omitted"]
    current = not changed and len(omitted) < len(artefacts)
    written = "nothing to write, all files are up to date" if current else f"{changed} written"
    if omitted:
        written += f", {len(omitted)} omitted"
        omitted.append('          To see what failed, render it with "optional": false.')
    replaced = [f"fallback  {a['name']}  ({a['fallback_reason']})" for a in artefacts if a["fallback_reason"]]
    return "\n".join(
        [
            artefact_table(artefacts),
            "",
            *replaced,
            *omitted,
            f"run       {document['bundle_run_id']}",
            f"manifest  {document['manifest']['path']}  sha256 {document['manifest']['sha256'][:_SHORT]}",
            f"files     {document['directory']}  ({written})",
        ]
    )


def run_table(document: dict[str, Any]) -> str:
    rows = [
        (r["id"], r["state"], r["create_time"] or "", len(r["documents"]), (r["error"] or {}).get("reason", ""))
        for r in document["bundle_runs"]
    ]
    return table(("RUN", "STATE", "CREATED", "DOCUMENTS", "ERROR"), rows, numbers=(3,)) if rows else "no runs"


def run_view(document: dict[str, Any]) -> str:
    """One run with its documents."""
    run = document["bundle_run"]
    facts = {
        "run": run["id"],
        "state": coloured(run["state"]) + (" (known before)" if run["deduplicated"] else ""),
        "spec": run["spec_digest"],
        "seed": run["seed"],
        "attempt": f"{run['attempt']} of {run['max_attempts']}" if run["attempt"] else "",
        "created": run["create_time"],
        "started": run["start_time"],
        "finished": run["finish_time"],
        "next try": run["next_attempt_time"],
        "labels": ", ".join(f"{k}={v}" for k, v in run["labels"].items()),
        "manifest": run["manifest_digest"],
        "error": run["error"] and f"{run['error']['message']} [{run['error']['reason']}]",
        "hint": run["error"] and run["error"]["hint"],
    }
    lines = [f"{name:<9} {value}" for name, value in facts.items() if value]
    if run["documents"]:
        rows = [
            (d["name"], d["state"], d["pages"] or "", size_text(d["size"]) if d["size"] else "")
            for d in run["documents"]
        ]
        lines += ["", table(("DOCUMENT", "STATE", "PAGES", "SIZE"), rows, numbers=(2, 3))]
    return "\n".join(lines)


def verification_view(document: dict[str, Any]) -> str:
    # A render that gives nothing has left the document out; a stored file that is not there is gone.
    absent = "missing" if document["verdict"] in ("intact", "damaged") else "omitted"
    rows = [
        (c["artefact"], c["expected_sha256"][:_SHORT] or "omitted", c["actual_sha256"][:_SHORT] or absent, _same(c))
        for c in document["comparisons"]
    ]
    equal = sum(c["equal"] for c in document["comparisons"])
    lines = [
        table(("ARTEFACT", "MANIFEST", "NOW", ""), rows),
        "",
        f"{coloured(document['verdict'])}: {equal} of {len(rows)} artefacts are byte-identical",
    ]
    if document["changed_inputs"]:
        lines += ["", changed_inputs_table(document["changed_inputs"])]
    return "\n".join(lines)


def changed_inputs_table(changes: list[dict[str, str]]) -> str:
    """Inputs that explain a difference, as `verify` and `diff` show them."""
    rows = [(c["input"], _short(c["before"]) or "absent", _short(c["now"]) or "absent") for c in changes]
    return table(("CHANGED INPUT", "BEFORE", "NOW"), rows)


def _short(value: str) -> str:
    return value if len(value) <= _CELL_MAX else value[: _CELL_MAX - 1] + "…"


def _same(comparison: dict[str, Any]) -> str:
    return click.style("same", fg="green") if comparison["equal"] else click.style("DIFFERENT", fg="red", bold=True)
