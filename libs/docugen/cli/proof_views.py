"""JSON documents of `diff`, `verify --key` and `keys` as text for people."""

from __future__ import annotations

from typing import Any

import click

from docugen.cli.output import table
from docugen.cli.views import changed_inputs_table, coloured, verification_view

_DIGEST_SHOWN = 12


def diff_view(document: dict[str, Any]) -> str:
    """Inputs, then artefacts, then what changed inside them."""
    lines = [f"{coloured(document['verdict'])}: {document['before']} -> {document['now']}"]
    if document["changed_inputs"]:
        lines += ["", changed_inputs_table(document["changed_inputs"])]
    rows = [
        (
            a["name"],
            _change(a["change"]),
            a["before_sha256"][:_DIGEST_SHOWN],
            a["now_sha256"][:_DIGEST_SHOWN],
            _inside(a),
        )
        for a in document["artefacts"]
    ]
    lines += ["", table(("ARTEFACT", "", "BEFORE", "NOW", "INSIDE"), rows)]
    for artefact in document["artefacts"]:
        content = artefact["content"]
        if content and content["kind"] != "pages" and content["shown"]:
            lines += ["", click.style(artefact["name"], bold=True), *(f"  {change}" for change in content["shown"])]
            if content["count"] > len(content["shown"]):
                lines.append(f"  ... and {content['count'] - len(content['shown'])} more")
        lines += [f"picture  {path}" for path in artefact["pictures"]]
    return "\n".join(lines)


def proof_view(document: dict[str, Any]) -> str:
    """What `verify` found: the comparison, then the signature."""
    signature = document["signature"]
    if signature is None:
        return verification_view(document)
    told = f"signature  {coloured(signature['verdict'])}: {_SIGNATURES[signature['verdict']]}"
    if signature["verdict"] == "wrong_key":
        told += f"\n           signed by {signature['key_id']}, asked for {signature['expected_key_id']}"
    return f"{verification_view(document)}\n\n{told}"


_SIGNATURES = {
    "valid": "this key signed this manifest",
    "missing": "the manifest is not signed",
    "wrong_key": "another key signed it",
    "tampered": "the manifest is not the one that was signed",
    "malformed": "the file beside the manifest is no signature",
}


def _change(change: str) -> str:
    return click.style(change.replace("_", " "), fg="green" if change == "equal" else "red")


def _inside(artefact: dict[str, Any]) -> str:
    content = artefact["content"]
    if content is None:
        return ""
    if content["kind"] == "pages":
        more = ", ..." if content["count"] > len(content["shown"]) else ""
        return f"pages {', '.join(content['shown'])}{more}" if content["count"] else "no page looks different"
    return f"{content['count']} {content['kind'] if content['count'] != 1 else content['kind'].removesuffix('s')}"
