"""Reading what runs made, over the wire."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import grpc
import pytest
from docugen.client import DocugenClient
from docugen.v1 import artefact_service_pb2 as messages
from docugen.v1 import bundle_pb2
from docugen_core.adapters.manifest_signing import ManifestSigner
from docugen_core.domain.manifest import Manifest
from docugen_core.errors import RenderFailed
from docugen_core.rendering.task import Rendering, RenderTask
from fakes import ScriptedRenderer
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from s3_server import prefix_of
from scheduler_server import (
    Gate,
    Scheduler,
    create,
    detail,
    note,
    note_settings,
    real_scheduler,
    reason,
    scripted_scheduler,
    wrong_fields,
)

LARGE = bytes(range(256)) * 1_000  # four chunks


async def large(task: RenderTask, _: int) -> Rendering:
    return Rendering(LARGE)


async def read(scheduler: Scheduler, **request: object) -> tuple[messages.ReadArtefactResponse.Header, list[bytes]]:
    """The header and the chunks."""
    fields = messages.ReadArtefactRequest(**request)  # type: ignore[arg-type]
    received = [message async for message in scheduler.artefacts.ReadArtefact(fields)]
    assert [m.WhichOneof("content") for m in received] == ["header"] + ["chunk"] * (len(received) - 1)
    return received[0].header, [m.chunk for m in received[1:]]


async def test_the_manifest_is_served_parsed_and_as_the_very_bytes_that_are_stored(scheduler: Scheduler) -> None:
    run = (await scheduler.runs.CreateBundleRun(create(note(documents=2)))).bundle_run
    answer = await scheduler.artefacts.GetManifest(messages.GetManifestRequest(name=run.name))
    assert answer.manifest_json == await scheduler.served.core.store.read_manifest(run.bundle_run_id)
    assert answer.sha256 == run.manifest_digest == hashlib.sha256(answer.manifest_json).hexdigest()
    manifest = Manifest.from_bytes(answer.manifest_json)
    assert answer.manifest.spec_digest == manifest.spec_digest == run.spec_digest
    assert answer.manifest.engine_fingerprint == manifest.engine.fingerprint
    assert [a.sha256 for a in answer.manifest.artefacts] == [a.sha256 for a in manifest.artefacts]
    assert [p.name for p in answer.manifest.template_packs] == ["note"]
    assert answer.manifest.artefacts[0].name == f"{run.name}/artefacts/note0.txt"


async def test_a_signature_is_served_downloaded_and_valid(tmp_path: Path) -> None:
    signer = ManifestSigner.new()
    signer.write(tmp_path / "key.pem", tmp_path / "key.pub.pem")
    settings = replace(note_settings(tmp_path / "home"), signing_key_file=str(tmp_path / "key.pem"))
    async with real_scheduler(settings) as scheduler:
        run = (await scheduler.runs.CreateBundleRun(create(note()))).bundle_run
        answer = await scheduler.artefacts.GetManifest(messages.GetManifestRequest(name=run.name))
        async with DocugenClient(scheduler.served.address) as client:
            await client.download(run.bundle_run_id, tmp_path / "out")

    assert answer.signature_json == signer.sign(answer.manifest_json)
    assert (tmp_path / "out" / "manifest.json.sig").read_bytes() == answer.signature_json


async def test_without_a_key_there_is_no_signature(scheduler: Scheduler) -> None:
    run = (await scheduler.runs.CreateBundleRun(create(note()))).bundle_run
    answer = await scheduler.artefacts.GetManifest(messages.GetManifestRequest(name=run.name))

    assert answer.signature_json == b""


async def test_artefacts_are_listed_by_name_and_page(scheduler: Scheduler) -> None:
    run = (await scheduler.runs.CreateBundleRun(create(note(documents=5)))).bundle_run
    names, token = [], ""
    while True:
        request = messages.ListArtefactsRequest(parent=run.name, page_size=2, page_token=token)
        page = await scheduler.artefacts.ListArtefacts(request)
        names += [a.file_name for a in page.artefacts]
        token = page.next_page_token
        if not token:
            break
    assert names == [f"note{n}.txt" for n in range(5)]
    everything = await scheduler.artefacts.ListArtefacts(messages.ListArtefactsRequest(parent=run.name))
    assert [a.file_name for a in everything.artefacts] == names


async def test_a_page_token_of_another_run_is_refused(scheduler: Scheduler) -> None:
    one = (await scheduler.runs.CreateBundleRun(create(note("one", documents=2)))).bundle_run
    two = (await scheduler.runs.CreateBundleRun(create(note("two", documents=2)))).bundle_run
    page = await scheduler.artefacts.ListArtefacts(messages.ListArtefactsRequest(parent=one.name, page_size=1))
    for token in (page.next_page_token, "AAAA", "!", page.next_page_token + "A"):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await scheduler.artefacts.ListArtefacts(messages.ListArtefactsRequest(parent=two.name, page_token=token))
        assert wrong_fields(refused.value) == ["page_token"]


async def test_an_artefact_comes_in_chunks_after_its_description(
    scheduler: Scheduler, renderer: ScriptedRenderer
) -> None:
    renderer.script = large
    run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
    header, chunks = await read(scheduler, name=f"{run.name}/artefacts/note0.txt")
    assert b"".join(chunks) == LARGE
    assert [len(c) for c in chunks] == [65_536, 65_536, 65_536, len(LARGE) - 3 * 65_536]
    assert header.size_bytes == len(LARGE)
    assert header.sha256 == hashlib.sha256(LARGE).hexdigest()
    assert (header.file_name, header.media_type) == ("note0.txt", "text/plain; charset=utf-8")
    by_digest, same = await read(scheduler, sha256=header.sha256)
    assert same == chunks
    assert (by_digest.size_bytes, by_digest.sha256, by_digest.file_name) == (len(LARGE), header.sha256, "")


@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [
        (0, 1, LARGE[:1]),
        (10, 0, LARGE[10:]),
        (65_535, 3, LARGE[65_535:65_538]),
        (len(LARGE) - 1, 100, LARGE[-1:]),
        (len(LARGE), 0, b""),
        (0, len(LARGE), LARGE),
    ],
)
async def test_a_range_of_an_artefact_is_exactly_that_range(
    scheduler: Scheduler, renderer: ScriptedRenderer, offset: int, limit: int, expected: bytes
) -> None:
    renderer.script = large
    run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
    name = f"{run.name}/artefacts/note0.txt"
    header, chunks = await read(scheduler, name=name, read_offset=offset, read_limit=limit)
    assert b"".join(chunks) == expected
    assert header.size_bytes == len(LARGE)


async def test_a_read_that_cannot_be_done_says_why(scheduler: Scheduler) -> None:
    run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
    name = f"{run.name}/artefacts/note0.txt"
    cases: list[tuple[dict[str, object], grpc.StatusCode, str]] = [
        ({"name": name, "read_offset": 10_000}, grpc.StatusCode.OUT_OF_RANGE, "READ_OFFSET_OUT_OF_RANGE"),
        ({"name": name, "read_offset": -1}, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_SPEC"),
        ({"name": name, "read_limit": -1}, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_SPEC"),
        ({}, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_SPEC"),
        ({"name": f"{run.name}/artefacts/other.txt"}, grpc.StatusCode.NOT_FOUND, "ARTEFACT_NOT_FOUND"),
        ({"name": "bundleRuns/none/artefacts/a.txt"}, grpc.StatusCode.NOT_FOUND, "BUNDLE_RUN_NOT_FOUND"),
        ({"sha256": "0" * 64}, grpc.StatusCode.NOT_FOUND, "ARTEFACT_NOT_FOUND"),
        ({"sha256": "../../etc/passwd"}, grpc.StatusCode.NOT_FOUND, "ARTEFACT_NOT_FOUND"),
    ]
    for request, code, why in cases:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await read(scheduler, **request)
        assert (refused.value.code(), reason(refused.value)) == (code, why), request


@pytest.mark.parametrize(
    "name",
    [
        "bundleRuns/../artefacts/note0.txt",
        "bundleRuns/x/artefacts/../../manifests/x.json",
        "bundleRuns/x/artefacts/..",
        "bundleRuns/x/artefacts/a..b",
        "bundleRuns/x/artefacts/.hidden",
        "bundleRuns/x/artefacts/a\x00b",
        "bundleRuns/x/artefacts/a%2Fb",
        "bundleRuns//artefacts/a",
        "artefacts/a",
        "/bundleRuns/x/artefacts/a",
    ],
)
async def test_tricks_with_paths_are_refused_by_the_form_of_the_name(scheduler: Scheduler, name: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await read(scheduler, name=name)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad_request = detail(refused.value, error_details_pb2.BadRequest)
    assert bad_request is not None
    assert bad_request.field_violations[0].field == "name"
    assert "bundleRuns/{bundle_run_id}/artefacts/{artefact}" in bad_request.field_violations[0].description


async def test_an_omitted_document_is_listed_and_cannot_be_read(tmp_path: Path) -> None:
    async def fails_for_one(task: RenderTask, _: int) -> Rendering:
        if task.document == "extra.txt":
            raise RenderFailed("no")
        return Rendering(b"SPECIMEN")

    spec = note()
    spec.documents.append(bundle_pb2.DocumentSpec(name="extra.txt", format="txt", template="note/note", optional=True))
    async with scripted_scheduler(note_settings(tmp_path), ScriptedRenderer(fails_for_one)) as scheduler:
        run = (await scheduler.runs.CreateBundleRun(create(spec))).bundle_run
        listed = await scheduler.artefacts.ListArtefacts(messages.ListArtefactsRequest(parent=run.name))
        assert [(a.file_name, a.status, a.omission_reason) for a in listed.artefacts] == [
            ("extra.txt", messages.Artefact.STATUS_OMITTED, "TEMPLATE_FAILED"),
            ("note0.txt", messages.Artefact.STATUS_RENDERED, ""),
        ]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await read(scheduler, name=f"{run.name}/artefacts/extra.txt")
        assert reason(refused.value) == "ARTEFACT_OMITTED"


async def test_an_unfinished_run_has_no_manifest_yet(scheduler: Scheduler, renderer: ScriptedRenderer) -> None:
    gate = renderer.script = Gate()
    run = (await scheduler.runs.CreateBundleRun(create(return_immediately=True))).bundle_run
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await scheduler.artefacts.GetManifest(messages.GetManifestRequest(name=run.name))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason(refused.value) == "BUNDLE_RUN_NOT_FINISHED"
    precondition = detail(refused.value, error_details_pb2.PreconditionFailure)
    assert precondition is not None
    assert precondition.violations[0].subject == run.name
    gate.open.set()


async def test_damaged_bytes_never_end_with_ok(tmp_path: Path) -> None:
    async with scripted_scheduler(note_settings(tmp_path), ScriptedRenderer(large)) as scheduler:
        run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
        name = f"{run.name}/artefacts/note0.txt"
        header, _ = await read(scheduler, name=name)
        blob = tmp_path / "store" / "blobs" / header.sha256[:2] / header.sha256
        blob.chmod(0o640)
        blob.write_bytes(LARGE[:-1] + b"?")
        with pytest.raises(grpc.aio.AioRpcError) as damaged:
            await read(scheduler, name=name)
        assert damaged.value.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAVAILABLE)


async def test_a_store_in_a_folder_has_no_urls_and_says_what_has(scheduler: Scheduler) -> None:
    run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
    request = messages.SignArtefactUrlRequest(name=f"{run.name}/artefacts/note0.txt")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await scheduler.artefacts.SignArtefactUrl(request)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason(refused.value) == "URLS_NOT_SUPPORTED"
    info = detail(refused.value, error_details_pb2.ErrorInfo)
    assert info is not None
    assert "ReadArtefact" in info.metadata["hint"]


async def test_a_url_leads_to_the_bytes_for_whoever_has_it(s3: str, tmp_path: Path) -> None:
    settings = note_settings(tmp_path, store_url=prefix_of(tmp_path), store_allow_http=True, state_dir=f"{tmp_path}/s")
    async with real_scheduler(settings) as scheduler:
        run = (await scheduler.runs.CreateBundleRun(create(note("Ada Example")))).bundle_run
        request = messages.SignArtefactUrlRequest(name=f"{run.name}/artefacts/note0.txt")
        before_ms = scheduler.served.core.clock.now_ms()
        signed = await scheduler.artefacts.SignArtefactUrl(request)

        assert await asyncio.to_thread(fetched, signed.url) == b"SPECIMEN Ada Example\n"
        assert urlsplit(signed.url).path.endswith(f"/artefacts/{run.bundle_run_id}/note0.txt")
        assert parse_qs(urlsplit(signed.url).query)["X-Amz-Expires"] == ["900"]
        assert 900_000 <= signed.expire_time.ToMilliseconds() - before_ms < 960_000

        _, chunks = await read(scheduler, name=request.name)
        assert b"".join(chunks) == b"SPECIMEN Ada Example\n"


@pytest.mark.parametrize("seconds", [-1, 0, 7 * 86_400 + 1])
async def test_a_url_lives_no_longer_than_a_week(scheduler: Scheduler, seconds: int) -> None:
    request = messages.SignArtefactUrlRequest(name="bundleRuns/x/artefacts/a", lifetime=Duration(seconds=seconds))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await scheduler.artefacts.SignArtefactUrl(request)
    assert wrong_fields(refused.value) == ["lifetime"]


def fetched(url: str) -> bytes:
    with urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
        return bytes(answer.read())


async def test_a_real_run_is_read_back_as_it_was_rendered(running_scheduler: Scheduler) -> None:
    run = (await running_scheduler.runs.CreateBundleRun(create(note("Ada Example")))).bundle_run
    _, chunks = await read(running_scheduler, name=f"{run.name}/artefacts/note0.txt")
    assert b"".join(chunks) == b"SPECIMEN Ada Example\n"
    manifest = await running_scheduler.artefacts.GetManifest(messages.GetManifestRequest(name=run.name))
    assert json.loads(manifest.manifest_json)["artefacts"][0]["size"] == 21
