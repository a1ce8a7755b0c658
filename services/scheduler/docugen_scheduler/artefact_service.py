"""ArtefactService: manifests and bytes of finished runs.

Bytes are read from the store piece by piece as the caller takes them, so a slow reader costs one piece, not a file. An artefact
read whole is checked on the way: a damaged one ends with an error after its last chunk, never with OK.
"""

# ruff: noqa: N802 - the contract names the methods

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
from docugen.v1 import artefact_service_pb2 as messages
from docugen.v1.artefact_service_pb2_grpc import ArtefactServiceServicer
from docugen_core.adapters.proto_codec import encode_artefact, encode_manifest
from docugen_core.assembly import Core
from docugen_core.domain.failure import Violation
from docugen_core.domain.identity import content_digest
from docugen_core.domain.manifest import ArtefactEntry, ArtefactStatus
from docugen_core.errors import InvalidRequest, NotFound, NotPermitted, NotPossibleNow, Unavailable

from docugen_scheduler.authorisation import own, present_caller
from docugen_scheduler.finished_runs import read_manifest
from docugen_scheduler.paging import PAGE_SIZE_MAX, next_page_token, page_size, page_start
from docugen_scheduler.resource_names import parse_artefact_name, parse_run_name

CHUNK_BYTES = 64 << 10
READ_BYTES = 1 << 20
"""What is read from the store at once: in a bucket every read is a request."""
URL_LIFETIME_S, URL_LIFETIME_S_MAX = 900, 7 * 86_400

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@dataclass(frozen=True, slots=True)
class ArtefactService(ArtefactServiceServicer):
    """Reads what runs made."""

    core: Core

    @property
    def mine(self) -> Core:
        """The core as the present caller may see it."""
        return own(self.core)

    async def GetManifest(self, request: messages.GetManifestRequest, context: Context) -> messages.GetManifestResponse:
        run_id = parse_run_name(request.name)
        manifest, data = await read_manifest(self.mine, run_id)
        return messages.GetManifestResponse(
            manifest=encode_manifest(run_id, manifest),
            manifest_json=data,
            sha256=content_digest(data),
            signature_json=await self.mine.store.read_signature(run_id) or b"",
        )

    async def ListArtefacts(
        self, request: messages.ListArtefactsRequest, context: Context
    ) -> messages.ListArtefactsResponse:
        run_id = parse_run_name(request.parent, "parent")
        size = page_size(request.page_size, default=PAGE_SIZE_MAX)
        manifest, _ = await read_manifest(self.mine, run_id)
        entries = sorted(manifest.artefacts, key=lambda entry: entry.name)
        start = page_start(request.page_token, run_id)
        return messages.ListArtefactsResponse(
            artefacts=[encode_artefact(run_id, entry) for entry in entries[start : start + size]],
            next_page_token=next_page_token(run_id, start + size) if start + size < len(entries) else "",
        )

    async def ReadArtefact(
        self, request: messages.ReadArtefactRequest, context: Context
    ) -> AsyncIterator[messages.ReadArtefactResponse]:
        _check_range(request)
        header = await self._header(request)
        if request.read_offset > header.size_bytes:
            raise InvalidRequest(
                f"read_offset {request.read_offset} lies beyond the end: the artefact has {header.size_bytes} bytes",
                code="READ_OFFSET_OUT_OF_RANGE",
                hint="Read from 0, or from where the last read stopped.",
                details={"read_offset": str(request.read_offset), "size_bytes": str(header.size_bytes)},
            )
        yield messages.ReadArtefactResponse(header=header)
        end = header.size_bytes
        if request.read_limit:
            end = min(end, request.read_offset + request.read_limit)
        async for chunk in self._chunks(header.sha256, request.read_offset, end, header.size_bytes):
            yield messages.ReadArtefactResponse(chunk=chunk)

    async def SignArtefactUrl(
        self, request: messages.SignArtefactUrlRequest, context: Context
    ) -> messages.SignArtefactUrlResponse:
        lifetime_s = _lifetime_s(request)
        run_id, artefact = parse_artefact_name(request.name)
        entry = await self._entry(run_id, artefact)
        expires_ms = self.core.clock.now_ms() + 1_000 * lifetime_s
        url = await self.mine.store.artefact_url(run_id, entry.name, lifetime_s)
        answer = messages.SignArtefactUrlResponse(url=url)
        answer.expire_time.FromMilliseconds(expires_ms)
        return answer

    async def _header(self, request: messages.ReadArtefactRequest) -> messages.ReadArtefactResponse.Header:
        if request.WhichOneof("source") == "sha256":
            _check_may_read_by_digest()
            size = await self.core.store.blob_size(request.sha256)
            return messages.ReadArtefactResponse.Header(size_bytes=size, sha256=request.sha256)
        entry = await self._entry(*parse_artefact_name(request.name))
        return messages.ReadArtefactResponse.Header(
            size_bytes=entry.size, sha256=entry.sha256, media_type=entry.media_type, file_name=entry.name
        )

    async def _entry(self, run_id: str, artefact: str) -> ArtefactEntry:
        manifest, _ = await read_manifest(self.mine, run_id)
        for entry in manifest.artefacts:
            if entry.name != artefact:
                continue
            if entry.status is ArtefactStatus.OMITTED:
                raise NotPossibleNow(
                    f"{artefact!r} was omitted from run {run_id!r}: {entry.reason}",
                    code="ARTEFACT_OMITTED",
                    hint="It was optional and could not be rendered; the manifest says why.",
                    details={"bundle_run_id": run_id, "artefact": artefact, "omission_reason": entry.reason},
                )
            return entry
        raise NotFound(
            f"run {run_id!r} has no artefact {artefact!r}",
            code="ARTEFACT_NOT_FOUND",
            hint="ListArtefacts names them.",
            details={"artefact": f"bundleRuns/{run_id}/artefacts/{artefact}"},
        )

    async def _chunks(self, sha256: str, start: int, end: int, size: int) -> AsyncIterator[bytes]:
        seen = hashlib.sha256()
        at = start
        while at < end:
            data = await self.core.store.read_blob(sha256, at, min(READ_BYTES, end - at))
            if not data:
                raise _damaged(sha256)
            seen.update(data)
            at += len(data)
            for start_of_chunk in range(0, len(data), CHUNK_BYTES):
                yield data[start_of_chunk : start_of_chunk + CHUNK_BYTES]
        if start == 0 and end == size and seen.hexdigest() != sha256:
            await self.core.store.read_blob(sha256)  # read whole, the store sees the damage itself and sets it aside
            raise _damaged(sha256)


