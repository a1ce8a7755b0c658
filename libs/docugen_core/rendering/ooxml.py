"""OOXML packages (ISO/IEC 29500-2): read within bounds, written in one canonical form.

Libraries write a package as they like: members dated now, in the order of a graph, `core.xml` with the present time and the
name of whoever saved last. The canonical form has `[Content_Types].xml` first (readers sniff it) and the other parts by
name, the ZIP format's first day, mode 0644, "made by Unix", deflate at level 6, and properties that say only what the
document says. Deflate binds the bytes to the zlib of the engine fingerprint. XLSX needs none of this: XlsxWriter takes its
date from us.
"""

from __future__ import annotations

import datetime as dt
import io
import zipfile
import zlib
from collections.abc import Mapping
from html import escape  # xml.sax.saxutils imports urllib.request, and with it http and email

from docugen_core.rendering.archive import FIRST_DAY, REGULAR_0644, UNIX

CONTENT_TYPES = "[Content_Types].xml"
CORE_PROPERTIES = "docProps/core.xml"

PARTS_MAX = 1_000
BYTES_MAX = 64 << 20
LEVEL = 6
UNDATED = dt.date(1980, 1, 1)
AUTHOR = "DocuGen"

_ENCRYPTED = 0x1
_CORE = """\
<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" \
xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:title>{title}</dc:title><dc:creator>{author}</dc:creator>\
<cp:lastModifiedBy>{author}</cp:lastModifiedBy><dcterms:created xsi:type="dcterms:W3CDTF">{stamp}</dcterms:created>\
<dcterms:modified xsi:type="dcterms:W3CDTF">{stamp}</dcterms:modified></cp:coreProperties>
"""


class PackageProblem(Exception):
    """Why some bytes are no package that can be taken. part: its name in the package, or empty."""

    def __init__(self, message: str, hint: str = "", part: str = "") -> None:
        super().__init__(f"{part}: {message}" if part else message)
        self.hint = hint


def read_package(package: bytes, *, parts_max: int = PARTS_MAX, bytes_max: int = BYTES_MAX) -> dict[str, bytes]:
    """Every part by name, never more than `bytes_max` bytes in memory, whatever sizes the package claims.

    Raises PackageProblem: no ZIP, too many parts or bytes, names that are doubled or lead outside, encryption, methods
    other than stored and deflated, damage.
    """
    parts: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            entries = archive.infolist()
            if len(entries) > parts_max:
                raise PackageProblem(f"has {len(entries)} parts, at most {parts_max} are allowed")
            left = bytes_max
            for entry in entries:
                _check_entry(entry, parts)
                with archive.open(entry) as stream:
                    content = stream.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise PackageProblem(f"unpacks to more than {bytes_max >> 20} MiB", "Use smaller pictures.")
                parts[entry.filename] = content
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise PackageProblem(f"is no intact package ({type(error).__name__})", "Save it again as .docx.") from None
    return parts


def canonical_package(package: bytes, *, title: str, day: dt.date | None) -> bytes:
    """The canonical form of `package`; once more is the same bytes. day: creation and change, 1980-01-01 for None.

    Raises PackageProblem as `read_package` does.
    """
    parts = {name: content for name, content in read_package(package).items() if not name.endswith("/")}
    parts[CORE_PROPERTIES] = _core_properties(title, day or UNDATED)
    return write_package(parts)


def write_package(parts: Mapping[str, bytes]) -> bytes:
    """`parts` as a package in the canonical order and with fixed attributes. Their order in the mapping means nothing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name in sorted(parts, key=lambda name: (name != CONTENT_TYPES, name)):
            entry = zipfile.ZipInfo(name, FIRST_DAY)
            entry.create_system = UNIX
            entry.external_attr = REGULAR_0644
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, parts[name], compresslevel=LEVEL)
    return buffer.getvalue()


def _core_properties(title: str, day: dt.date) -> bytes:
    stamp = f"{day.isoformat()}T00:00:00Z"
    return _CORE.format(title=escape(title, quote=False), author=AUTHOR, stamp=stamp).encode()


def _check_entry(entry: zipfile.ZipInfo, before: Mapping[str, bytes]) -> None:
    name = entry.filename
    if name in before:
        raise PackageProblem("is there twice", part=name)
    if name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise PackageProblem("leads outside of the package", part=name)
    if entry.flag_bits & _ENCRYPTED:
        raise PackageProblem("is encrypted", "Save the document without a password.", part=name)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise PackageProblem("is packed by a method other than deflate", "Save it again as .docx.", part=name)
