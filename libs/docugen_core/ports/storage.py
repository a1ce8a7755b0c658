"""Where artefacts, manifests and what renders leave behind are kept, and how they are signed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class ArtefactStore(Protocol):
    """Write-once storage of bytes by content, and of finished bundles by run id.

        blobs/{sha256}  ->  claims/{run}.json (first wins)  ->  artefacts/{run}/{name}  ->  manifests/{run}.json last

    Every step can be repeated by anybody and ends in the same state; nothing is ever overwritten. A reader that sees the
    manifest can read every artefact it lists.
    """

    async def put_blob(self, data: bytes) -> str:
        """Keep `data` durably under its SHA-256 (returned). Idempotent. Raises Unavailable when it cannot be written."""
        ...

    async def read_blob(self, sha256: str, offset: int = 0, limit: int = -1) -> bytes:
        """Bytes of a blob, `limit` at most (-1: to the end). Raises NotFound (ARTEFACT_NOT_FOUND), Unavailable."""
        ...

    async def blob_size(self, sha256: str) -> int:
        """Size of a blob in bytes. Raises NotFound (ARTEFACT_NOT_FOUND), Unavailable."""
        ...

    async def put_spec(self, spec_digest: str, spec: bytes) -> None:
        """Keep a canonical spec as `specs/{spec_digest}.json`, so that any finished run can be verified. Idempotent."""
        ...

    async def read_spec(self, spec_digest: str) -> bytes | None: ...

    async def put_signature(self, manifest_sha256: str, signature: bytes) -> None:
        """Keep the signature of a manifest, before it is published: whichever manifest stands, its signature is here then.
        Idempotent; a signature by another key takes the place of an older one, but not beside runs that are published."""
        ...

    async def read_signature(self, run_id: str) -> bytes | None:
        """The signature beside the manifest of a finished run; None where it is not signed."""
        ...

    async def publish(self, run_id: str, manifest: bytes) -> bytes:
        """Make the run's artefacts visible, then its signature, then its manifest; return the manifest that stands.

        The artefacts' blobs are in the store. If another attempt published first, its manifest stands and is returned:
        the caller compares. Raises Unavailable; may be repeated after any error.
        """
        ...

    async def read_manifest(self, run_id: str) -> bytes | None: ...

    async def withdraw(self, run_id: str) -> None:
        """Take away what stands below the run's manifest: claim, artefacts, signature. Idempotent. Only `deletion` calls it."""
        ...

    async def unpublish(self, run_id: str) -> None:
        """Take away the run's manifest, after `withdraw`: the run is not finished any more. Idempotent."""
        ...

    async def artefact_url(self, run_id: str, name: str, lifetime_s: int) -> str:
        """A URL to GET an artefact of a published run, by anybody who has it, for `lifetime_s` seconds.

        Raises NotPossibleNow (URLS_NOT_SUPPORTED) where the store has none.
        """
        ...

    async def run_ids(self) -> tuple[str, ...]:
        """Ids of all published runs, sorted."""
        ...


class DocumentNotes(Protocol):
    """Small notes beside a store, by document digest (64 hex digits), for `document_cache`. Hints: any of them may vanish."""

    async def read_note(self, document_digest: str) -> bytes | None:
        """The note; None where there is none. Raises Unavailable."""
        ...

    async def keep_blob(self, sha256: str, data: bytes) -> bool:
        """Make the blob that a note led to young again, so that no sweep takes it before it is published. data: its bytes.
        False where it is gone meanwhile."""
        ...

    async def write_note(self, document_digest: str, note: bytes) -> None:
        """Put a note in the place of any older one: readers see all of it or none. Need not survive a power failure.

        Keeps the number of notes within its bound. Raises Unavailable.
        """
        ...


class StoredKind(Enum):
    """What can be listed and swept in a store, by its folder. Named by digest; a claim by its run."""

    CLAIM = "claims"
    NOTE = "documents"
    BLOB = "blobs"
    SPEC = "specs"
    SIGNATURE = "signatures"


@dataclass(frozen=True, slots=True)
class StoredItem:
    """One of them. modified_ms: when it was written, or used, last; by the store's clock."""

    name: str
    size: int
    modified_ms: int


class StoreKeeping(Protocol):
    """Looking through a store and taking out what nothing refers to, for `retention`."""

    def items(self, kind: StoredKind) -> AsyncIterator[StoredItem]:
        """All there is of a kind, in any order, read as it is asked for. Raises Unavailable."""
        ...

    async def read_claim(self, run_id: str) -> bytes | None: ...

    async def discard(self, kind: StoredKind, name: str, *, before_ms: int) -> bool:
        """Remove an item unless it was written or used since `before_ms`; looked at again now. Whether it was removed."""
        ...


class BundleStore(ArtefactStore, DocumentNotes, StoreKeeping, Protocol):
    """All that one store does, as the composition roots open it."""


class Signer(Protocol):
    """Signs manifests."""

    def sign(self, manifest: bytes) -> bytes:
        """The bytes of the detached signature file: the same for the same manifest."""
        ...
