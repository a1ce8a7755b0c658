"""The queue's JSON documents as text for people; each view takes exactly what `--json` would print."""

from __future__ import annotations

from typing import Any

import click

from docugen.cli.output import table

_FINGERPRINT = 12


def stats_view(document: dict[str, Any]) -> str:
    stats = document["stats"]
    facts = {
        "state": click.style("paused", fg="yellow", bold=True)
        if stats["paused"]
        else click.style("running", fg="green"),
        "waiting": f"{stats['depth']} ({stats['parked']} of them parked)" if stats["parked"] else stats["depth"],
        "in flight": stats["in_flight"],
        "oldest": f"waits for {stats['oldest_age']:.1f} s" if stats["oldest_age"] else "nothing waits",
        "dead": stats["dead_letters"],
        "workers": f"{stats['workers']} with {stats['slots']} slots",
    }
    return "\n".join(f"{name:<10} {value}" for name, value in facts.items())


def worker_table(document: dict[str, Any]) -> str:
    rows = [
        (
            w["id"],
            w["host"],
            "draining" if w["draining"] else "working",
            f"{len(w['bundle_runs'])}/{w['slots']}",
            w["seen_time"] or "",
            w["version"],
            w["engine_fingerprint"][:_FINGERPRINT],
        )
        for w in document["workers"]
    ]
    headings = ("WORKER", "HOST", "STATE", "JOBS", "SEEN", "VERSION", "ENGINE")
    return table(headings, rows, numbers=(3,)) if rows else "no workers"


def letter_table(document: dict[str, Any]) -> str:
    rows = [
        (le["id"], le["bundle_run"], le["create_time"] or "", le["error"]["reason"], le["redrive_count"])
        for le in document["dead_letters"]
    ]
    headings = ("LETTER", "RUN", "GIVEN UP", "REASON", "REDRIVEN")
    return table(headings, rows, numbers=(4,)) if rows else "no dead letters"


def letter_view(document: dict[str, Any]) -> str:
    """One letter with the history of its attempts; never its data."""
    letter = document["dead_letter"]
    error = letter["error"]
    facts = {
        "letter": letter["id"],
        "run": letter["bundle_run"],
        "given up": letter["create_time"],
        "redriven": letter["redrive_count"] and f"{letter['redrive_count']} times",
        "engine": letter["engine_fingerprint"],
        "error": f"{error['message']} [{error['reason']}]",
        "document": error["document"],
        "hint": error["hint"],
    }
    lines = [f"{name:<9} {value}" for name, value in facts.items() if value]
    rows = [(a["number"], a["worker"], a["start_time"] or "", a["error"]["reason"]) for a in letter["attempts"]]
    return (
        "\n".join([*lines, "", table(("ATTEMPT", "WORKER", "STARTED", "REASON"), rows)]) if rows else "\n".join(lines)
    )


def redrive_view(document: dict[str, Any]) -> str:
    would = "would be put" if document["dry_run"] else "put"
    refused = f", {document['refused']} refused (put back too often: --force)" if document["refused"] else ""
    return "\n".join([f"{document['redriven']} {would} back into the queue{refused}", *_runs(document)])


def drop_view(document: dict[str, Any]) -> str:
    would = "would be dropped" if document["dry_run"] else "dropped"
    return "\n".join([f"{document['dropped']} {would}", *_runs(document)])


def repro_view(document: dict[str, Any]) -> str:
    lines = [
        f"written   {document['path']}  (it holds the data of the request)",
        f"expect    {document['error']['message']} [{document['error']['reason']}]",
        f"run       docugen render {document['path']}",
    ]
    return "\n".join([*lines, *(f"differs   {difference}" for difference in document["differences"])])


def _runs(document: dict[str, Any]) -> list[str]:
    return [f"  {run_id}" for run_id in document["bundle_runs"]]
