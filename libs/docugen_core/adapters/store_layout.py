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

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from docugen_core.adapters.store_errors import DIGEST
from docugen_core.domain.identity import SPEC_PREFIX, digest_of_canonical
from docugen_core.domain.tenant import is_kept_id
from docugen_core.ports import StoredKind

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


PLACES: Mapping[StoredKind, Callable[[str], Place]] = {
    StoredKind.CLAIM: claim,
    StoredKind.NOTE: note,
    StoredKind.BLOB: blob,
    StoredKind.SPEC: spec,
    StoredKind.SIGNATURE: kept_signature,
}
PARTED = frozenset({StoredKind.BLOB, StoredKind.NOTE})
"""Kinds whose folder has folders."""
_PART = re.compile(r"[0-9a-f]{2}")


def is_part(folder_name: str) -> bool:
    """Whether a folder of a parted kind is one of its parts."""
    return _PART.fullmatch(folder_name) is not None


def is_item(kind: StoredKind, file_name: str) -> bool:
    """Whether a file in a kind's folder is one of it, by its name: strangers' files are left alone."""
    name = file_name.removesuffix(".json")
    return is_kept_id(name) if kind is StoredKind.CLAIM else DIGEST.fullmatch(name) is not None


def spec_digest_of(canonical: bytes) -> str:
    """The digest under which canonical spec bytes are kept."""
    return digest_of_canonical(SPEC_PREFIX, canonical)
