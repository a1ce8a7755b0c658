"""The Typst library that ships with DocuGen: `docugen.typ` and its parts in `docugen/`, read from where it is installed.

Its folder is the root of every Typst compiler. Files of a root are parsed once, where files that are handed over are parsed
for every document; and as long as a part of the library reads the same JSON (`world.json`, `labels.json`,
`docugen/branding.json`), Typst keeps what it evaluated to. That saves two fifths of the time of an invoice. So no part of the
library may read `data.json`, but for the one that hands it on.

Whoever replaces an installed file under a running service would change the bytes of documents whose manifests name the old
library. So every document looks whether the folder is what it was, before it is set and after.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from docugen_core.domain.identity import LIBRARY_PREFIX, content_digest, digest
from docugen_core.errors import RenderInterrupted

LIBRARY_FOLDER = Path(__file__).parent / "typst"
"""What templates import: docugen.typ, and docugen/ with its parts. Whatever else lay in here, a template could read too."""

LIBRARY_CHANGED = "LIBRARY_CHANGED"

_Mark = tuple[int, int, int, int]


@cache
def library() -> Mapping[str, bytes]:
    """The files of the library by their virtual names, sorted: `docugen.typ`, `docugen/numbers.typ`, ..."""
    return {name: data for name, data in _as_first_read().contents.items() if name.endswith(".typ")}


@cache
def library_digest() -> str:
    """SHA-256 over everything in the folder, 64 hex digits: part of the engine's fingerprint."""
    contents = _as_first_read().contents
    return digest(LIBRARY_PREFIX, {name: content_digest(data) for name, data in contents.items()})


def check_library(expected: str) -> None:
    """Raises RenderInterrupted (LIBRARY_CHANGED) unless `library_digest` is the one that goes into manifests."""
    try:
        found = library_digest()
    except OSError:  # it is being replaced just now
        raise library_changed() from None
    if found != expected:
        raise library_changed()


@contextmanager
def unchanged_library() -> Iterator[None]:
    """For the time in which a document is set from the folder.

    Raises RenderInterrupted (LIBRARY_CHANGED) unless the folder is, at the beginning and at the end, what this process, or the
    one it was forked from, has read, also in the place of an error from within: a library that changes, or vanishes for a
    moment, is this machine's trouble and not the document's, so it neither fails nor omits one for good.
    """
    before = _marks()
    if before != _as_first_read().marks:
        _compare()
    try:
        yield
    finally:
        if _marks() != before:
            raise library_changed()


def library_changed(name: str = "") -> RenderInterrupted:
    """The error that says so. name: of the file, where it is known."""
    what = f"{name} of DocuGen's Typst library" if name else "DocuGen's Typst library"
    return RenderInterrupted(
        f"{what} has changed on disk since the service was started",
        code=LIBRARY_CHANGED,
        hint="Restart the service: its installation was replaced, or damaged, while it ran.",
    )


class _Folder:
    """What was read at first. marks: of every file and folder, taken before it was read."""

    def __init__(self) -> None:
        self.marks = _marks()
        self.contents = _contents()


@cache
def _as_first_read() -> _Folder:
    return _Folder()


def _compare() -> None:
    """Another mark may be that of the same bytes: a file was touched, or the file system numbers its files as it likes."""
    try:
        now = _contents()
    except OSError:
        raise library_changed() from None
    first = _as_first_read().contents
    different = sorted(name for name in first.keys() | now.keys() if first.get(name) != now.get(name))
    if different:
        raise library_changed(different[0])


def _contents() -> dict[str, bytes]:
    paths = sorted(path for path in LIBRARY_FOLDER.rglob("*") if path.is_file())
    return {path.relative_to(LIBRARY_FOLDER).as_posix(): path.read_bytes() for path in paths}


def _marks() -> tuple[_Mark | None, ...]:
    """What tells each file and folder from one that took its place; a folder's changes with the names in it."""
    return tuple(map(_mark, _paths()))


@cache
def _paths() -> tuple[str, ...]:
    return tuple(map(str, (LIBRARY_FOLDER, *sorted(LIBRARY_FOLDER.rglob("*")))))


def _mark(path: str) -> _Mark | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - twice as quick as Path's, some fifty times a document
    except OSError:
        return None
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
