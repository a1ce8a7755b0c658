"""Use case 6: sweep what nothing refers to out of a store.

    refers                                 to                        kept while
    manifests/{run}.json                   blobs, spec, signature    the run is not deleted
    claims/{run}.json without a manifest   blobs                     it is younger than the bound; then it goes too
    documents/{digest}.json                its blob                  it is younger than the bound, or a manifest has that blob
    a record of the queue                  its spec                  Redis has the record

Everything else goes once it is older than the bound. Age is what makes this safe beside attempts that are under way: an attempt
puts, or makes young again, every blob that it will publish (`put_blob`, `keep_blob`), and the bound is longer than an attempt
may take. So nothing is locked, anything may be running, and a sweep that dies is a sweep that did less.

What is removed can come back: submitting its bundle again renders the same bytes. Order: references first, then what they
refer to, so that nothing refers to what is gone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass, field

from docugen_core.domain.manifest import ArtefactStatus, Manifest
from docugen_core.errors import Unavailable
from docugen_core.ports import BundleStore, StoredKind

DAY_MS = 86_400_000
REFRESH_MS = DAY_MS // 2
"""A store makes something young again, when it is used, at the latest at this age."""
READ_AT_ONCE = 32


def least_age_ms(attempt_timeout_ms: int) -> int:
    """The shortest bound that no attempt can outlast: a day, or longer where attempts may take long."""
    return max(DAY_MS, REFRESH_MS + attempt_timeout_ms + 3_600_000)


@dataclass(slots=True)
class Swept:
    """How many of a kind went (or would go), and their bytes."""

    count: int = 0
    size: int = 0


@dataclass(slots=True)
class _Marks:
    """What is referred to. Digests as 32 bytes: there may be millions."""

    blobs: set[bytes] = field(default_factory=set)
    specs: set[bytes] = field(default_factory=set)
    manifests: set[bytes] = field(default_factory=set)

    def blobs_of(self, manifest: Manifest) -> None:
        self.blobs.update(bytes.fromhex(a.sha256) for a in manifest.artefacts if a.status is ArtefactStatus.RENDERED)


async def sweep_store(
    store: BundleStore, *, now_ms: int, older_than_ms: int, held_specs: AsyncIterable[str], dry_run: bool = False
) -> dict[StoredKind, Swept]:
    """Remove what nothing refers to and is older than `older_than_ms` (`least_age_ms` at least); what went, kind by kind.

    held_specs: digests of specs that a queue's records need. dry_run: remove nothing, answer the same.
    Raises Unavailable, also for a manifest that cannot be read (STORE_DAMAGED): then nothing was removed.
    """
    sweep = _Sweep(store, now_ms - older_than_ms, dry_run)
    published = await store.run_ids()
    await sweep.mark_manifests(published)
    async for digest in held_specs:
        sweep.marks.specs.add(bytes.fromhex(digest))
    await sweep.claims(frozenset(published))
    await sweep.notes()
    for kind, marked in (
        (StoredKind.BLOB, sweep.marks.blobs),
        (StoredKind.SPEC, sweep.marks.specs),
        (StoredKind.SIGNATURE, sweep.marks.manifests),
    ):
        await sweep.unmarked(kind, marked)
    return sweep.swept


class _Sweep:
    def __init__(self, store: BundleStore, before_ms: int, dry_run: bool) -> None:
        self.marks = _Marks()
        self.swept = {kind: Swept() for kind in StoredKind}
        self._store = store
        self._before_ms = before_ms
        self._dry_run = dry_run

    async def mark_manifests(self, run_ids: Iterable[str]) -> None:
        wanted = list(run_ids)
        for at in range(0, len(wanted), READ_AT_ONCE):
            some = wanted[at : at + READ_AT_ONCE]
            for run_id, raw in zip(some, await asyncio.gather(*map(self._store.read_manifest, some)), strict=True):
                if raw is None:  # deleted meanwhile
                    continue
                manifest = _readable(run_id, raw)
                self.marks.blobs_of(manifest)
                self.marks.specs.add(bytes.fromhex(manifest.spec_digest))
                self.marks.manifests.add(bytes.fromhex(manifest.digest))

    async def claims(self, published: frozenset[str]) -> None:
        """Claims without a manifest: of attempts under way, and of those that nobody took up again."""
        async for item in self._store.items(StoredKind.CLAIM):
            if item.name in published:
                continue
            if item.modified_ms < self._before_ms and await self._store.read_manifest(item.name) is None:
                self._count(StoredKind.CLAIM, item.size)
                if not self._dry_run:
                    await self._store.withdraw(item.name)
            elif (raw := await self._store.read_claim(item.name)) is not None:
                self.marks.blobs_of(_readable(item.name, raw))

    async def notes(self) -> None:
        async for item in self._store.items(StoredKind.NOTE):
            raw = await self._store.read_note(item.name)
            blob = None if raw is None else _blob_of(raw)
            if blob in self.marks.blobs:
                continue
            if blob is not None and item.modified_ms >= self._before_ms:
                self.marks.blobs.add(blob)
            else:
                await self._remove(StoredKind.NOTE, item.name, item.size, item.modified_ms)

    async def unmarked(self, kind: StoredKind, marked: set[bytes]) -> None:
        async for item in self._store.items(kind):
            if bytes.fromhex(item.name) not in marked:
                await self._remove(kind, item.name, item.size, item.modified_ms)

    async def _remove(self, kind: StoredKind, name: str, size: int, modified_ms: int) -> None:
        if modified_ms >= self._before_ms:
            return
        if self._dry_run or await self._store.discard(kind, name, before_ms=self._before_ms):
            self._count(kind, size)

    def _count(self, kind: StoredKind, size: int) -> None:
        self.swept[kind].count += 1
        self.swept[kind].size += size


def _readable(run_id: str, raw: bytes) -> Manifest:
    try:
        return Manifest.from_bytes(raw)
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(
            f"the manifest of run {run_id} cannot be read, so what it refers to is not known",
            code="STORE_DAMAGED",
            hint="Sweep with the newest release that shares this store, or move the run's manifest and claim away.",
            details={"bundle_run_id": run_id},
        ) from error


def _blob_of(note: bytes) -> bytes | None:
    """The blob that a note of the document cache refers to; None for one that says nothing."""
    try:
        return bytes.fromhex(json.loads(note)["sha256"])
    except (ValueError, KeyError, TypeError):
        return None
