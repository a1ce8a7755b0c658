"""PreviewDocument: one document of a bundle as a run would make it, and nothing left behind."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from cli_process import INVOICE
from docugen.v1 import bundle_pb2, bundle_run_service_pb2
from docugen.v1.artefact_service_pb2 import ReadArtefactRequest
from docugen.v1.template_service_pb2 import PreviewDocumentRequest
from docugen_core.errors import NotFound
from google.rpc import error_details_pb2
from pack_examples import PACK_TOML, PLEX, write_pack
from scheduler_server import Scheduler, create, detail, note, note_settings, real_scheduler, reason, wrong_fields

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
PDF = PreviewDocumentRequest.RENDITION_PDF
IMPORT = '#import "docugen.typ": *\n'
PAGES_TYP = IMPORT + PLEX + '#set page(paper: "a6")\nSPECIMEN #data.name\n#pagebreak()\nTwo\n#pagebreak()\nThree\n'


def invoice_spec(**document: Any) -> bundle_pb2.BundleSpec:
    raw = json.loads(INVOICE.read_text())
    return bundle_pb2.BundleSpec(
        documents=[bundle_pb2.DocumentSpec(name="invoice.pdf", format="pdf", template="invoice/invoice", **document)],
        data_json=json.dumps(raw["data"]),
        locale="fr-FR",
        document_date="2026-03-09",
        specimen=True,
    )


def letters(packs: Path) -> None:
    """The pack `letters`: three pages, and a template that always fails, whose pack declares that one as its fallback."""
    entry = PACK_TOML[PACK_TOML.index("[[templates]]") :].replace('txt = "notice.txt"', 'pdf = "notice.typ"')
    failing = entry.replace('name = "notice"', 'name = "failing"\nfallback = "letters/notice"').replace(
        "notice.typ", "failing.typ"
    )
    lost = failing.replace('"failing"\n', '"lost"\n').replace('fallback = "letters/notice"', "optional = true")
    head = PACK_TOML[: PACK_TOML.index("[[templates]]")].replace('"notice"', '"letters"')
    failing_typ = IMPORT + PLEX + "#data.name\n#data.nowhere\n"
    files = {
        "pack.toml": head + entry + failing + lost,
        "notice.typ": PAGES_TYP,
        "failing.typ": failing_typ,
    }
    write_pack(packs / "letters", files)


def letter_spec(template: str, **fields: Any) -> bundle_pb2.BundleSpec:
    return bundle_pb2.BundleSpec(
        documents=[bundle_pb2.DocumentSpec(name="a.pdf", format="pdf", template=f"letters/{template}")],
        data_json='{"name": "Wren Fable"}',
        **fields,
    )


async def preview(scheduler: Scheduler, spec: bundle_pb2.BundleSpec, **fields: Any) -> Any:
    request = PreviewDocumentRequest(spec=spec, **({"document": spec.documents[0].name} | fields))
    return await scheduler.templates.PreviewDocument(request, timeout=60)


async def refusal(scheduler: Scheduler, spec: bundle_pb2.BundleSpec, **fields: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await preview(scheduler, spec, **fields)
    return refused.value


async def test_the_pdf_is_the_one_a_run_makes_and_no_run_is_recorded(scheduler: Scheduler) -> None:
    spec = invoice_spec()
    shown = await preview(scheduler, spec, rendition=PDF)
    name = (await scheduler.runs.CreateBundleRun(create(spec, validate_only=True))).bundle_run.name
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await scheduler.runs.GetBundleRun(bundle_run_service_pb2.GetBundleRunRequest(name=name))
    assert reason(unknown.value) == "BUNDLE_RUN_NOT_FOUND"
    digest = hashlib.sha256(shown.renditions[0]).hexdigest()
    with pytest.raises(NotFound):
        await scheduler.served.core.store.blob_size(digest)

    run = (await scheduler.runs.CreateBundleRun(create(spec), timeout=60)).bundle_run
    read = scheduler.artefacts.ReadArtefact(ReadArtefactRequest(name=f"{run.name}/artefacts/invoice.pdf"))
    stored = b"".join([part.chunk async for part in read])
    assert shown.page_count == 1
    assert shown.renditions[0] == stored


async def test_pages_come_as_images_in_the_order_asked_for(tmp_path: Path) -> None:
    settings = note_settings(tmp_path)
    letters(tmp_path / "packs")
    async with real_scheduler(settings) as scheduler:
        first = await preview(scheduler, letter_spec("notice"))
        some = await preview(scheduler, letter_spec("notice"), pages=[3, 1, 3], ppi=72)
        fine = await preview(scheduler, letter_spec("notice"), pages=[1], ppi=144)
        beyond = await refusal(scheduler, letter_spec("notice"), pages=[1, 4])

    assert (first.page_count, len(first.renditions)) == (3, 1)
    assert all(image.startswith(PNG_MAGIC) for image in some.renditions)
    assert some.renditions[0] == some.renditions[2] != some.renditions[1]
    width = [int.from_bytes(image[16:20], "big") for image in (some.renditions[1], fine.renditions[0])]
    assert width[1] == pytest.approx(2 * width[0], abs=1)
    assert (beyond.code(), wrong_fields(beyond)) == (grpc.StatusCode.INVALID_ARGUMENT, ["pages[1]"])


async def test_a_failure_says_where_even_of_an_optional_document_and_a_fallback_of_the_pack_stands_in(
    tmp_path: Path,
) -> None:
    settings = note_settings(tmp_path)
    letters(tmp_path / "packs")
    async with real_scheduler(settings) as scheduler:
        stand_in = await preview(scheduler, letter_spec("failing"))
        failed = await refusal(scheduler, letter_spec("lost"))
        run = await scheduler.runs.CreateBundleRun(create(letter_spec("lost")), timeout=60)
        spec = letter_spec("lost")
        spec.documents[0].optional = False
        strict = await scheduler.runs.CreateBundleRun(create(spec), timeout=60)
        resolved = await scheduler.runs.CreateBundleRun(create(letter_spec("failing"), validate_only=True))

    assert stand_in.page_count == 3
    assert (failed.code(), reason(failed)) == (grpc.StatusCode.FAILED_PRECONDITION, "TEMPLATE_FAILED")
    info = detail(failed, error_details_pb2.ErrorInfo)
    assert info is not None
    assert "failing.typ" in str(info.metadata)
    succeeded, ended_badly = "STATE_SUCCEEDED", "STATE_FAILED"
    states = [type(run.bundle_run).State.Name(answer.bundle_run.state) for answer in (run, strict)]
    assert states == [succeeded, ended_badly], "the pack says optional, and a request may say otherwise"
    assert resolved.bundle_run.spec_digest


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"document": ""}, "document"),
        ({"document": "invoce.pdf"}, "document"),
        ({"ppi": 35}, "ppi"),
        ({"ppi": 301}, "ppi"),
        ({"pages": [0]}, "pages[0]"),
        ({"pages": list(range(1, 22))}, "pages"),
        ({"pages": [1], "rendition": PDF}, "pages"),
        ({"rendition": 7}, "rendition"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_at_its_field(
    scheduler: Scheduler, fields: dict[str, Any], field: str
) -> None:
    refused = await refusal(scheduler, invoice_spec(), **fields)
    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert wrong_fields(refused) == [field]


async def test_a_bundle_with_mistakes_and_a_document_without_pages_are_refused(scheduler: Scheduler) -> None:
    wrong = await refusal(scheduler, invoice_spec(data_json='{"lines": 3}'))
    text = await refusal(scheduler, note())

    assert "documents[0].data.lines" in wrong_fields(wrong)
    assert wrong_fields(text) == ["document"]
