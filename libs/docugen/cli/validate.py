"""`docugen validate`: everything wrong with a bundle at once, or its identity. No server is asked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from docugen_core.errors import InvalidRequest
from docugen_core.submission import SubmitRequest, prepare_generation_job

from docugen.cli import local
from docugen.cli.bundle_files import read_bundle
from docugen.cli.failures import WRONG_INPUT, violation_line
from docugen.cli.options import bundle_argument, date_option, json_option, seed_option
from docugen.cli.output import emit, warn


@click.command()
@bundle_argument
@click.option("--run-id", default="", metavar="ID", help="Check this bundle run id as well.")
@seed_option
@date_option
@json_option
def validate(bundle: str, run_id: str, seed: str | None, document_date: str | None, as_json: bool) -> int:
    """Check BUNDLE (a file, or - for standard input) against the templates installed here; nothing is rendered.

    Prints every violation, one a line, as `path: what is wrong (what to write instead)`, and ends with exit code 2. A valid
    bundle: its spec digest and the run id derived from it.

    \b
    --json: {valid: true, spec_digest, bundle_run_id, seed, documents: [{name, format, template}]}
            {valid: false, reason, message, violations: [{path, description, hint}]}
    """
    settings = local.settings()
    try:
        file = read_bundle(bundle, settings, seed=seed, document_date=document_date)
        job = prepare_generation_job(SubmitRequest(file.bundle, run_id), local.intake(settings))
    except InvalidRequest as error:
        emit(_refusal(error), _refusal_view, as_json=as_json)
        if not as_json:
            count = len(error.violations) or 1
            warn(f"{count} violation{'s' if count > 1 else ''} in {bundle}")
        return WRONG_INPUT
    emit(
        {
            "valid": True,
            "spec_digest": job.bundle.spec_digest,
            "bundle_run_id": job.run_id,
            "seed": job.bundle.seed,
            "documents": [
                {"name": d.name, "format": d.format.value, "template": str(d.template) if d.template else ""}
                for d in job.bundle.documents
            ],
        },
        _valid_view,
        as_json=as_json,
    )
    return 0


def _refusal(error: InvalidRequest) -> dict[str, Any]:
    return {
        "valid": False,
        "reason": error.reason,
        "message": error.message,
        "violations": [asdict(v) for v in error.violations],
    }


def _refusal_view(document: dict[str, Any]) -> str:
    return "\n".join(violation_line(v) for v in document["violations"]) or document["message"]


def _valid_view(document: dict[str, Any]) -> str:
    count = len(document["documents"])
    return "\n".join(
        [
            f"valid: {count} document{'s' if count > 1 else ''}",
            f"spec digest  {document['spec_digest']}",
            f"run id       {document['bundle_run_id']}",
        ]
    )
