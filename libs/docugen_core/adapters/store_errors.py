"""What the artefact store refuses and what it reports: ids, names and manifests checked, OSError in the caller's words."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from docugen_core.adapters.store_folders import is_safe_name
from docugen_core.domain.failure import Violation
from docugen_core.domain.manifest import ArtefactEntry, ArtefactStatus, Manifest
from docugen_core.domain.tenant import is_kept_id
from docugen_core.errors import InvalidRequest, NotFound, Unavailable

DIGEST = re.compile(r"[0-9a-f]{64}")

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def check_run_id(run_id: str) -> None:
    """Raises InvalidRequest for what cannot be a run's file name."""
    if not is_kept_id(run_id):
        raise InvalidRequest.from_violations(
            [
                Violation(
                    "bundle_run_id", "is not a bundle run id", "Lower-case letters, digits, '.', '_', '-'; 63 at most."
                )
            ]
        )


def check_names(run_id: str, manifest: Manifest) -> None:
    """Raises InvalidRequest for an artefact that cannot be a file, ValueError for one without SHA-256."""
    for entry in manifest.artefacts:
        if not is_safe_name(entry.name):
            raise InvalidRequest.from_violations(
                [
                    Violation(
                        "documents.name", f"{entry.name!r} cannot be a file name", "Use letters, digits, '.', '_', '-'."
                    )
                ]
            )
        if entry.status is ArtefactStatus.RENDERED and not DIGEST.fullmatch(entry.sha256):
            raise ValueError(f"run {run_id}: artefact {entry.name!r} has no SHA-256")


def readable_manifest(run_id: str, data: bytes | None) -> Manifest:
    """A stored claim or manifest, checked like a new one: another release, or another hand, may have written it."""
    try:
        manifest = Manifest.from_bytes(data or b"")
        check_names(run_id, manifest)
    except (ValueError, KeyError, TypeError, InvalidRequest) as error:
        raise Unavailable(
            f"what is stored for run {run_id} is not a manifest this release can read",
            code="STORE_DAMAGED",
            hint=f"If no newer release shares this store, move claims/{run_id}.json and manifests/{run_id}.json away.",
            details={"bundle_run_id": run_id, "place": f"claims/{run_id}.json"},
        ) from error
    return manifest


def no_blob(sha256: str) -> NotFound:
    """For a digest of which nothing is stored, or nothing sound."""
    return NotFound(
        f"no artefact with SHA-256 {sha256[:64]!r} is stored",
        code="ARTEFACT_NOT_FOUND",
        hint="Take the digest from the run's manifest; submitting the bundle again renders it anew.",
    )


def missing_blob(run_id: str, entry: ArtefactEntry) -> Unavailable:
    """For a manifest whose bytes are not there any more."""
    return Unavailable(
        f"run {run_id}: the bytes of {entry.name!r} are not in the store",
        code="STORE_DAMAGED",
        hint="Submit the bundle again: rendering restores them. If another engine edition rendered it first and no manifest "
        f"exists, move claims/{run_id}.json away before.",
        details={"bundle_run_id": run_id, "artefact": entry.name, "sha256": entry.sha256},
    )


@contextmanager
def storage_errors(place: str) -> Iterator[None]:
    """The one translation of OSError. `place` is relative to the store: absolute paths are no business of a caller."""
    try:
        yield
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "UNKNOWN")
        if error.errno in _FULL:
            raise Unavailable(
                f"the artefact store is full ({place}/)",
                code="STORE_FULL",
                hint=f"Free space, or raise the quota or file size limit, where the store keeps {place}/; then submit again.",
                details={"place": f"{place}/", "errno": name},
                retry_after_ms=10_000,
            ) from error
        raise Unavailable(
            f"the artefact store cannot be used ({place}/)",
            code="STORE_UNAVAILABLE",
            hint=f"Check that {place}/ in the store is mounted, is a real folder, and is writable for the service.",
            details={"place": f"{place}/", "errno": name},
        ) from error
