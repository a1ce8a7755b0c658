"""Documents made of other documents: archives, merged PDFs, PDFs with attachments, page images, by every way in."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pypdf
import pytest
from direct_renderer import DirectRenderer, render_bundle
from docugen.client import DocugenClient
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.assembly import assemble_intake
from docugen_core.config import Settings
from docugen_core.domain.manifest import ArtefactStatus, Manifest
from docugen_core.errors import LimitExceeded, RenderFailed
from docugen_core.generation import BundleRenderer
from docugen_core.rendering.pdf_attachments import DATA_FILE, embedded_files
from docugen_core.rendering.task import RenderLimits
from docugen_core.submission import Intake, SubmitRequest, prepare_generation_job
from queue_scheduler import queue_scheduler
from redis_servers import queue_name
from scheduler_server import note_settings, real_scheduler

PACK = """
schema = "docugen.pack/v1"
[pack]
name = "desk"
version = "1.0.0"
[[templates]]
name = "sheet"
title = "Sheet"
schema = "sheet.schema.json"
sample = "sheet.sample.json"
[templates.formats]
pdf = "sheet.typ"
csv = "sheet.table.toml"
[templates.pdf]
standards = ["a-3b"]
embed_data = true
"""
SHEET = """
#let text-of = json("data.json").text
#set document(title: "Sheet " + text-of)
#set text(font: "IBM Plex Sans")
= SPECIMEN #text-of
#pagebreak()
#text-of again
"""
TABLE = 'title = "Rows"\nrows = "rows"\n[[columns]]\nheader = "Text"\nvalue = "text"\n'
FILES = {
    "pack.toml": PACK,
    "sheet.typ": SHEET,
    "sheet.table.toml": TABLE,
    "sheet.schema.json": '{"type": "object"}',
    "sheet.sample.json": '{"text": "hello", "rows": []}',
}


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    """A folder of packs with the pack `desk`, where `note_settings(tmp_path)` looks for them."""
    folder = tmp_path / "packs"
    (folder / "desk").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / "desk" / name).write_text(text)
    return folder


@pytest.fixture
def intake(packs: Path) -> Intake:
    return assemble_intake(Settings(template_path=str(packs)))


def sheet(name: str, text: str | None = "x", **fields: Any) -> dict[str, Any]:
    """A document of two pages; without a text it fails."""
    data = {"rows": [{"text": "SPECIMEN"}]} | ({} if text is None else {"text": text})
    return {"name": name, "format": name.rpartition(".")[2], "template": "desk/sheet", "data": data} | fields


def merge(name: str, *members: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "format": "pdf", "members": list(members)} | fields


def bundle(*documents: dict[str, Any]) -> dict[str, Any]:
    return {"documents": list(documents), "specimen": True, "document_date": "2026-09-30"}


EVERYTHING = bundle(
    sheet("a.pdf", "A", attachments=["rows.csv"]),
    sheet("b.pdf", "B"),
    sheet("rows.csv"),
    sheet("second.png", "A", page=2, ppi=50),
    sheet("first.svg", "A"),
    merge("both.pdf", "b.pdf", "a.pdf"),
    merge("more.pdf", "both.pdf", "b.pdf"),
    {"name": "all.zip", "format": "zip"},
)


async def made(raw: dict[str, Any], intake: Intake) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest, and the bytes of what was rendered by name."""
    manifest, kept = await render_bundle(raw, intake)
    rendered = [a for a in manifest.artefacts if a.status is ArtefactStatus.RENDERED]
    return manifest, {a.name: kept[a.sha256] for a in rendered}


def texts(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


async def test_documents_are_made_of_the_very_artefacts_of_their_bundle(intake: Intake) -> None:
    manifest, files = await made(EVERYTHING, intake)

    assert texts(files["both.pdf"]) == ["SPECIMEN B", "B again", "SPECIMEN A", "A again"]
    assert texts(files["more.pdf"]) == [*texts(files["both.pdf"]), *texts(files["b.pdf"])]
    assert embedded_files(files["a.pdf"])["rows.csv"] == files["rows.csv"]
    with zipfile.ZipFile(io.BytesIO(files["all.zip"])) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: data for name, data in files.items() if name != "all.zip"
        }
    assert {a.name: a.pages for a in manifest.artefacts if a.pages} == {
        "a.pdf": 2,
        "b.pdf": 2,
        "both.pdf": 4,
        "more.pdf": 6,
    }


async def test_a_pdf_with_its_data_inside_tells_what_it_was_made_of(intake: Intake) -> None:
    _, files = await made(EVERYTHING, intake)

    inside = json.loads(embedded_files(files["b.pdf"])[DATA_FILE])

    again, same = await made(
        bundle(
            {"name": "b.pdf", "format": "pdf", "data": inside["data"]}
            | {"template": f"{inside['template']['pack']}/{inside['template']['template']}"}
        ),
        intake,
    )
    assert same["b.pdf"] == files["b.pdf"]
    assert again.packs[0][2] == inside["template"]["digest"]


async def test_an_omitted_member_is_left_out_of_the_merge_and_an_omitted_attachment_of_the_pdf(intake: Intake) -> None:
    manifest, files = await made(
        bundle(
            sheet("a.pdf", "A", attachments=["gone.png"]),
            sheet("gone.pdf", None, optional=True),
            sheet("gone.png", "x", page=3, optional=True),
            merge("both.pdf", "gone.pdf", "a.pdf"),
        ),
        intake,
    )

    assert [a.name for a in manifest.artefacts if a.status is ArtefactStatus.OMITTED] == ["gone.pdf", "gone.png"]
    assert texts(files["both.pdf"]) == ["SPECIMEN A", "A again"]
    assert list(embedded_files(files["a.pdf"])) == [DATA_FILE]


