"""Where a store keeps what: the names below its root, the same in a folder and in a bucket.

blobs/{first two hex digits}/{sha256}     artefacts by content
specs/{spec_digest}.json                  canonical specs, so that any finished run can be verified
claims/{run}.json                         the manifest of the attempt that came first; decides, shows nothing yet
artefacts/{run}/{name}                    the run's files under their names
signatures/{sha256 of a manifest}.json    signatures of manifests that are, or were about to be, published
manifests/{run}.json.sig                  the signature of the run's manifest, if it is signed
manifests/{run}.json                      last: its existence is completion of the run
documents/{first two}/{document digest}.json
                                          notes of the document cache: hints, of which any may be removed at any time
"""

from __future__ import annotations

from typing import TypeAlias

from docugen_core.domain.identity import SPEC_PREFIX, digest_of_canonical

Place: TypeAlias = tuple[str, ...]
"""Folders and a file name below the root."""


def blob(sha256: str) -> Place:
    return ("blobs", sha256[:2], sha256)


def spec(spec_digest: str) -> Place:
    return ("specs", f"{spec_digest}.json")


def note(document_digest: str) -> Place:
    return ("documents", document_digest[:2], f"{document_digest}.json")


def claim(run_id: str) -> Place:
    return ("claims", f"{run_id}.json")


def artefact(run_id: str, name: str) -> Place:
    return ("artefacts", run_id, name)


def kept_signature(manifest_sha256: str) -> Place:
    return ("signatures", f"{manifest_sha256}.json")


def signature(run_id: str) -> Place:
    return ("manifests", f"{run_id}.json.sig")


def manifest(run_id: str) -> Place:
    return ("manifests", f"{run_id}.json")


def spec_digest_of(canonical: bytes) -> str:
    """The digest under which canonical spec bytes are kept."""
    return digest_of_canonical(SPEC_PREFIX, canonical)
