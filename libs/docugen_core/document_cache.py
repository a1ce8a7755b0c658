"""Rendered documents that a later bundle, or a later attempt at the same one, takes over instead of rendering them again.

    document digest   identity of a render: template and pack digest, data, world, engine (`generation`)
    note              {document_digest, pages, sha256, size} and a seal over them; the bytes are the store's blob

A note is a hint, never a promise: one that is absent, damaged, written for another document, or whose blob is gone or damaged
is a miss, and the document is rendered. So notes may be lost or removed at any time, and nothing waits for a disk. What was
omitted or failed has no note: only bytes are kept, never outcomes.

Bytes are read whole and checked against their SHA-256 on every hit. Verification never asks in here: it would compare a
document with itself.
"""

from __future__ import annotations

import json
from typing import Any

from docugen_core.domain.identity import canonical_json, digest
from docugen_core.domain.json import JsonObject
from docugen_core.errors import NotFound, Unavailable
from docugen_core.ports import ArtefactStore, DocumentNotes
from docugen_core.rendering.task import Rendering, RenderLimits

NOTE_PREFIX = b"docugen.document-note.v1"


class DocumentCache:
    """The documents of one store. Safe to use from many tasks and processes at once; holds nothing itself."""

    def __init__(self, store: ArtefactStore, notes: DocumentNotes) -> None:
        self._store = store
        self._notes = notes

    async def find(self, document_digest: str, limits: RenderLimits) -> tuple[str, Rendering] | None:
        """SHA-256 and bytes of a document that was rendered before; None where it has to be rendered.

        One beyond `limits` is rendered again, which tells the bound. A store that cannot be read is a miss too: if it is away,
        keeping the document will say so.
        """
        try:
            raw = await self._notes.read_note(document_digest)
            facts = None if raw is None else _facts(raw, document_digest)
            if facts is None or facts["size"] > limits.bytes_max or facts["pages"] > limits.pages_max:
                return None
            data = await self._store.read_blob(facts["sha256"])
            if not await self._notes.keep_blob(facts["sha256"], data):
                return None
        except (NotFound, Unavailable):
            return None
        return facts["sha256"], Rendering(data, facts["pages"])

    async def keep(self, document_digest: str, rendering: Rendering) -> str:
        """Put the bytes into the store, durably, and then the note. Returns their SHA-256. Idempotent.

        Raises Unavailable when the bytes cannot be kept; without its note the document is rendered again, no more.
        """
        sha256 = await self._store.put_blob(rendering.data)
        facts: JsonObject = {
            "document_digest": document_digest,
            "pages": rendering.pages,
            "sha256": sha256,
            "size": len(rendering.data),
        }
        try:
            await self._notes.write_note(document_digest, canonical_json({**facts, "seal": digest(NOTE_PREFIX, facts)}))
        except Unavailable:
            return sha256
        return sha256


def _facts(raw: bytes, document_digest: str) -> dict[str, Any] | None:
    """What a note says, if it is whole and about this document."""
    try:
        facts: dict[str, Any] = json.loads(raw)
        seal = facts.pop("seal")
        sound = digest(NOTE_PREFIX, facts) == seal and facts["document_digest"] == document_digest
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return facts if sound else None