async def test_a_merge_that_lost_all_its_members_fails_or_is_omitted_too(intake: Intake) -> None:
    gone = sheet("gone.pdf", None, optional=True)

    with pytest.raises(RenderFailed, match="every member was omitted") as caught:
        await made(bundle(gone, merge("all.pdf", "gone.pdf")), intake)
    assert caught.value.document == "all.pdf"

    optional = merge("all.pdf", "gone.pdf", optional=True)
    manifest, files = await made(bundle(gone, optional, {"name": "z.zip", "format": "zip"}), intake)
    assert {a.name: a.reason for a in manifest.artefacts} == {
        "all.pdf": "TEMPLATE_FAILED",
        "gone.pdf": "TEMPLATE_FAILED",
        "z.zip": "",
    }
    assert zipfile.ZipFile(io.BytesIO(files["z.zip"])).namelist() == []


async def test_what_decides_a_documents_bytes_decides_its_digest(intake: Intake) -> None:
    async def digests(*documents: dict[str, Any]) -> dict[str, str]:
        manifest, _ = await made(bundle(*documents), intake)
        return {a.name: a.document_digest for a in manifest.artefacts}

    rows, other_rows = sheet("rows.csv"), sheet("rows.csv", rows=[])
    other_rows["data"] = {"rows": []}
    del other_rows["rows"]
    pages = await digests(
        sheet("a.png", "A"), sheet("b.png", "A", page=2), sheet("c.png", "A", ppi=50), sheet("d.png", "A")
    )
    assert pages["a.png"] == pages["d.png"]
    assert len(set(pages.values())) == 3
    holding = [
        (await digests(sheet("a.pdf", "A", **fields), csv))["a.pdf"]
        for fields, csv in (
            ({}, rows),
            ({"attachments": ["rows.csv"]}, rows),
            ({"attachments": ["rows.csv"]}, other_rows),
        )
    ]
    assert len(set(holding)) == 3
    pair = (sheet("a.pdf", "A"), sheet("b.pdf", "B"))
    orders = [await digests(*pair, merge("m.pdf", *names)) for names in (("a.pdf", "b.pdf"), ("b.pdf", "a.pdf"))]
    assert orders[0]["m.pdf"] != orders[1]["m.pdf"]


@pytest.mark.parametrize(
    "documents",
    [
        (sheet("a.pdf", "A"), sheet("b.pdf", "B"), merge("m.pdf", "a.pdf", "b.pdf")),
        (sheet("a.pdf", "A"), sheet("b.pdf", "B", attachments=["a.pdf"])),
        (sheet("a.pdf", "A"), sheet("b.pdf", "B"), {"name": "z.zip", "format": "zip"}),
    ],
    ids=["merge", "attachment", "archive"],
)
async def test_the_bound_on_bytes_holds_for_what_documents_are_made_of(
    documents: tuple[dict[str, Any], ...], intake: Intake
) -> None:
    _, files = await made(bundle(sheet("a.pdf", "A")), intake)
    limits = RenderLimits(bytes_max=len(files["a.pdf"]) + 500)
    renderer = BundleRenderer(intake.catalogue, intake.generators, DirectRenderer(), limits)
    job = prepare_generation_job(SubmitRequest(bundle(*documents)), intake)

    async def nowhere(_: bytes) -> None:
        """Kept by nobody."""

    with pytest.raises(LimitExceeded, match=r"bytes"):
        await renderer.render(job.bundle, nowhere)


@pytest.mark.slow
async def test_every_way_in_gives_the_same_manifest(
    intake: Intake, tmp_path: Path, queue_url: str, request: pytest.FixtureRequest
) -> None:
    direct, _ = await made(EVERYTHING, intake)
    found = []
    async with real_scheduler(note_settings(tmp_path)) as inline, DocugenClient(inline.address) as client:
        run = await client.submit(EVERYTHING, wait=True, timeout=60)
        found.append((await client.manifest(run)).json_bytes)
        await client.download(run, tmp_path / "there")
    async with (
        queue_scheduler(
            tmp_path / "queued",
            queue_url,
            queue_name(request.node.nodeid),
            template_path=str(tmp_path / "packs"),
            queue_lease_ms=60_000,
        ) as queued,
        RenderPool(Settings(render_processes=1)) as pool,
        queued.worker(pool),
        DocugenClient(queued.address) as client,
    ):
        run = await client.submit(EVERYTHING, wait=True, timeout=60)
        found.append((await client.manifest(run)).json_bytes)

    assert found == [direct.to_bytes()] * 2
    assert sorted(path.name for path in (tmp_path / "there").iterdir() if path.name in {"both.pdf", "second.png"}) == [
        "both.pdf",
        "second.png",
    ]


def test_the_order_in_the_request_does_not_matter(intake: Intake) -> None:
    first, files = asyncio.run(made(EVERYTHING, intake))
    turned = EVERYTHING | {"documents": EVERYTHING["documents"][::-1]}
    second, same = asyncio.run(made(turned, intake))

    assert first.to_bytes() == second.to_bytes()
    assert files == same
