"""`docugen generate corpus`: many varied documents with labels, in this process and its render children."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from docugen_core.config import Settings
from docugen_core.corpus.documents import CorpusMaker, PlannedDocument
from docugen_core.corpus.labels import CorpusFile, CorpusOptions, corpus_index
from docugen_core.corpus.recipes import checked_locales
from docugen_core.domain.identity import content_digest
from docugen_core.errors import DocugenError
from docugen_core.rendering.task import RenderLimits

from docugen.cli import local
from docugen.cli.corpus_folder import DOCUMENTS, CorpusFolder
from docugen.cli.failures import CommandFailed
from docugen.cli.generate import seed_stream
from docugen.cli.options import json_option, quiet_option
from docugen.cli.output import emit, size_text, wants_colour, warn

COUNT_MAX = 100_000
_LINES = 20

Finished = dict[int, tuple[dict[str, Any], CorpusFile]]
Step = Callable[[int], None]


@click.command()
@click.option("--count", type=click.IntRange(1, COUNT_MAX), required=True, help="How many documents.")
@click.option("--seed", required=True, help="What they are made from: any text of 1 to 128 bytes.")
@click.option("--out", metavar="DIR", required=True, help="Folder for the corpus.")
@click.option(
    "--format",
    "formats",
    type=click.Choice(["pdf", "pdf,png"]),
    default="pdf",
    show_default=True,
    help="PDFs alone, or an image of every page beside them.",
)
@click.option(
    "--ppi", type=click.IntRange(36, 600), default=144, show_default=True, help="Pixels an inch of the images."
)
@click.option(
    "--locale", "locales", multiple=True, help="Choose from this locale only; may be repeated.  [default: nine]"
)
@click.option(
    "--jobs", type=click.IntRange(1, 256), default=None, help="Render processes.  [default: DOCUGEN_RENDER_PROCESSES]"
)
@quiet_option
@json_option
def corpus(
    count: int,
    seed: str,
    out: str,
    formats: str,
    ppi: int,
    locales: tuple[str, ...],
    jobs: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make COUNT varied documents and label every printed value with its place.

    Writes DIR/documents/000001.pdf with 000001.json (and 000001-1.png ...) and so on, and DIR/corpus.json last. Each document
    depends on the seed and its number alone: more documents, other jobs or an interruption change none. The same command given
    again goes on where it was interrupted, and makes again what is missing, damaged or of another engine.

    \b
    --json: {directory, count, made, engine_fingerprint, index: {path, sha256}, fields, pages, bytes}
    """
    seed_stream(seed)
    present = local.settings()
    options = CorpusOptions(seed, checked_locales(locales), ppi if formats == "pdf,png" else 0)
    if jobs is not None:
        present = replace(present, render_processes=jobs)
    with CorpusFolder.opened(Path(out)) as folder, _progress(count, quiet=quiet) as step:
        document = asyncio.run(_make(options, count, present, folder, step))
    emit(document, _view, as_json=as_json)


async def _make(
    options: CorpusOptions, count: int, present: Settings, folder: CorpusFolder, step: Step
) -> dict[str, Any]:
    limits = RenderLimits(present.max_pages, present.max_rows, present.max_artefact_bytes)
    async with local.renderer(present) as pool:
        maker = CorpusMaker(options, local.intake(present), pool, limits)
        making = _Making(maker, folder, step)
        await making.run(count, present.render_slots)
        fingerprint = pool.engine.fingerprint
    documents = [making.finished[index] for index in range(1, count + 1)]
    index = corpus_index(options, fingerprint, documents)
    path = folder.finish(index)
    labels = [found for found, _ in documents]
    return {
        "directory": str(folder.folder),
        "count": count,
        "made": making.made,
        "engine_fingerprint": fingerprint,
        "index": {"path": str(path), "sha256": content_digest(index)},
        "fields": sum(len(found["fields"]) for found in labels),
        "pages": sum(len(found["pages"]) for found in labels),
        "bytes": sum(found["pdf"]["size"] for found in labels),
    }


class _Making:
    """The documents of one corpus on their way. finished: what is whole in the folder; made: how many of them just now."""

    def __init__(self, maker: CorpusMaker, folder: CorpusFolder, step: Step) -> None:
        self.finished: Finished = {}
        self.made = 0
        self._maker = maker
        self._folder = folder
        self._step = step
        self._failed: Exception | None = None

    async def run(self, count: int, side_by_side: int) -> None:
        """Make documents 1 to `count`, as many at once as there are render processes, and one more that is prepared.

        Raises the first failure, after the documents under way have ended. What is finished stays.
        """
        indexes = iter(range(1, count + 1))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(count, side_by_side + 1)):
                group.create_task(self._work(indexes))
        if self._failed is not None:
            raise self._failed

    async def _work(self, indexes: Iterator[int]) -> None:
        for index in indexes:
            if self._failed is not None:
                return
            try:
                await self._document(self._maker.plan(index))
            except (DocugenError, CommandFailed, OSError) as error:
                # A failure is a value here: it must not cancel the documents beside it.
                self._failed = error
                return
            self._step(len(self.finished))

    async def _document(self, planned: PlannedDocument) -> None:
        index, name = planned.recipe.index, planned.recipe.name
        found = self._folder.finished(name, planned.origin)
        if found is None:
            if not self.made:
                self._folder.begin()
            self.made += 1
            document = await self._maker.make(planned)
            self._folder.put(document)
            found = document.labels, document.labels_file
        self.finished[index] = found


@contextmanager
def _progress(count: int, *, quiet: bool) -> Iterator[Step]:
    """Gives a function to call with the number of finished documents: a bar on a terminal, a line now and then elsewhere."""
    if quiet:
        yield lambda _: None
    elif wants_colour(sys.stderr):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeRemainingColumn

        columns = (SpinnerColumn(), BarColumn(bar_width=24), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=count)
            yield lambda done: bar.update(task, completed=done)
    else:
        every = max(1, count // _LINES)

        def say(done: int) -> None:
            if done % every == 0 or done == count:
                warn(f"{done} of {count} documents")

        yield say


def _view(document: dict[str, Any]) -> str:
    made, count = document["made"], document["count"]
    rest = f"{made} made, {count - made} were there" if made < count else f"{made} made"
    size = f"{document['pages']} pages, {size_text(document['bytes'])}"
    return "\n".join(
        [
            f"documents {document['directory']}/{DOCUMENTS}  ({rest}; {size})",
            f"labels    {document['fields']} boxes of fields",
            f"index     {document['index']['path']}  sha256 {document['index']['sha256']}",
        ]
    )
