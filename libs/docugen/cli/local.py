"""The core inside this process, for commands that need no server. A composition root, as a service's `app` is one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

from docugen_core import environment
from docugen_core.assembly import assemble_intake, assemble_rendering
from docugen_core.config import Settings
from docugen_core.domain.bundle import ResolvedBundle
from docugen_core.domain.failure import Failure
from docugen_core.errors import NotFound, Unavailable
from docugen_core.submission import Intake

from docugen.cli.failures import CommandFailed, Problem, run_problem

if TYPE_CHECKING:
    from docugen_core.generation import BundleRenderer
    from docugen_core.ports import ArtefactStore, Renderer
    from docugen_core.rendering.packs import TemplatePack

QUIET_LOGS = "error"
ATTEMPTS_MAX = 2
BACKOFF_MS = 500

_LEDGER_REASONS = ("LEDGER_FULL", "LEDGER_UNAVAILABLE", "LEDGER_DAMAGED")


def settings() -> Settings:
    """This process's settings. Raises ConfigurationError naming every wrong variable."""
    return environment.load()


def intake(present: Settings) -> Intake:
    """Installed templates, generators and bounds; starts no process."""
    return assemble_intake(present)


@contextmanager
def private_store(present: Settings, beside: Path) -> Iterator[Settings]:
    """Settings for a core of this command's own: its store is a new folder in `beside`, gone afterwards; never a queue.

    In `beside`, because a disk that can hold the results can then hold the store, and /tmp need not. A failure that may pass is
    tried again once and soon, unless the user's settings say otherwise: somebody is waiting, and can start the command again.
    Raises CommandFailed for what goes wrong with the ledger in there, of which the user knows nothing.
    """
    quiet(present)
    beside.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".docugen-", dir=beside, ignore_cleanup_errors=True) as folder:
        store_url = f"file://{quote(str(Path(folder).absolute()))}"
        try:
            yield replace(_impatient(present, environment.given()), store_url=store_url, queue_enabled=False)
        except Unavailable as error:
            if error.reason not in _LEDGER_REASONS:
                raise
            raise CommandFailed(_no_working_files(error, beside)) from error


@asynccontextmanager
async def renderer(present: Settings) -> AsyncIterator[Renderer]:
    """Render processes alone, for an author's pack: no store, no runs."""
    from docugen_core.adapters.render_pool import RenderPool

    quiet(present)
    async with RenderPool(present) as pool:
        yield pool


@asynccontextmanager
async def verifier(present: Settings) -> AsyncIterator[tuple[BundleRenderer, ArtefactStore]]:
    """What renders, and the store of DOCUGEN_STORE_URL. Takes up no runs: safe beside a scheduler on the same store."""
    quiet(present)
    async with assemble_rendering(present) as (_, bundles, store):
        yield bundles, store


def failed_run(failure: Failure, bundle: ResolvedBundle, known: Intake, *, beside: Path) -> Problem:
    """Why a local run failed, with the line of the template where the pack is at hand. beside: as for `private_store`."""
    if failure.code == "STORE_FULL":
        return _disk_full(beside, dict(failure.details))
    return run_problem(failure.to_json(), source=_source_line(failure, bundle, known))


def quiet(present: Settings) -> None:
    """The core logs for operators; here the result speaks. DOCUGEN_LOG_LEVEL=debug lets it log all the same."""
    from docugen_core.adapters.logs import configure_logs

    configure_logs("debug" if present.log_level == "debug" else QUIET_LOGS, present.log_format)


def _impatient(present: Settings, given: frozenset[str]) -> Settings:
    """`present` with few attempts in quick succession, where the user did not set how many or how quick."""
    soon = present
    if "DOCUGEN_QUEUE_MAX_ATTEMPTS" not in given:
        soon = replace(soon, queue_max_attempts=ATTEMPTS_MAX)
    if "DOCUGEN_QUEUE_BACKOFF_MS" not in given:
        soon = replace(soon, queue_backoff_ms=min(BACKOFF_MS, present.queue_backoff_max_ms))
    return soon


def _no_working_files(error: Unavailable, beside: Path) -> Problem:
    if error.reason == "LEDGER_FULL":
        return _disk_full(beside, error.details)
    message = f"{beside.absolute()}: temporary files cannot be used"
    hint = "Check the disk, its mount and the limit of open files (ulimit -n), or name another folder with --out."
    return Problem(message, "STORE_UNAVAILABLE", hint, details=error.details)


def _disk_full(beside: Path, details: Mapping[str, str]) -> Problem:
    hint = (
        "Free space there, raise the quota or file size limit (ulimit -f), or name a folder on another disk with --out."
    )
    return Problem(f"{beside.absolute()}: the disk is full", "STORE_FULL", hint, details=details)


def _source_line(failure: Failure, bundle: ResolvedBundle, known: Intake) -> str:
    if failure.where is None or not failure.where.line:
        return ""
    pack = _pack_of(failure.document, bundle, known)
    text = pack.files.get(failure.where.file, b"").decode() if pack else ""
    lines = text.splitlines()
    return lines[failure.where.line - 1].strip() if failure.where.line <= len(lines) else ""


def _pack_of(document: str, bundle: ResolvedBundle, known: Intake) -> TemplatePack | None:
    used = next((d for d in bundle.documents if d.name == document), None)
    template = used and (used.fallback or used.template)
    try:
        return known.catalogue.pinned(template) if template else None
    except NotFound:
        return None
