"""The artefact store in a folder of a local disk.

    blobs/, claims/, manifests/ ...           as store_layout says; artefacts and signatures of runs are hard links
    quarantine/                               damaged files, the last of each name, for inspection
    staging/                                  files being written

What is done with the files is in `local_files`, which blocks: here it is done in threads, a bounded number at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import unquote

from docugen_core.adapters import store_layout as layout
from docugen_core.adapters.local_files import LocalFiles
from docugen_core.adapters.shared_look import SharedLook
from docugen_core.adapters.store_errors import DIGEST, check_names, check_run_id, no_blob
from docugen_core.adapters.store_layout import Place
from docugen_core.domain.identity import content_digest
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.tenant import is_kept_id
from docugen_core.errors import ConfigurationError, NotPossibleNow
from docugen_core.ports import StoredItem, StoredKind

THREADS_MAX = 8
NOTES_MAX = 1_000_000

P = ParamSpec("P")
T = TypeVar("T")


def open_store(store_url: str, *, notes_max: int = NOTES_MAX) -> LocalStore:
    """The store a file:// URL names: `file://./var/docugen` (below the working directory) or `file:///srv/docugen`.

    notes_max: notes of the document cache that it keeps.
    Raises ConfigurationError for any other URL, and when the folder can be neither found nor made.
    """
    return LocalStore(store_folder(store_url), notes_max=notes_max)


def store_folder(store_url: str) -> Path:
    """The folder of a file:// URL. Raises ConfigurationError for any other URL."""
    path = unquote(store_url.removeprefix("file://"))
    if not store_url.startswith("file://") or not path.startswith(("/", "./", "../")) or "\0" in path:
        raise ConfigurationError(
            f"DOCUGEN_STORE_URL={store_url!r}: must be file://./relative/folder or file:///absolute/folder",
            hint="Two slashes and a dot for a folder below the working directory, three slashes for an absolute one.",
        )
    return Path(path)