def _check_range(request: messages.ReadArtefactRequest) -> None:
    wrong = [
        Violation(field, "must not be negative", "Leave it 0.")
        for field in ("read_offset", "read_limit")
        if getattr(request, field) < 0
    ]
    if request.WhichOneof("source") is None:
        wrong.insert(0, Violation("source", "is required", "Set `name` or `sha256`."))
    if wrong:
        raise InvalidRequest.from_violations(wrong)


def _check_may_read_by_digest() -> None:
    """Blobs are kept for all tenants together: who may ask for a digest can learn whether another tenant has these bytes."""
    if not present_caller().sees_all:
        raise NotPermitted(
            "reading by digest needs the role operate: it reaches the bytes of all tenants",
            hint="Read by name: bundleRuns/{bundle_run_id}/artefacts/{artefact}.",
            details={"role": "operate"},
        )


def _lifetime_s(request: messages.SignArtefactUrlRequest) -> int:
    if not request.HasField("lifetime"):
        return URL_LIFETIME_S
    lifetime_s = request.lifetime.seconds
    if request.lifetime.nanos or not 1 <= lifetime_s <= URL_LIFETIME_S_MAX:
        problem = f"must be whole seconds, from 1 s to {URL_LIFETIME_S_MAX} s"
        raise InvalidRequest.from_violations([Violation("lifetime", problem, "Leave it out for 15 minutes.")])
    return lifetime_s


def _damaged(sha256: str) -> Unavailable:
    return Unavailable(
        f"the stored bytes of artefact {sha256} are damaged",
        code="STORE_DAMAGED",
        hint="Submit the bundle again: rendering it restores the same bytes.",
        details={"sha256": sha256},
    )
