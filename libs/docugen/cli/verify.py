"""`docugen verify`: a finished run rendered again and compared, or its files and its signature checked without rendering."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from docugen.cli import local
from docugen.cli.failures import DID_NOT_WORK
from docugen.cli.options import json_option, server_option
from docugen.cli.output import emit
from docugen.cli.proof_views import proof_view
from docugen.cli.run_sources import contents_of, look_up, manifest_path

IDENTICAL = "identical"
INTACT = "intact"
VALID = "valid"


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--local", "here", is_flag=True, help="Use the store of DOCUGEN_STORE_URL and this machine's engine.")
@click.option("--key", metavar="PUBLIC_KEY", default=None, help="Check the signature of the manifest with this key.")
@click.option("--no-render", is_flag=True, help="Compare the stored bytes with the manifest, and render nothing.")
@server_option
@json_option
def verify(run: str, here: bool, key: str | None, no_render: bool, server: str | None, as_json: bool) -> int:
    """Render the finished RUN again, in memory, and compare every SHA-256 with its manifest.

    A difference is explained by the inputs that changed since: engine, fonts, template packs and their files, generators. If
    none did, the verdict is determinism_violation, which must not happen.

    RUN may also be the path of a manifest.json with its artefacts beside it. Then, and with --no-render, nothing is rendered:
    the files are compared with the manifest, which takes no server, no store and no engine. With --key the manifest's signature
    is checked as well. Exit code 1 on any difference, and unless the signature is valid.

    \b
    --json: {bundle_run_id, verdict: identical | inputs_changed | determinism_violation | intact | damaged,
             comparisons: [{artefact, expected_sha256, actual_sha256, equal}],
             changed_inputs: [{input, before, now}],
             signature: {verdict: valid | missing | wrong_key | tampered | malformed, key_id, expected_key_id} | null}
    """
    if here and server:
        raise click.UsageError("--local and --server exclude each other")
    files_only = no_render or manifest_path(run) is not None
    document = _files_compared(run, here, server) if files_only else _rendered(run, here, server)
    document["signature"] = _signature(run, here, server, Path(key)) if key else None
    emit(document, proof_view, as_json=as_json)
    proven = document["signature"] is None or document["signature"]["verdict"] == VALID
    return 0 if proven and document["verdict"] in (IDENTICAL, INTACT) else DID_NOT_WORK


def _rendered(run: str, here: bool, server: str | None) -> dict[str, Any]:
    return asyncio.run(_verified_here(run)) if here else _verified_there(run, server)


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
        "comparisons": [_comparison(c.artefact, c.expected_sha256, c.actual_sha256) for c in result.comparisons],
        "changed_inputs": [{"input": c.input, "before": c.before, "now": c.now} for c in result.changed_inputs],
    }


def _files_compared(run: str, here: bool, server: str | None) -> dict[str, Any]:
    """The stored bytes against the manifest; an artefact that is not there has no actual SHA-256."""
    from docugen_core.domain.identity import content_digest
    from docugen_core.domain.manifest import ArtefactStatus

    found, contents = contents_of(run, here=here, server=server)
    rendered = [a for a in found.parsed.artefacts if a.status is ArtefactStatus.RENDERED]
    digests = {name: "" if data is None else content_digest(data) for name, data in contents.items()}
    comparisons = [_comparison(a.name, a.sha256, digests[a.name]) for a in rendered]
    verdict = INTACT if all(c["equal"] for c in comparisons) else "damaged"
    return {"bundle_run_id": found.name, "verdict": verdict, "comparisons": comparisons, "changed_inputs": []}


def _comparison(name: str, expected: str, actual: str) -> dict[str, Any]:
    return {"artefact": name, "expected_sha256": expected, "actual_sha256": actual, "equal": expected == actual}


def _signature(run: str, here: bool, server: str | None, key: Path) -> dict[str, str]:
    from docugen_core.adapters.manifest_signing import PublicKey

    public = PublicKey.load(key)
    found = look_up(run, here=here, server=server)
    check = public.check(found.manifest, found.signature)
    return {"verdict": check.verdict.value, "key_id": check.key_id, "expected_key_id": public.key_id}