class LocalStore:
    """`ports.ArtefactStore` in the folder `root`, which is made if need be; leftovers of dead processes are swept.

    Raises ConfigurationError when the folder cannot be used. Methods raise Unavailable with code STORE_FULL (disk, quota or
    file size limit), STORE_DAMAGED (what is stored cannot be what was written) or STORE_UNAVAILABLE (anything else), and
    InvalidRequest for ids and names that cannot be file names. All are safe to cancel and to repeat: the work of a
    cancelled call still ends in its thread, and ends in the same state.
    """

    def __init__(self, root: Path, *, notes_max: int = NOTES_MAX) -> None:
        """notes_max: bound for `write_note`."""
        self._files = LocalFiles(root, notes_max=notes_max)
        self._threads = asyncio.Semaphore(THREADS_MAX)
        self._manifests = SharedLook(self._files.read)

    @property
    def root(self) -> Path:
        """The store's folder, absolute. Never shown to callers; the ledger of runs may live beside the store's folders."""
        return self._files.root

    async def put_blob(self, data: bytes) -> str:
        """Keep `data` durably under its SHA-256 (returned). A damaged blob of that name is replaced."""
        sha256 = content_digest(data)
        await self._in_thread(self._files.put_sealed, layout.blob(sha256), data, content_digest)
        return sha256

    async def read_blob(self, sha256: str, offset: int = 0, limit: int = -1) -> bytes:
        """Bytes of a blob. Read whole in one call, it is verified; a part of it is not (see `verify_blob`).

        Raises NotFound (ARTEFACT_NOT_FOUND), also for a damaged blob: submitting the bundle again restores it.
        """
        if offset < 0 or limit < -1:
            raise ValueError(f"offset {offset} and limit {limit}: must not be negative (limit -1: to the end)")
        data = await self._in_thread(self._files.read_blob, sha256, offset, limit) if DIGEST.fullmatch(sha256) else None
        if data is None:
            raise no_blob(sha256)
        return data

    async def blob_size(self, sha256: str) -> int:
        """Size of a blob in bytes; its content is not looked at. Raises NotFound (ARTEFACT_NOT_FOUND)."""
        size = await self._in_thread(self._files.size, layout.blob(sha256)) if DIGEST.fullmatch(sha256) else None
        if size is None:
            raise no_blob(sha256)
        return size

    async def verify_blob(self, sha256: str) -> bool:
        """Whether the blob is stored and its bytes match its name; for readers that take it in parts afterwards."""
        return (
            DIGEST.fullmatch(sha256) is not None
            and await self._in_thread(self._files.read_blob, sha256, 0, -1) is not None
        )

    async def put_spec(self, spec_digest: str, spec: bytes) -> None:
        """Keep the canonical spec `spec`. Raises ValueError when `spec_digest` is not its digest (a bug of the caller)."""
        if layout.spec_digest_of(spec) != spec_digest:
            raise ValueError(f"spec {spec_digest[:64]}: these bytes are not the canonical spec of that digest")
        await self._in_thread(self._files.put_sealed, layout.spec(spec_digest), spec, layout.spec_digest_of)

    async def read_spec(self, spec_digest: str) -> bytes | None:
        """The canonical spec; None if it is not stored, or damaged (submitting the bundle again restores it)."""
        if not DIGEST.fullmatch(spec_digest):
            return None
        return await self._in_thread(self._files.read_sealed, layout.spec(spec_digest), layout.spec_digest_of)

    async def read_note(self, document_digest: str) -> bytes | None:
        """A note of the document cache, as it stands: whoever reads it checks it. See `ports.DocumentNotes`."""
        if not DIGEST.fullmatch(document_digest):
            return None
        return await self._in_thread(self._files.read, layout.note(document_digest))

    async def write_note(self, document_digest: str, note: bytes) -> None:
        """Write a note; when its folder holds more than its share of `notes_max`, the oldest ones go.

        Raises ValueError when `document_digest` is none (a bug of the caller).
        """
        if not DIGEST.fullmatch(document_digest):
            raise ValueError(f"{document_digest[:64]!r} is not a document digest")
        await self._in_thread(self._files.write_note, document_digest, note)

    async def keep_blob(self, sha256: str, data: bytes) -> bool:
        """See `ports.DocumentNotes`."""
        return await self._in_thread(self._files.touch, layout.blob(sha256))

    async def items(self, kind: StoredKind) -> AsyncIterator[StoredItem]:
        """See `ports.StoreKeeping`."""
        folders: list[Place] = [(kind.value,)]
        if kind in layout.PARTED:
            names = await self._in_thread(self._files.names, kind.value)
            folders = [(kind.value, name) for name in names if layout.is_part(name)]
        for folder in folders:
            for name, size, modified_ms in await self._in_thread(self._files.entries, folder):
                if layout.is_item(kind, name):
                    yield StoredItem(name.removesuffix(".json"), size, modified_ms)

    async def read_claim(self, run_id: str) -> bytes | None:
        """The manifest that the first attempt at a run wants to publish, or has published."""
        check_run_id(run_id)
        return await self._in_thread(self._files.read, layout.claim(run_id))

    async def discard(self, kind: StoredKind, name: str, *, before_ms: int) -> bool:
        """See `ports.StoreKeeping`."""
        return await self._in_thread(self._files.discard, layout.PLACES[kind](name), before_ms)

    async def put_signature(self, manifest_sha256: str, signature: bytes) -> None:
        """Keep the signature of the manifest of that digest. See `ports.ArtefactStore`.

        Raises ValueError when `manifest_sha256` is none (a bug of the caller).
        """
        if not DIGEST.fullmatch(manifest_sha256):
            raise ValueError(f"{manifest_sha256[:64]!r} is not a SHA-256")
        await self._in_thread(self._files.put_signature, layout.kept_signature(manifest_sha256), signature)

    async def read_signature(self, run_id: str) -> bytes | None:
        """The signature of a finished run's manifest, None where it has none."""
        check_run_id(run_id)
        return await self._in_thread(self._files.read, layout.signature(run_id))

    async def publish(self, run_id: str, manifest: bytes) -> bytes:
        """Claim, artefacts of the winning claim, its signature, manifest; returns the manifest that stands.

        Repeatable after any error.

        Raises ValueError or KeyError when `manifest` is not a manifest (a bug of the caller; nothing is written), and
        Unavailable with code STORE_DAMAGED when a blob of the winning claim is missing: render again, which puts it back,
        and publish again.

        Cancelling waits for its end, as its thread cannot be stopped: whoever cancelled can then see whether it is published.
        """
        check_run_id(run_id)
        check_names(run_id, Manifest.from_bytes(manifest))
        publishing = asyncio.ensure_future(self._in_thread(self._files.publish, run_id, manifest))
        try:
            return await asyncio.shield(publishing)
        except asyncio.CancelledError:
            await asyncio.gather(publishing, return_exceptions=True)
            raise

    async def read_manifest(self, run_id: str) -> bytes | None:
        """The manifest of a finished run, None for any other."""
        check_run_id(run_id)
        return await self._manifests.at(layout.manifest(run_id))

    async def withdraw(self, run_id: str) -> None:
        """Take away claim, artefacts and signature of a run."""
        check_run_id(run_id)
        await self._in_thread(self._files.withdraw, run_id)

    async def unpublish(self, run_id: str) -> None:
        """Take away the manifest of a run."""
        check_run_id(run_id)
        await self._in_thread(self._files.remove, layout.manifest(run_id))

    async def artefact_url(self, run_id: str, name: str, lifetime_s: int) -> str:
        """Raises NotPossibleNow (URLS_NOT_SUPPORTED): no URL leads to a file of this folder."""
        raise NotPossibleNow(
            "this server keeps its artefacts in a folder, which has no URLs",
            code="URLS_NOT_SUPPORTED",
            hint="ReadArtefact streams the bytes (`docugen runs get`); URLs need a store in a bucket (DOCUGEN_STORE_URL=s3://...).",
        )

    async def run_ids(self) -> tuple[str, ...]:
        """Ids of all published runs, sorted."""
        names = await self._in_thread(self._files.names, "manifests")
        ids = (name.removesuffix(".json") for name in names if name.endswith(".json"))
        return tuple(sorted(run_id for run_id in ids if is_kept_id(run_id)))

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        async with self._threads:
            return await asyncio.to_thread(work, *args, **kwargs)
