"""Finished runs, wherever they are: on a server, in the local store, or in a folder with a manifest.

path of a manifest        the artefacts stand beside it; in a store (manifests/RUN.json) it is that store's run
run id with --local       the store of DOCUGEN_STORE_URL
run id                    the server
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from docugen_core import environment
from docugen_core.adapters.local_store import LocalStore
from docugen_core.adapters.store_opening import store_of
from docugen_core.comparison import Evidence
from docugen_core.domain.identity import content_digest
from docugen_core.domain.manifest import ArtefactEntry, ArtefactStatus, Manifest
from docugen_core.domain.tenant import is_kept_id
from docugen_core.errors import NotFound
from docugen_core.ports import ArtefactStore

from docugen.cli.failures import WRONG_INPUT, CommandFailed, Problem, problem_of, wrong_input

SIGNATURE_SUFFIX = ".sig"

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A finished run. manifest: its bytes. signature: the file beside it; None where there is none. spec: as in Evidence."""

    name: str
    manifest: bytes
    signature: bytes | None = None
    spec: Mapping[str, Any] | None = None
    _where: Path | ArtefactStore | str = field(default="", repr=False)

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.parsed, self.spec)

    @property
    def parsed(self) -> Manifest:
        try:
            return Manifest.from_bytes(self.manifest)
        except (KeyError, ValueError) as error:
            raise wrong_input(
                f"{self.name}: is not a manifest of this schema",
                reason="NOT_A_MANIFEST",
                hint="Name a manifest.json that DocuGen wrote, or a run id.",
            ) from error

    async def contents(self, entries: Mapping[str, ArtefactEntry]) -> dict[str, bytes | None]:
        """Bytes of artefacts by name, as they are stored: None where there are none. They need not be what `entries` says."""
        match self._where:
            case Path() as folder:
                return {name: await asyncio.to_thread(_read, folder / name) for name in entries}
            case str() as server:
                return await _downloaded(server, self.name, entries)
            case store:
                return {name: await _stored(store, entry.sha256) for name, entry in entries.items()}

    async def refuse_changed_files(self) -> None:
        """Raises CommandFailed where a file of a folder has other bytes than its manifest says: a comparison by manifests would
        call it equal. A file that is gone is no claim. Stores check what they hand out themselves."""
        if not isinstance(self._where, Path):
            return
        for entry in self.parsed.artefacts:
            data = await asyncio.to_thread(_read, self._where / entry.name)
            if entry.status is ArtefactStatus.RENDERED and data is not None and content_digest(data) != entry.sha256:
                raise wrong_input(
                    f"{self._where / entry.name}: is not the file that its manifest names",
                    reason="ARTEFACT_CHANGED",
                    hint=f"See `docugen verify {self.name}`, and compare the bundle as it was rendered.",
                )


def look_up(run: str, *, here: bool, server: str | None) -> FoundRun:
    """The run that a user named, for commands that need no more. Raises CommandFailed."""
    return _answered(found_run(run, here=here, server=server))


def contents_of(run: str, *, here: bool, server: str | None) -> tuple[FoundRun, dict[str, bytes | None]]:
    """The same with the bytes of every artefact that was rendered; None for one that is not there."""

    async def both() -> tuple[FoundRun, dict[str, bytes | None]]:
        found = await found_run(run, here=here, server=server)
        rendered = {a.name: a for a in found.parsed.artefacts if a.status is ArtefactStatus.RENDERED}
        return found, await found.contents(rendered)

    return _answered(both())


def _answered(question: Coroutine[Any, Any, R]) -> R:
    try:
        return asyncio.run(question)
    except Exception as error:
        if type(error).__module__.startswith("docugen.client"):
            raise CommandFailed(problem_of_any(error)) from error
        raise


def problem_of_any(error: Exception) -> Problem:
    """What went wrong while a run was looked up, on a server or here."""
    if type(error).__module__.startswith("docugen.client"):  # imported only where a server was asked
        from docugen.cli.remote import problem_of_answer
        from docugen.client import DocugenClientError

        if isinstance(error, DocugenClientError):
            return problem_of_answer(error)
    return problem_of(error)


def manifest_path(run: str) -> Path | None:
    """The manifest that `run` names as a file, or as a folder that holds one; None for a run id."""
    path = Path(run)
    if path.is_dir():
        return path / "manifest.json"
    return path if "/" in run or run.endswith(".json") or path.is_file() else None


async def found_run(run: str, *, here: bool, server: str | None) -> FoundRun:
    """The run that a user named. Raises CommandFailed where there is none, DocugenClientError from a server."""
    path = manifest_path(run)
    if path is not None:
        return await _in_folder(path)
    if not is_kept_id(run):
        raise wrong_input(f"{run!r} is neither a run id nor a file", hint="Name a run, or the path of a manifest.json.")
    if here:
        return await _in_store(store_of(environment.load()), run)
    return await _on_server(server or environment.load().grpc_address, run)


async def _in_folder(path: Path) -> FoundRun:
    data = await asyncio.to_thread(_read, path)
    if data is None:
        raise wrong_input(f"{path}: cannot be read", reason="FILE_NOT_USABLE", hint="Name the path of a manifest.json.")
    root = path.parent.parent
    if path.parent.name == "manifests" and (root / "blobs").is_dir():
        return await _in_store(LocalStore(root), path.stem)
    signature = await asyncio.to_thread(_read, path.with_name(path.name + SIGNATURE_SUFFIX))
    return FoundRun(str(path), data, signature, None, path.parent)


async def _in_store(store: ArtefactStore, run_id: str) -> FoundRun:
    data = await store.read_manifest(run_id)
    if data is None:
        message = f"run {run_id!r} has no manifest in the store"
        hint = "Only a finished run can be compared; `docugen runs show` tells its state."
        raise CommandFailed(Problem(message, "BUNDLE_RUN_NOT_FOUND", hint, exit_code=WRONG_INPUT))
    found = FoundRun(run_id, data, await store.read_signature(run_id), None, store)
    spec = await store.read_spec(found.parsed.spec_digest)
    return FoundRun(run_id, data, found.signature, None if spec is None else json.loads(spec), store)


async def _on_server(server: str, run: str) -> FoundRun:
    from docugen.cli.remote import client_of

    async with client_of(server) as client:
        manifest = await client.manifest(run)
        spec = await client.bundle(run)
    return FoundRun(run, manifest.json_bytes, manifest.signature, spec, server)


async def _stored(store: ArtefactStore, sha256: str) -> bytes | None:
    try:
        return await store.read_blob(sha256)
    except NotFound:
        return None


async def _downloaded(server: str, run: str, entries: Mapping[str, ArtefactEntry]) -> dict[str, bytes | None]:
    from docugen.cli.remote import client_of

    with TemporaryDirectory(prefix="docugen-") as folder:
        async with client_of(server) as client:
            await client.download(run, folder)
        return {name: await asyncio.to_thread(_read, Path(folder) / name) for name in entries}


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None
