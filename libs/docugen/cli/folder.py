"""Putting a finished bundle into a folder: artefacts flat under their names, `manifest.json` last, its signature before it.

Each file changes in one step, by rename. A file that already has the right bytes is left alone, so a second render touches
nothing. While anything changes there is no manifest: a folder that has one is exactly what it says.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from docugen_core.domain.identity import content_digest
from docugen_core.domain.manifest import ArtefactEntry, ArtefactStatus, Manifest
from docugen_core.ports import ArtefactStore

from docugen.cli.whole_files import PART, replace_file

MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = f"{MANIFEST_NAME}.sig"
_COPIED_AT_ONCE = 1 << 20


async def put_into_folder(run_id: str, manifest_bytes: bytes, store: ArtefactStore, folder: Path) -> dict[str, Any]:
    """Copy run `run_id` out of `store`; returns the JSON document that describes the folder. May be repeated.

    Raises Unavailable (store) and OSError (folder).
    """
    manifest = Manifest.from_bytes(manifest_bytes)
    stale = [a for a in manifest.artefacts if a.status is ArtefactStatus.RENDERED and not _is_current(folder, a)]
    if _begin(folder, manifest_bytes) or stale:
        (folder / MANIFEST_NAME).unlink(missing_ok=True)
        for artefact in stale:
            await _copy(artefact, store, folder)
        (folder / SIGNATURE_NAME).unlink(missing_ok=True)
        signature = await store.read_signature(run_id)
        if signature is not None:
            replace_file(folder / SIGNATURE_NAME, signature, durable=True)
        replace_file(folder / MANIFEST_NAME, manifest_bytes, durable=True)
    return folder_document(run_id, manifest_bytes, folder, {a.name for a in stale})


def folder_document(run_id: str, manifest_bytes: bytes, folder: Path, changed: set[str]) -> dict[str, Any]:
    """What is in `folder` now, as the JSON document of `render` and `runs get`."""
    manifest = Manifest.from_bytes(manifest_bytes)
    return {
        "bundle_run_id": run_id,
        "spec_digest": manifest.spec_digest,
        "seed": manifest.seed,
        "engine_fingerprint": manifest.engine.fingerprint,
        "directory": str(folder),
        "manifest": {"path": str(folder / MANIFEST_NAME), "sha256": content_digest(manifest_bytes)},
        "artefacts": [_artefact_json(a, folder, a.name in changed) for a in manifest.artefacts],
    }


def _artefact_json(artefact: ArtefactEntry, folder: Path, changed: bool) -> dict[str, Any]:
    rendered = artefact.status is ArtefactStatus.RENDERED
    return {
        "name": artefact.name,
        "format": artefact.format.value,
        "media_type": artefact.media_type,
        "status": artefact.status.value,
        "path": str(folder / artefact.name) if rendered else "",
        "size": artefact.size,
        "sha256": artefact.sha256,
        "pages": artefact.pages,
        "reason": artefact.reason,
        "fallback_reason": artefact.fallback_reason,
        "changed": changed,
    }


def _begin(folder: Path, manifest_bytes: bytes) -> bool:
    """Make the folder; says whether its manifest is absent or another one."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / MANIFEST_NAME
    return not manifest.is_file() or manifest.read_bytes() != manifest_bytes


def _is_current(folder: Path, artefact: ArtefactEntry) -> bool:
    path = folder / artefact.name
    if not path.is_file() or path.stat().st_size != artefact.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == artefact.sha256


async def _copy(artefact: ArtefactEntry, store: ArtefactStore, folder: Path) -> None:
    part = folder / f".{artefact.name}{PART}"
    with part.open("wb") as file:
        while file.tell() < artefact.size:
            file.write(await store.read_blob(artefact.sha256, file.tell(), _COPIED_AT_ONCE))
    part.replace(folder / artefact.name)
