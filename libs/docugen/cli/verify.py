"""`docugen verify`: render a finished run again and compare every byte, on the server or on the local store."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from docugen.cli import local
from docugen.cli.failures import DID_NOT_WORK
from docugen.cli.options import json_option, server_option
from docugen.cli.output import emit
from docugen.cli.views import verification_view

IDENTICAL = "identical"


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--local", "here", is_flag=True, help="Use the store of DOCUGEN_STORE_URL and this machine's engine.")
@server_option
@json_option
def verify(run: str, here: bool, server: str | None, as_json: bool) -> int:
    """Render the finished RUN again, in memory, and compare every SHA-256 with its manifest.

    A difference is explained by the inputs that changed since: engine, fonts, template packs, generators. If none did, the
    verdict is determinism_violation, which must not happen. Exit code 1 on any difference.

    \b
    --json: {bundle_run_id, verdict: identical | inputs_changed | determinism_violation,
             comparisons: [{artefact, expected_sha256, actual_sha256, equal}],
             changed_inputs: [{input, before, now}]}
    """
    if here and server:
        raise click.UsageError("--local and --server exclude each other")
    document = asyncio.run(_verified_here(run)) if here else _verified_there(run, server)
    emit(document, verification_view, as_json=as_json)
    return 0 if document["verdict"] == IDENTICAL else DID_NOT_WORK


def _verified_there(run: str, server: str | None) -> dict[str, Any]:
    from docugen.cli.remote import ask
    from docugen.client import to_json

    return {"bundle_run_id": run, **to_json(ask(server, lambda client: client.verify(run)))}


async def _verified_here(run: str) -> dict[str, Any]:
    from docugen_core.verification import verify_bundle_run

    async with local.verifier(local.settings()) as (bundles, store):
        result = await verify_bundle_run(run, bundles=bundles, store=store)
    return {
        "bundle_run_id": run,
        "verdict": result.verdict.value,
        "comparisons": [
            {
                "artefact": c.artefact,
                "expected_sha256": c.expected_sha256,
                "actual_sha256": c.actual_sha256,
                "equal": c.equal,
            }
            for c in result.comparisons
        ],
        "changed_inputs": [{"input": c.input, "before": c.before, "now": c.now} for c in result.changed_inputs],
    }
