"""Names of documents: safe on every file system, in every archive, in every URL.

A name becomes a file name in the store, in ZIP archives and on the caller's disk, whatever system that has. The character set
is stated in `bundle.schema.json`; in here is what no pattern says: no `..`, no name that Windows reserves for a
device, the extension of the format, no two names that a case-insensitive file system takes for one, and not the manifest's
own name, which lies beside the documents wherever a bundle is unpacked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from docugen_core.domain.bundle import Format

MANIFEST_NAME = "manifest.json"

_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9])", re.IGNORECASE)


def name_problem(name: str, wanted: Format | None) -> tuple[str, str] | None:
    """Description and hint of what is wrong with `name` as the file name of a `wanted` document, or None.

    `name` is in the allowed character set; `wanted` is None while the format itself is not known.
    """
    if ".." in name:
        return "must not contain two dots in a row", "use one"
    if _DEVICE.fullmatch(name.partition(".")[0]):
        return "begins with a name that Windows reserves for a device", f"call it 'the-{name}'"
    if name.lower() == MANIFEST_NAME:
        return "is the name of the bundle's own manifest", "choose another one"
    if wanted is not None and not name.endswith(f".{wanted.value}"):
        return f"must end with .{wanted.value}, the format of the document", f"call it '{_renamed(name, wanted)}'"
    return None


def clashes(names: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The index of every (index, name) that repeats an earlier one, letter case aside, with a description."""
    first: dict[str, tuple[int, str]] = {}
    for index, name in names:
        earlier, earlier_name = first.setdefault(name.lower(), (index, name))
        if earlier != index:
            how = "is also the name of" if name == earlier_name else "differs only in upper and lower case from"
            yield index, f"{how} documents[{earlier}]"


def _renamed(name: str, wanted: Format) -> str:
    stem, dot, extension = name.rpartition(".")
    known = {f.value for f in Format}
    return f"{stem if dot and stem and extension.lower() in known else name.rstrip('.')}.{wanted.value}"
