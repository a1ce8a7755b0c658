"""`docugen templates test`: whether a pack's documents are still those that were recorded, and if not, why."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click
from docugen_core.authoring.golden import (
    Golden,
    GoldenCase,
    causes,
    golden_cases,
    golden_folder,
    golden_of,
    read_golden,
    write_golden,
)
from docugen_core.domain.bundle import Format
from docugen_core.errors import InvalidRequest, RenderFailed
from docugen_core.ports import Renderer
from docugen_core.rendering.pack_loader import load_pack
from docugen_core.strict_json.schema import compiled

from docugen.cli import local
from docugen.cli.author_packs import folders_at
from docugen.cli.failures import DID_NOT_WORK, wrong_input
from docugen.cli.options import json_option
from docugen.cli.output import emit, warn
from docugen.cli.whole_files import replace_file

IMAGE_PPI = 96


@click.command()
@click.argument("path")
@click.option("--update", is_flag=True, help="Record what comes out now.")
@click.option("--images", metavar="DIR", default=None, help="Write the pages of PDFs that differ as PNG into DIR.")
@json_option
def test(path: str, update: bool, images: str | None, as_json: bool) -> int:
    """Compare the documents of the pack in PATH with their recorded digests: every sample, language and format.

    The record is PATH.tests/golden.json, beside the pack, so that it does not change the pack's digest; further samples are
    PATH.tests/<template>/<name>.json. Where a document differs, it says what changed: template, data, engine or font.

    Exit code 1: a document differs, is new or gone, or does not render.

    \b
    --json: {pack, golden, updated, cases: [{case, status, causes: [text], images: [path]}]}
            status: same, differs, new, gone, failed
    """
    [folder, *more] = folders_at(path)
    if more:
        raise wrong_input(f"{path} holds several packs", hint=f"Name one of them, such as {folder}.")
    document = asyncio.run(_test(folder, update=update, images=Path(images) if images else None))
    emit(document, _view, as_json=as_json)
    different = [case for case in document["cases"] if case["status"] != "same"]
    failed = [case for case in different if case["status"] == "failed"]
    if not as_json:
        same = len(document["cases"]) - len(different)
        done = ", recorded" if document["updated"] else ""
        warn(f"{len(document['cases'])} cases, {same} the same, {len(different)} not{done}")
        if different and not update and not failed:
            warn("`--update` records them, if this is what you meant.")
    return DID_NOT_WORK if failed or (different and not update) else 0


async def _test(folder: Path, *, update: bool, images: Path | None) -> dict[str, Any]:
    pack = load_pack(folder)
    beside = golden_folder(folder)
    cases = golden_cases(pack, beside)
    recorded = read_golden(beside)
    outputs: dict[str, bytes] = {}
    failures: dict[str, str] = {}
    async with local.renderer(local.settings()) as renderer, asyncio.TaskGroup() as group:
        for case in cases:
            group.create_task(_render(case, renderer, outputs, failures))
        engine = renderer.engine
    rendered = tuple(case for case in cases if case.name in outputs)
    now = golden_of(pack, engine, rendered, outputs)
    found = [_case(name, recorded, now, failures) for name in sorted({c.name for c in cases} | _names(recorded))]
    if images is not None:
        formats = {case.name: case.task.format for case in cases}
        for one in found:
            if one["status"] in ("differs", "new") and formats.get(one["case"]) is Format.PDF:
                one["images"] = _write_images(one["case"], outputs[one["case"]], images)
    if update and not failures:
        write_golden(beside, pack, now)
    return {
        "pack": f"{pack.name}@{pack.version}",
        "golden": str(beside / "golden.json"),
        "updated": update and not failures,
        "cases": found,
    }


async def _render(case: GoldenCase, renderer: Renderer, outputs: dict[str, bytes], failures: dict[str, str]) -> None:
    try:
        violations = compiled(case.task.pack.templates[case.task.template].schema).violations(dict(case.task.data))
        if violations:
            raise InvalidRequest.from_violations(violations)
        outputs[case.name] = (await renderer.render(case.task)).data
    except (InvalidRequest, RenderFailed) as error:
        failures[case.name] = error.message


def _names(recorded: Golden | None) -> set[str]:
    return set(recorded.outputs) if recorded else set()


def _case(name: str, recorded: Golden | None, now: Golden, failures: dict[str, str]) -> dict[str, Any]:
    status = "same"
    why: tuple[str, ...] = ()
    if name in failures:
        status, why = "failed", (failures[name],)
    elif recorded is None or name not in recorded.outputs:
        status = "new"
    elif name not in now.outputs:
        status = "gone"
    elif recorded.outputs[name][1] != now.outputs[name][1]:
        status, why = "differs", causes(name, recorded, now)
    return {"case": name, "status": status, "causes": list(why), "images": []}


def _write_images(case: str, pdf: bytes, folder: Path) -> list[str]:
    from docugen_core.rendering.page_images import page_images

    folder.mkdir(parents=True, exist_ok=True)
    stem = case.removesuffix(".pdf").replace("/", "-")
    paths = []
    for number, image in enumerate(page_images(pdf, IMAGE_PPI), 1):
        path = folder / f"{stem}-{number}.png"
        replace_file(path, image)
        paths.append(str(path))
    return paths


def _view(document: dict[str, Any]) -> str:
    lines = [document["pack"]]
    for case in document["cases"]:
        if case["status"] == "same":
            continue
        lines.append(f"{case['status']:<8} {case['case']}")
        lines += [f"         {text}" for text in (*case["causes"], *case["images"])]
    return "\n".join(lines)
