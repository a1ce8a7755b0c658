"""Use case 2: a resolved bundle becomes artefacts and a manifest. Shared by every executor, and by verification.

`bundle_rendering` renders; in here the result is published, once and for good. The manifest comes last and atomically; its
existence is completion. Whoever publishes second agrees with what stands, or raises the alarm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from docugen_core.bundle_rendering import BundleRenderer, OnProgress, unwatched
from docugen_core.domain.identity import content_digest
from docugen_core.domain.manifest import ArtefactStatus, Manifest
from docugen_core.errors import DeterminismViolation, RenderInterrupted, Unavailable
from docugen_core.ports import ArtefactStore, GenerationJob
from docugen_core.tracing import Step

__all__ = ["BundleRenderer", "OnProgress", "generate"]


async def _at_once() -> None:
    """Publish without further ado."""


async def generate(
    job: GenerationJob,
    *,
    bundles: BundleRenderer,
    store: ArtefactStore,
    timeout_ms: int,
    on_progress: OnProgress = unwatched,
    before_publish: Callable[[], Awaitable[None]] = _at_once,
) -> Manifest:
    """Render `job` and publish it within `timeout_ms`. Returns the manifest that stands; a repetition publishes nothing new.

    before_publish: awaited when everything is rendered and stored; what it raises is raised, and nothing is published.

    Documents that `bundles.cache` has are taken over, so a second attempt renders only what the first one did not finish.

    If another attempt published first with other bytes, then either its engine was another one (its edition stands and is
    returned) or the promise is broken. Raises what BundleRenderer.render raises, Unavailable from the store, RenderInterrupted
    (ATTEMPT_TIMEOUT) and DeterminismViolation.
    """

    async def put(data: bytes) -> None:
        with bundles.tracer.span(Step.PUT, bytes=len(data)):
            await store.put_blob(data)

    try:
        async with asyncio.timeout(timeout_ms / 1_000):
            manifest = await bundles.render(job.bundle, put, on_progress, bundles.cache)
            with bundles.tracer.span(Step.PUBLISH, documents=len(manifest.artefacts)):
                raw = manifest.to_bytes()
                await _keep(job, raw, bundles, store)
                await before_publish()
                published = await store.publish(job.run_id, raw)
    except TimeoutError:
        raise RenderInterrupted(
            f"the attempt took longer than {timeout_ms} ms",
            code="ATTEMPT_TIMEOUT",
            hint="Ask for fewer documents in one bundle, or raise DOCUGEN_ATTEMPT_TIMEOUT_MS.",
        ) from None
    agreed = manifest if published == raw else _other(job.run_id, manifest, published)
    for artefact in agreed.artefacts:
        if artefact.status is ArtefactStatus.RENDERED:
            bundles.measures.artefact_kept(artefact.format, artefact.size)
    return agreed


async def _keep(job: GenerationJob, manifest: bytes, bundles: BundleRenderer, store: ArtefactStore) -> None:
    """What a publication leans on."""
    await store.put_spec(job.bundle.spec_digest, job.bundle.canonical_bytes())
    if bundles.signer is not None:
        # First: once a manifest can stand, its signature is there, whoever finishes its publication.
        await store.put_signature(content_digest(manifest), bundles.signer.sign(manifest))


def _other(run_id: str, rendered: Manifest, published: bytes) -> Manifest:
    """The published manifest, which is not the one just rendered, if it may stand."""
    try:
        standing = Manifest.from_bytes(published)
    except (KeyError, ValueError) as error:
        raise Unavailable(
            f"the manifest of run {run_id} cannot be read",
            code="STORE_CORRUPT",
            hint="Move manifests/ and claims/ of this run aside and retry it.",
        ) from error
    if standing.engine != rendered.engine and standing.spec_digest == rendered.spec_digest:
        return standing
    raise DeterminismViolation(
        f"run {run_id} was published before with other bytes",
        hint=f"`docugen verify {run_id}` compares them and explains the difference.",
        details={
            "bundle_run_id": run_id,
            "published_manifest": content_digest(published),
            "rendered_manifest": rendered.digest,
        },
    )
