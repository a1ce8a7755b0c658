"""From a stream of chunks to verified files in a folder.

A file appears under its name only complete and with the manifest's SHA-256: chunks go to `.{name}.{sha256 prefix}.part`, which
is hashed as it grows, flushed, and renamed. A part that was left behind is taken up where it ends. `manifest.json` is written
last, so a folder with a manifest is complete.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from docugen.client.errors import CorruptDownload
from docugen.client.results import Artefact, Manifest

MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "manifest.json.sig"
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_HASHED_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Download:
    """A run's files in `directory`. written: names fetched now; unchanged: names that were there with the right bytes."""

    directory: Path
    manifest: Manifest
    written: tuple[str, ...]
    unchanged: tuple[str, ...]


class PartFile:
    """One artefact on its way to `directory`. Use as a context manager; leaving it keeps an unfinished part for later."""

    def __init__(self, directory: Path, artefact: Artefact) -> None:
        self._artefact = artefact
        self._target = directory / safe_name(artefact.name)
        self._part = directory / f".{artefact.name}.{artefact.sha256[:16]}.part"
        self._hash = hashlib.sha256()
        self.offset = 0
        if self._part.exists():
            self.offset = _feed(self._hash, self._part)
            if self.offset > artefact.size:
                self.start_over()
        self._file = self._part.open("ab")

    def __enter__(self) -> PartFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def is_whole(self) -> bool:
        return self.offset >= self._artefact.size

    def start_over(self) -> None:
        """Forget what is there."""
        self._part.unlink(missing_ok=True)
        self._hash, self.offset = hashlib.sha256(), 0

    def write(self, chunk: bytes) -> None:
        """Append. Raises CorruptDownload when more comes than the manifest says."""
        self.offset += len(chunk)
        if self.offset > self._artefact.size:
            raise self._corrupt(f"more than {self._artefact.size} bytes came")
        self._hash.update(chunk)
        self._file.write(chunk)

    def finish(self) -> None:
        """Give the complete file its name. Raises CorruptDownload when its bytes are not the manifest's."""
        self._file.flush()
        if self._hash.hexdigest() != self._artefact.sha256:
            raise self._corrupt(f"its SHA-256 is {self._hash.hexdigest()}, the manifest says {self._artefact.sha256}")
        os.fsync(self._file.fileno())
        self._part.replace(self._target)

    def _corrupt(self, what: str) -> CorruptDownload:
        self._part.unlink(missing_ok=True)
        return CorruptDownload(
            f"{self._artefact.name}: {what}",
            reason="CORRUPT_DOWNLOAD",
            hint="Nothing of it was kept. Download again; if it persists, `docugen verify` the run.",
            details={"artefact": self._artefact.name, "expected_sha256": self._artefact.sha256},
        )


def safe_name(name: str) -> str:
    """`name`, if it may become a file in the chosen folder. Raises CorruptDownload: a server must not choose paths."""
    if _FILE_NAME.fullmatch(name) is None or name in (MANIFEST_NAME, SIGNATURE_NAME):
        raise CorruptDownload(
            f"{name!r} cannot be written: it is no plain file name, or that of the manifest itself",
            reason="UNSAFE_FILE_NAME",
            hint="Read it by its SHA-256 instead, or rename the document in the bundle.",
        )
    return name


def has_bytes_of(path: Path, artefact: Artefact) -> bool:
    """Whether `path` already holds exactly this artefact."""
    if not path.is_file() or path.stat().st_size != artefact.size:
        return False
    hashed = hashlib.sha256()
    _feed(hashed, path)
    return hashed.hexdigest() == artefact.sha256


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old bytes or the new ones, never a mixture."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _feed(hashed: hashlib._Hash, path: Path) -> int:
    size = 0
    with path.open("rb") as file:
        while piece := file.read(_HASHED_AT_ONCE):
            hashed.update(piece)
            size += len(piece)
    return size
