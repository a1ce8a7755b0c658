"""The Typst library that ships with DocuGen: `docugen.typ` and its parts in `docugen/`, read from where it is installed.

Its folder is the root of every Typst compiler, and holds nothing else that a template could look for. Files of a root are
parsed once, where files that are handed over are parsed for every document; and as long as a part of the library reads the
same JSON (`world.json`, `labels.json`, `docugen/branding.json`), Typst keeps what it evaluated to. That saves two fifths of
the time of an invoice. So no part of the library may read `data.json`, but for the one that hands it on.

Whoever replaces an installed file under a running service would change the bytes of documents whose manifests name the old
library. So every document looks whether the files are those that were read at the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from docugen_core.errors import RenderInterrupted

LIBRARY_FOLDER = Path(__file__).parent / "typst"
"""What templates import: docugen.typ, and docugen/ with its parts."""

_Mark = tuple[int, int, int]


@cache
def library() -> Mapping[str, bytes]:
    """The files of the library by their virtual names, sorted: `docugen.typ`, `docugen/numbers.typ`, ..."""
    return {name: path.read_bytes() for name, (path, _) in _files().items()}


def check_library() -> None:
    """Raises RenderInterrupted (LIBRARY_CHANGED) unless the files on disk are those that this process, or the one it was forked
    from, has read. That is this machine's trouble and not the document's, so it neither fails nor omits one for good."""
    try:
        changed = [name for name, (path, mark) in _files().items() if _mark(path) != mark and not _same(name, path)]
    except OSError as error:
        changed = [Path(error.filename).relative_to(LIBRARY_FOLDER).as_posix()]
    if changed:
        raise RenderInterrupted(
            f"{changed[0]} of DocuGen's Typst library has changed on disk since the service was started",
            code="LIBRARY_CHANGED",
            hint="Restart the service: its installation was replaced, or damaged, while it ran.",
        )


@cache
def _files() -> Mapping[str, tuple[Path, _Mark]]:
    """By virtual name: the file, and its mark before it was read."""
    paths = sorted(LIBRARY_FOLDER.rglob("*.typ"))
    return {path.relative_to(LIBRARY_FOLDER).as_posix(): (path, _mark(path)) for path in paths}


def _mark(path: Path) -> _Mark:
    """Another one means another file, or the same on a file system that numbers its files as it likes."""
    status = path.stat()
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def _same(name: str, path: Path) -> bool:
    return path.read_bytes() == library()[name]
