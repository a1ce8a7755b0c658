"""The artefact store in a bucket: S3, Google Cloud Storage, Azure Blob Storage, and servers that speak like S3.

The layout is that of `store_layout`, and publication the same as in a folder (decision 0005): blobs, claim, artefacts,
signature, manifest, each made once and never changed. What differs:

    artefacts/{run}/{name}   copies, made inside the service from the blobs of the winning claim: a bucket has no links. So
                             whoever makes them makes the same ones, and a run takes its bytes twice
    a damaged blob or spec   counts as absent and is replaced when the same bytes are put again; nothing is moved aside,
                             because a bucket has no way to move a damaged object without racing the one that replaces it
    a crash                  leaves whole objects or none: at most blobs, a claim and copies without a manifest, which the next
                             attempt uses; `docugen store gc` takes them away when nobody does

Waits and their bounds are `object_bucket`'s. An error leaves nothing half done that a repetition would not complete.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from docugen_core.adapters import store_layout as layout
from docugen_core.adapters.object_bucket import Bucket, Listed
from docugen_core.adapters.store_errors import (
    DIGEST,
    check_names,
    check_run_id,
    missing_blob,
    no_blob,
    readable_manifest,
)
from docugen_core.adapters.system_clock import SystemClock
from docugen_core.domain.identity import content_digest
from docugen_core.domain.manifest import ArtefactEntry, ArtefactStatus, Manifest
from docugen_core.domain.tenant import is_kept_id
from docugen_core.errors import Unavailable
from docugen_core.ports import Clock, StoredItem, StoredKind
from docugen_core.retention import REFRESH_MS

NOTES_MAX = 1_000_000
NOTE_FOLDERS = 256
THINNED_TO = 0.9
"""Part of the bound that is left when a folder of notes is full."""
DELETED_AT_ONCE = 1_000
CONFLICT_PAUSES_S = (0.05, 0.2, 0.8, 0.0)


class ObjectStore:
    """`ports.ArtefactStore` and `ports.DocumentNotes` in a bucket. Any number of processes may share one.

    Methods raise Unavailable with the codes of `Bucket`, or STORE_DAMAGED (what is stored cannot be what was written), and
    InvalidRequest for ids and names that cannot be file names. All are safe to cancel and to repeat.
    """

    def __init__(self, bucket: Bucket, *, notes_max: int = NOTES_MAX, clock: Clock | None = None) -> None:
        """notes_max: bound for `write_note`. clock: to tell old objects, in hours."""
        self._bucket = bucket
        self._clock = clock or SystemClock()
        self._notes_a_folder = max(1, notes_max // NOTE_FOLDERS)

    async def put_blob(self, data: bytes) -> str:
        """Keep `data` durably under its SHA-256 (returned). A damaged blob of that name is replaced."""
        sha256 = content_digest(data)
        await self._put_sealed(_key(layout.blob(sha256)), data, content_digest)
        return sha256

    async def read_blob(self, sha256: str, offset: int = 0, limit: int = -1) -> bytes:
        """Bytes of a blob. Read whole in one call, it is verified; a part of it is not.

        Raises NotFound (ARTEFACT_NOT_FOUND), also for a damaged blob: submitting the bundle again restores it.
        """
        if offset < 0 or limit < -1:
            raise ValueError(f"offset {offset} and limit {limit}: must not be negative (limit -1: to the end)")
        if not DIGEST.fullmatch(sha256):
            raise no_blob(sha256)
        data = await self._bucket.read(_key(layout.blob(sha256)), offset, limit)
        whole = offset == 0 and limit == -1
        if data is None or (whole and content_digest(data) != sha256):
            raise no_blob(sha256)
        return data

    async def blob_size(self, sha256: str) -> int:
        """Size of a blob in bytes; its content is not looked at. Raises NotFound (ARTEFACT_NOT_FOUND)."""
        found = await self._bucket.look(_key(layout.blob(sha256))) if DIGEST.fullmatch(sha256) else None
        if found is None:
            raise no_blob(sha256)
        return found.size

    async def put_spec(self, spec_digest: str, spec: bytes) -> None:
        """Keep the canonical spec `spec`. Raises ValueError when `spec_digest` is not its digest (a bug of the caller)."""
        if layout.spec_digest_of(spec) != spec_digest:
            raise ValueError(f"spec {spec_digest[:64]}: these bytes are not the canonical spec of that digest")
        await self._put_sealed(_key(layout.spec(spec_digest)), spec, layout.spec_digest_of)

    async def read_spec(self, spec_digest: str) -> bytes | None:
        """The canonical spec; None if it is not stored, or damaged (submitting the bundle again restores it)."""
        if not DIGEST.fullmatch(spec_digest):
            return None
        spec = await self._bucket.read(_key(layout.spec(spec_digest)))
        return spec if spec is not None and layout.spec_digest_of(spec) == spec_digest else None

    async def read_note(self, document_digest: str) -> bytes | None:
        """A note of the document cache, as it stands: whoever reads it checks it. See `ports.DocumentNotes`."""
        return (
            await self._bucket.read(_key(layout.note(document_digest))) if DIGEST.fullmatch(document_digest) else None
        )

    async def write_note(self, document_digest: str, note: bytes) -> None:
        """Write a note; when its folder holds more than its share of `notes_max`, the oldest ones go.

        Raises ValueError when `document_digest` is none (a bug of the caller).
        """
        if not DIGEST.fullmatch(document_digest):
            raise ValueError(f"{document_digest[:64]!r} is not a document digest")
        place = layout.note(document_digest)
        await self._bucket.put(_key(place), note)
        # Counting takes a listing, so it is done for one digest in 64: a folder exceeds its bound by some dozens at most.
        if int(document_digest[-2:], 16) % 64 == 0:
            await self._thin(_key(place[:-1]))

    async def keep_blob(self, sha256: str, data: bytes) -> bool:
        """See `ports.DocumentNotes`. An object has no age but that of its writing, so an old one is written again."""
        found = await self._bucket.look(_key(layout.blob(sha256)))
        if found is not None:
            await self._refresh(found, data)
        return found is not None

    async def items(self, kind: StoredKind) -> AsyncIterator[StoredItem]:
        """See `ports.StoreKeeping`."""
        async for listed in self._bucket.list(kind.value):
            if layout.is_item(kind, _name(listed)):
                yield StoredItem(_name(listed).removesuffix(".json"), listed.size, listed.modified_ms)

    async def read_claim(self, run_id: str) -> bytes | None:
        """The manifest that the first attempt at a run wants to publish, or has published."""
        check_run_id(run_id)
        return await self._bucket.read(_key(layout.claim(run_id)))

    async def discard(self, kind: StoredKind, name: str, *, before_ms: int) -> bool:
        """See `ports.StoreKeeping`."""
        key = _key(layout.PLACES[kind](name))
        found = await self._bucket.look(key)
        if found is None or found.modified_ms >= before_ms:
            return False
        await self._bucket.delete([key])
        return True

    async def put_signature(self, manifest_sha256: str, signature: bytes) -> None:
        """Keep the signature of the manifest of that digest. See `ports.ArtefactStore`.

        Raises ValueError when `manifest_sha256` is none (a bug of the caller).
        """
        if not DIGEST.fullmatch(manifest_sha256):
            raise ValueError(f"{manifest_sha256[:64]!r} is not a SHA-256")
        await self._bucket.put(_key(layout.kept_signature(manifest_sha256)), signature)

    async def read_signature(self, run_id: str) -> bytes | None:
        """The signature of a finished run's manifest, None where it has none."""
        check_run_id(run_id)
        return await self._bucket.read(_key(layout.signature(run_id)))

    async def publish(self, run_id: str, manifest: bytes) -> bytes:
        """Claim, artefacts of the winning claim, its signature, manifest; returns the manifest that stands.

        Repeatable after any error.

        Raises ValueError or KeyError when `manifest` is not a manifest (a bug of the caller; nothing is written), and
        Unavailable with code STORE_DAMAGED when a blob of the winning claim is missing: render again, which puts it back,
        and publish again.

        Cancelling waits for its end, as a request that was sent cannot be taken back: whoever cancelled can then see whether
        it is published.
        """
        check_run_id(run_id)
        check_names(run_id, Manifest.from_bytes(manifest))
        publishing = asyncio.ensure_future(self._publish(run_id, manifest))
        try:
            return await asyncio.shield(publishing)
        except asyncio.CancelledError:
            await asyncio.gather(publishing, return_exceptions=True)
            raise

    async def read_manifest(self, run_id: str) -> bytes | None:
        """The manifest of a finished run, None for any other."""
        check_run_id(run_id)
        return await self._bucket.read(_key(layout.manifest(run_id)))

    async def withdraw(self, run_id: str) -> None:
        """Take away claim, artefacts and signature of a run."""
        check_run_id(run_id)
        keys = [_key(layout.claim(run_id)), _key(layout.signature(run_id))]
        async for listed in self._bucket.list(f"artefacts/{run_id}"):
            keys.append(listed.key)
            if len(keys) >= DELETED_AT_ONCE:
                await self._bucket.delete(keys)
                keys.clear()
        await self._bucket.delete(keys)

    async def unpublish(self, run_id: str) -> None:
        """Take away the manifest of a run."""
        check_run_id(run_id)
        await self._bucket.delete([_key(layout.manifest(run_id))])

    async def artefact_url(self, run_id: str, name: str, lifetime_s: int) -> str:
        """A URL that ends in the artefact's name. Whether there is such an artefact is not looked at.

        It works for as long as the credentials that signed it, if that is shorter. Raises NotPossibleNow (URLS_NOT_SUPPORTED).
        """
        check_run_id(run_id)
        return await self._bucket.url(_key(layout.artefact(run_id, name)), lifetime_s)

    async def run_ids(self) -> tuple[str, ...]:
        """Ids of all published runs, sorted."""
        names = [_name(listed) async for listed in self._bucket.list("manifests")]
        ids = (name.removesuffix(".json") for name in names if name.endswith(".json"))
        return tuple(sorted(run_id for run_id in ids if is_kept_id(run_id)))

    async def _publish(self, run_id: str, manifest: bytes) -> bytes:
        # A manifest outranks a claim, and what it promises was there before it.
        standing = await self.read_manifest(run_id)
        if standing is not None:
            readable_manifest(run_id, standing)
            return standing
        winner = await self._created(layout.claim(run_id), manifest)
        await self._show_artefacts(run_id, readable_manifest(run_id, winner))
        await self._show_signature(run_id, winner)
        return await self._created(layout.manifest(run_id), winner)

    async def _created(self, place: layout.Place, data: bytes) -> bytes:
        """What stands at `place` once it is decided: `data`, unless somebody was first."""
        for pause_s in CONFLICT_PAUSES_S:
            await self._bucket.create(_key(place), data)
            standing = await self._bucket.read(_key(place))
            if standing is not None:
                return standing
            # Of two that create at once S3 may refuse both for now (409), and the one it will let in is not in yet.
            await asyncio.sleep(pause_s)
        raise Unavailable(
            f"what stands in {place[0]}/ could not be decided",
            code="STORE_UNAVAILABLE",
            hint="It passes: several attempts write at once, or the run is being deleted.",
            details={"place": f"{place[0]}/"},
        )

    async def _show_artefacts(self, run_id: str, manifest: Manifest) -> None:
        rendered = [entry for entry in manifest.artefacts if entry.status is ArtefactStatus.RENDERED]
        shown = await asyncio.gather(
            *(self._show_artefact(run_id, entry) for entry in rendered), return_exceptions=True
        )
        for failure in shown:
            if failure is not None:
                raise failure

    async def _show_artefact(self, run_id: str, entry: ArtefactEntry) -> None:
        blob = _key(layout.blob(entry.sha256))
        found = await self._bucket.look(blob)
        if found is None or found.size != entry.size:
            raise missing_blob(run_id, entry)
        if not await self._bucket.copy(blob, _key(layout.artefact(run_id, entry.name))):
            raise missing_blob(run_id, entry)

    async def _show_signature(self, run_id: str, manifest: bytes) -> None:
        """Put the signature of the manifest that will stand beside it, if there is one."""
        kept = await self._bucket.read(_key(layout.kept_signature(content_digest(manifest))))
        if kept is not None:
            await self._bucket.create(_key(layout.signature(run_id)), kept)

    async def _put_sealed(self, key: str, data: bytes, seal: Callable[[bytes], str]) -> None:
        """Keep bytes under their digest. What is there is read and checked: a new one costs one request, a known one three."""
        if await self._bucket.create(key, data):
            return
        present, found = await self._bucket.read(key), await self._bucket.look(key)
        if found is None or present is None or seal(present) != seal(data):
            await self._bucket.put(key, data)
        else:
            await self._refresh(found, data)

    async def _refresh(self, found: Listed, data: bytes) -> None:
        """Write an old object again, the same bytes: an attempt relies on it, so no sweep may take it meanwhile."""
        if self._clock.now_ms() - found.modified_ms > REFRESH_MS:
            await self._bucket.put(found.key, data)

    async def _thin(self, folder: str) -> None:
        """Remove the oldest notes of a full folder."""
        notes = [listed async for listed in self._bucket.list(folder)]
        if len(notes) <= self._notes_a_folder:
            return
        surplus = len(notes) - int(self._notes_a_folder * THINNED_TO)
        oldest = sorted(notes, key=lambda listed: (listed.modified_ms, listed.key))[:surplus]
        await self._bucket.delete([listed.key for listed in oldest[:DELETED_AT_ONCE]])


def _key(place: layout.Place) -> str:
    return "/".join(place)


def _name(listed: Listed) -> str:
    return listed.key.rpartition("/")[2]
