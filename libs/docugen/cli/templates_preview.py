"""`docugen templates preview`: what a pack's documents look like, once or after every change."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import click
from docugen_core.authoring.trials import trial_world
from docugen_core.domain.bundle import Format
from docugen_core.domain.json import JsonObject
from docugen_core.errors import DocugenError, InvalidRequest
from docugen_core.ports import Renderer
from docugen_core.rendering.pack_files import visible_paths
from docugen_core.rendering.pack_loader import load_pack
from docugen_core.rendering.packs import Template, TemplatePack
from docugen_core.rendering.task import RenderTask
from docugen_core.strict_json.schema import compiled
from docugen_core.validation.world import Unfit, canonical_locale

from docugen.cli import local
from docugen.cli.author_packs import folders_at
from docugen.cli.failures import CommandFailed, as_text, problem_of, wrong_input
from docugen.cli.options import json_option
from docugen.cli.output import emit, say, warn
from docugen.cli.whole_files import replace_file

POLL_S = 0.25
SETTLE_MAX = 8
WATCHED_MAX = 5_000
PAGES_MAX = 100


@dataclass(frozen=True, slots=True)
class _Wish:
    """What to show. pages empty: all, at most PAGES_MAX."""

    folder: Path
    template: str
    pages: tuple[int, ...]
    ppi: int
    out: Path
    data: Path | None
    locale: str


@click.command()
@click.argument("path")
@click.option("--template", default="", help="Only this template of the pack.")
@click.option("--page", "pages", type=click.IntRange(1), multiple=True, help="Only this page; may be repeated.")
@click.option("--ppi", type=click.IntRange(36, 600), default=96, show_default=True, help="Pixels an inch.")
@click.option("--out", metavar="DIR", default=None, help="Folder for the files.  [default: out/preview/<pack>]")
@click.option("--data", metavar="FILE", default=None, help="JSON to render instead of the sample; with --template.")
@click.option("--locale", default="", help="As fr-FR.  [default: the pack's default language]")
@click.option("--watch", is_flag=True, help="Go on, and render again after each change of the pack, until Ctrl-C.")
@json_option
def preview(
    path: str,
    template: str,
    pages: tuple[int, ...],
    ppi: int,
    out: str | None,
    data: str | None,
    locale: str,
    watch: bool,
    as_json: bool,
) -> None:
    """Render the samples of the pack in PATH: PDF as one PNG a page, every other format as its file.

    The day is 2026-01-31, and documents carry the SPECIMEN mark. With --watch, a mistake is shown and watching goes on.

    \b
    --json: {pack, files: [{template, format, page, path, size, render_ms}]}   page 0: no page image
    """
    [folder, *more] = folders_at(path)
    if more:
        raise wrong_input(f"{path} holds several packs", hint=f"Name one of them, such as {folder}.")
    if data is not None and not template:
        raise wrong_input("--data needs --template: each template has data of its own")
    if watch and as_json:
        raise wrong_input("--watch has no end, so no JSON document either", hint="Leave out --json or --watch.")
    try:
        wanted_locale = canonical_locale(locale) if locale else ""
    except Unfit as unfit:
        raise wrong_input(f"--locale {locale!r} {unfit.description}", hint=unfit.hint) from None
    target = Path(out) if out else Path("out") / "preview" / folder.resolve().name
    wish = _Wish(folder, template, pages, ppi, target, Path(data) if data else None, wanted_locale)
    document = asyncio.run(_preview(wish, watch=watch))
    emit(document, _view, as_json=as_json)


async def _preview(wish: _Wish, *, watch: bool) -> dict[str, Any]:
    async with local.renderer(local.settings()) as renderer:
        while watch:
            seen = _stamps(wish)
            try:
                say(_view(await _rendered(wish, renderer)))
            except (DocugenError, CommandFailed, OSError) as error:
                warn(as_text(problem_of(error)))
            warn(f"watching {wish.folder}; Ctrl-C ends it")
            await _changed(wish, seen)
        return await _rendered(wish, renderer)


async def _changed(wish: _Wish, seen: dict[str, tuple[int, int]]) -> None:
    """Return once the files differ from what was seen and have stayed alike between two looks: an editor empties a file
    before it writes it, and a checkout touches many. Files that never rest are rendered after SETTLE_MAX looks."""
    while (now := _stamps(wish)) == seen:  # noqa: ASYNC110 - nobody tells us of a changed file; see _stamps
        await asyncio.sleep(POLL_S)
    for _ in range(SETTLE_MAX):
        await asyncio.sleep(POLL_S)
        before, now = now, _stamps(wish)
        if now == before:
            return


async def _rendered(wish: _Wish, renderer: Renderer) -> dict[str, Any]:
    pack = load_pack(wish.folder)
    if wish.template and wish.template not in pack.templates:
        known = ", ".join(sorted(pack.templates))
        raise wrong_input(f"no template {wish.template!r} in {pack.name}", reason="TEMPLATE_NOT_FOUND", hint=known)
    files = []
    for name, template in sorted(pack.templates.items()):
        if wish.template in ("", name):
            data = _data(wish, template)
            for format_ in template.formats:
                files += await _one(wish, pack, template, format_, data, renderer)
    return {"pack": f"{pack.name}@{pack.version}", "files": files}


async def _one(
    wish: _Wish, pack: TemplatePack, template: Template, format_: Format, data: JsonObject, renderer: Renderer
) -> list[dict[str, Any]]:
    name = f"{template.name}.{format_.value}"
    world = trial_world(wish.locale or pack.default_language)
    begun_s = time.perf_counter()
    rendering = await renderer.render(RenderTask(name, format_, pack, template.name, data, world))
    render_ms = round((time.perf_counter() - begun_s) * 1_000, 1)
    wish.out.mkdir(parents=True, exist_ok=True)
    images = {0: rendering.data}
    if format_ is Format.PDF:
        from docugen_core.rendering.page_images import page_image

        wanted = wish.pages or tuple(range(1, min(rendering.pages, PAGES_MAX) + 1))
        beyond = [page for page in wanted if page > rendering.pages]
        if beyond:
            raise wrong_input(f"{name} has no page {beyond[0]}, it has {rendering.pages}")
        images = {page: page_image(rendering.data, page, wish.ppi) for page in wanted}
    files = []
    for page, content in images.items():
        path = wish.out / (f"{template.name}-{page}.png" if page else name)
        replace_file(path, content)
        files.append(
            {
                "template": template.name,
                "format": format_.value,
                "page": page,
                "path": str(path),
                "size": len(content),
                "render_ms": render_ms,
            }
        )
    return files


def _data(wish: _Wish, template: Template) -> JsonObject:
    """The sample, or what --data names, checked like a request's."""
    if wish.data is None:
        return template.sample
    try:
        data = json.loads(wish.data.read_text(encoding="utf-8"))
    except ValueError as error:
        raise wrong_input(f"{wish.data} is not JSON: {error}") from None
    violations = compiled(template.schema).violations(data)
    if violations:
        raise InvalidRequest.from_violations(violations)
    checked: Mapping[str, Any] = data
    return checked


def _stamps(wish: _Wish) -> dict[str, tuple[int, int]]:
    """What tells that a file changed. Looked at four times a second: a pack has 500 files at most, so this costs next to
    nothing, needs no library and works on every file system."""
    paths = [*islice(visible_paths(wish.folder), WATCHED_MAX)] + ([wish.data] if wish.data else [])
    stamps = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:  # gone between the two looks: editors write a file by replacing it
            continue
        stamps[str(path)] = (status.st_mtime_ns, status.st_size)
    return stamps


def _view(document: dict[str, Any]) -> str:
    lines = [f"{f['path']}  {f['render_ms']} ms" for f in document["files"]]
    return "\n".join([document["pack"], *lines])
