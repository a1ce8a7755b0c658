"""The folder of a corpus: documents under `documents/`, the index `corpus.json` last.

Every file appears in one step, by rename, and a document's labels come after its other files: whatever interrupts the command,
a document with labels is whole. While documents are missing there is no index. One command works in a folder at a time.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from docugen_core.corpus.documents import CorpusDocument
from docugen_core.corpus.labels import CorpusFile
from docugen_core.domain.identity import canonical_json

from docugen.cli.failures import DID_NOT_WORK, CommandFailed, Problem, wrong_input
from docugen.cli.whole_files import PART, replace_file

INDEX = "corpus.json"
DOCUMENTS = "documents"

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class CorpusFolder:
    """Use as `with CorpusFolder.opened(folder) as corpus`. Every method raises CommandFailed for a full disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._documents = folder / DOCUMENTS

    @classmethod
    @contextmanager
    def opened(cls, folder: Path) -> Iterator[CorpusFolder]:
        """The folder, made if need be, locked, and without what an interrupted command left half-written.

        Raises CommandFailed when it is no folder or another command works in it, OSError when it cannot be made.
        """
        if folder.exists() and not folder.is_dir():
            raise wrong_input(f"{folder}: is no folder", reason="FILE_NOT_USABLE", hint="Name another one with --out.")
        corpus = cls(folder)
        with corpus._disk():
            corpus._documents.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CommandFailed(
                    Problem(
                        f"{folder}: another command is making a corpus in this folder",
                        "FOLDER_BUSY",
                        "Wait until it has ended, or name another folder with --out.",
                        exit_code=DID_NOT_WORK,
                    )
                ) from None
            for part in (*folder.glob(f".*{PART}"), *corpus._documents.glob(f".*{PART}")):
                part.unlink(missing_ok=True)
            yield corpus
        finally:
            os.close(handle)

    def finished(self, name: str, origin: Mapping[str, Any]) -> tuple[dict[str, Any], CorpusFile] | None:
        """The labels of document `name`, if it is whole and was made as `origin` says; None if it is to be made.

        Raises CommandFailed when the labels belong to a corpus of another seed: that one is not to be overwritten.
        """
        try:
            data = (self._documents / f"{name}.json").read_bytes()
            labels = json.loads(data)
            seed, files = labels["corpus"]["seed"], [labels["pdf"], *labels["images"]]
        except (OSError, ValueError, LookupError, TypeError):
            return None
        if seed != origin["corpus"]["seed"]:
            raise wrong_input(
                f"{self.folder}: holds a corpus of seed {seed!r}",
                reason="FOLDER_NOT_USABLE",
                hint="Name another folder with --out, or use that seed.",
            )
        same = canonical_json({key: labels.get(key) for key in origin}) == canonical_json(origin)
        if not same or canonical_json(labels) != data or not all(self._is_whole(file) for file in files):
            return None
        return labels, CorpusFile(f"{name}.json", data)

    def begin(self) -> None:
        """Documents are about to change: there is no index until `finish`."""
        (self.folder / INDEX).unlink(missing_ok=True)

    def put(self, document: CorpusDocument) -> None:
        """A document's files, then its labels. Images that it has no longer are removed."""
        labels = self._documents / document.labels_file.name
        with self._disk():
            labels.unlink(missing_ok=True)
            kept = {file.name for file in document.files}
            for image in self._documents.glob(f"{labels.stem}-*.png"):
                if image.name not in kept:
                    image.unlink()
            for file in (*document.files, document.labels_file):
                replace_file(self._documents / file.name, file.data)

    def finish(self, index: bytes) -> Path:
        """Write the index; returns its path. One that is there with the same bytes is left alone."""
        path = self.folder / INDEX
        with self._disk():
            if not path.is_file() or path.read_bytes() != index:
                replace_file(path, index)
        return path

    def _is_whole(self, file: Mapping[str, Any]) -> bool:
        path = self._documents / str(file["file"])
        try:
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest() == str(file["sha256"])
        except OSError:
            return False

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _FULL:
                raise
            hint = (
                "Free space there, raise the quota or file size limit (ulimit -f), and give the same command again: "
                "finished documents are kept."
            )
            raise CommandFailed(Problem(f"{self.folder.absolute()}: the disk is full", "STORE_FULL", hint)) from None
