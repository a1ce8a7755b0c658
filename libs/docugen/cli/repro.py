"""A dead letter as a bundle file: what `docugen render` needs to fail in the same way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docugen_core.config import Settings
from docugen_core.domain.bundle import FIRST_PAGE, PPI_DEFAULT, ResolvedBundle, ResolvedDocument
from docugen_core.errors import InvalidRequest, NotFound
from docugen_core.rendering.engine import engine
from docugen_core.submission import Intake, SubmitRequest, prepare_generation_job

from docugen.cli import local
from docugen.client import DeadLetter, to_json


def write_repro(path: Path, letter: DeadLetter, settings: Settings) -> dict[str, Any]:
    """Write the bundle of `letter` to `path`; returns the document of `docugen dlq repro --json`.

    The file has the run's own identity (spec digest) wherever the same packs and generators are installed. Elsewhere the seed
    in force is written out, so that at least every seeded value is the same.
    """
    bundle = ResolvedBundle.from_json(letter.spec)
    file = bundle_file(bundle)
    differences = list(_differences(bundle, file, local.intake(settings)))
    if differences:
        file["seed"] = bundle.seed
    if letter.engine_fingerprint not in ("", engine().fingerprint):
        differences.append(f"engine: the run had {letter.engine_fingerprint[:12]}, here is {engine().fingerprint[:12]}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(file, ensure_ascii=False, indent=2) + "\n")
    return {
        "path": str(path),
        "bundle_run": letter.bundle_run,
        "spec_digest": bundle.spec_digest,
        "error": to_json(letter.error),
        "differences": differences,
    }


def bundle_file(bundle: ResolvedBundle) -> dict[str, Any]:
    """The bundle as a caller would write it, templates pinned to versions, defaults left out."""
    raw: dict[str, Any] = {"documents": [_document(d) for d in bundle.documents]}
    if bundle.data:
        raw["data"] = bundle.data
    if bundle.generate:
        raw["generate"] = {"name": bundle.generate.name, "params": bundle.generate.params}
    if bundle.document_date:
        raw["document_date"] = bundle.document_date.isoformat()
    if bundle.specimen:
        raw["specimen"] = True
    texts = {
        "seed": bundle.requested_seed,
        "locale": bundle.locale,
        "time_zone": bundle.time_zone,
        "salt": bundle.salt,
    }
    return raw | {name: text for name, text in texts.items() if text}


def _document(document: ResolvedDocument) -> dict[str, Any]:
    raw: dict[str, Any] = {"name": document.name, "format": document.format.value}
    if document.template:
        raw["template"] = str(document.template)
    if document.data:
        raw["data"] = document.data
    if document.optional:
        raw["optional"] = True
    if document.fallback:
        raw["fallback"] = str(document.fallback)
    if document.members:
        raw["members"] = list(document.members)
    if document.page != FIRST_PAGE:
        raw["page"] = document.page
    if document.ppi != PPI_DEFAULT:
        raw["ppi"] = document.ppi
    if document.attachments:
        raw["attachments"] = list(document.attachments)
    return raw


def _differences(bundle: ResolvedBundle, file: dict[str, Any], here: Intake) -> Iterator[str]:
    """What of the bundle is not here as it was there, in words."""
    for template in bundle.packs:
        try:
            here.catalogue.pinned(template)
        except NotFound as error:
            yield f"template {template}: {error.message}"
    try:
        job = prepare_generation_job(SubmitRequest(file), here)
    except InvalidRequest as error:
        yield from (str(violation) for violation in error.violations or (error.message,))
    else:
        if job.bundle.generate != bundle.generate and bundle.generate:
            yield f"generator {bundle.generate.name}: the run had version {bundle.generate.version}"
