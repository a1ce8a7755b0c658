"""An executor and a store as one caller may see them: runs of its tenant, by the ids it knows them by.

    with_caller   march   ->   kept   acme~march   ->   the executor or store itself   ->   shown   march

Another tenant's run does not exist in here: its id cannot even be written, unless the caller sees all tenants (domain.tenant).
So a refusal says the same, and takes as long, whether there is such a run or not. Both views are ports themselves: whatever
executor serves, with a queue or without, everything that names a run passes through here.

Blobs and specs are kept by content, for all tenants together. Whoever knows a digest could ask whether such bytes exist, so the
scheduler lets callers who see all, and nobody else, read by digest; specs are only reached through a run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace

from docugen_core.adapters.run_answers import no_such_run
from docugen_core.domain.run import BundleRun
from docugen_core.domain.run_filter import TENANT_FIELD, Comparison
from docugen_core.domain.run_query import RunPage, RunQuery
from docugen_core.domain.tenant import SEPARATOR, Caller
from docugen_core.errors import DocugenError
from docugen_core.ports import ArtefactStore, GenerationExecutor, GenerationJob, Submission


class TenantExecutor:
    """Implements ports.GenerationExecutor for one caller, over the executor of all."""

    def __init__(self, executor: GenerationExecutor, caller: Caller) -> None:
        self.mode = executor.mode
        self._executor = executor
        self._caller = caller

    async def submit(self, job: GenerationJob) -> Submission:
        kept = _kept(self._caller, job.run_id)
        with _told(self._caller, kept):
            submission = await self._executor.submit(replace(job, run_id=kept))
        return replace(submission, run=self._seen(submission.run))

    async def get(self, run_id: str) -> BundleRun:
        kept = _kept(self._caller, run_id)
        with _told(self._caller, kept):
            return self._seen(await self._executor.get(kept))

    async def spec(self, run_id: str) -> bytes | None:
        kept = _kept(self._caller, run_id)
        with _told(self._caller, kept):
            return await self._executor.spec(kept)

    async def list(self, query: RunQuery) -> RunPage:
        if not self._caller.sees_all:
            own = Comparison(TENANT_FIELD, "=", self._caller.tenant)
            query = replace(query, filter=(*query.filter, own))
        page = await self._executor.list(query)
        return replace(page, runs=tuple(self._seen(run) for run in page.runs))

    async def watch(self, run_id: str) -> AsyncIterator[BundleRun]:
        kept = _kept(self._caller, run_id)
        with _told(self._caller, kept):
            async for run in self._executor.watch(kept):
                yield self._seen(run)

    async def cancel(self, run_id: str, reason: str) -> BundleRun:
        kept = _kept(self._caller, run_id)
        with _told(self._caller, kept):
            return self._seen(await self._executor.cancel(kept, reason))

    async def retry(self, run_id: str) -> BundleRun:
        kept = _kept(self._caller, run_id)
        with _told(self._caller, kept):
            return self._seen(await self._executor.retry(kept))

    async def forget(self, run_id: str) -> None:
        kept = _kept(self._caller, run_id)
        with _told(self._caller, kept):
            await self._executor.forget(kept)

    async def ready(self) -> bool:
        return await self._executor.ready()

    async def drain(self, grace_ms: int) -> None:
        await self._executor.drain(grace_ms)

    def _seen(self, run: BundleRun) -> BundleRun:
        shown = self._caller.shown(run.run_id)
        if shown == run.run_id:
            return run
        failure = run.failure and replace(
            run.failure,
            message=_in_words(run.failure.message, run.run_id, shown),
            hint=_in_words(run.failure.hint, run.run_id, shown),
            details=tuple((name, _detail(value, run.run_id, shown)) for name, value in run.failure.details),
        )
        return replace(run, run_id=shown, failure=failure)


class TenantStore:
    """Implements ports.ArtefactStore for one caller, over the store of all."""

    def __init__(self, store: ArtefactStore, caller: Caller) -> None:
        self._store = store
        self._caller = caller

    async def put_blob(self, data: bytes) -> str:
        return await self._store.put_blob(data)

    async def read_blob(self, sha256: str, offset: int = 0, limit: int = -1) -> bytes:
        return await self._store.read_blob(sha256, offset, limit)

    async def blob_size(self, sha256: str) -> int:
        return await self._store.blob_size(sha256)

    async def put_spec(self, spec_digest: str, spec: bytes) -> None:
        await self._store.put_spec(spec_digest, spec)

    async def read_spec(self, spec_digest: str) -> bytes | None:
        return await self._store.read_spec(spec_digest)

    async def put_signature(self, manifest_sha256: str, signature: bytes) -> None:
        await self._store.put_signature(manifest_sha256, signature)

    async def read_signature(self, run_id: str) -> bytes | None:
        kept = _kept(self._caller, run_id)
        with _told(self._caller, kept):
            return await self._store.read_signature(kept)

    async def publish(self, run_id: str, manifest: bytes) -> bytes:
        kept = _kept(self._caller, run_id)
        with _told(self._caller, kept):
            return await self._store.publish(kept, manifest)

    async def read_manifest(self, run_id: str) -> bytes | None:
        kept = _kept(self._caller, run_id)
        with _told(self._caller, kept):
            return await self._store.read_manifest(kept)

    async def withdraw(self, run_id: str) -> None:
        kept = _kept(self._caller, run_id)
        with _told(self._caller, kept):
            await self._store.withdraw(kept)

    async def unpublish(self, run_id: str) -> None:
        kept = _kept(self._caller, run_id)
        with _told(self._caller, kept):
            await self._store.unpublish(kept)

    async def artefact_url(self, run_id: str, name: str, lifetime_s: int) -> str:
        kept = _kept(self._caller, run_id)
        with _told(self._caller, kept):
            return await self._store.artefact_url(kept, name, lifetime_s)

    async def run_ids(self) -> tuple[str, ...]:
        shown = (self._caller.shown(kept) for kept in await self._store.run_ids())
        return tuple(run_id for run_id in shown if self._caller.sees_all or SEPARATOR not in run_id)


def _kept(caller: Caller, run_id: str) -> str:
    """Raises NotFound (BUNDLE_RUN_NOT_FOUND) for a run that is not the caller's business."""
    kept = caller.kept(run_id)
    if kept is None:
        raise no_such_run(run_id)
    return kept


@contextmanager
def _told(caller: Caller, kept: str) -> Iterator[None]:
    """Errors name the run as the caller does."""
    try:
        yield
    except DocugenError as error:
        shown = caller.shown(kept)
        if shown != kept:
            error.message = _in_words(error.message, kept, shown)
            error.hint = _in_words(error.hint, kept, shown)
            error.details = {name: _detail(value, kept, shown) for name, value in error.details.items()}
            error.args = (error.message,)
        raise


def _in_words(text: str, kept: str, shown: str) -> str:
    """`text` with the id as it is shown. An id without a tenant may be any word of a sentence, and is left alone."""
    return text.replace(kept, shown) if SEPARATOR in kept else text


def _detail(value: str, kept: str, shown: str) -> str:
    return shown if value == kept else _in_words(value, kept, shown)
