"""Opening a finished PDF and writing it again (qpdf): the same bytes in every process, nothing changed that was not asked for.

No stream is decoded, compressed or normalised anew, so what the PDF engine wrote stays as it is. The file's id is the digest of
its content. No date is written that was not in there, and no producer. Objects are written one by one with a plain table of
their places, as Typst does, so that no bytes depend on a deflate of this library.
"""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pikepdf

UNDATED = dt.date(1980, 1, 1)
"""For what must have a date in a bundle without document_date."""


def opened(data: bytes) -> pikepdf.Pdf:
    """The PDF in `data`, which is one of ours: a damaged one is a pikepdf.PdfError, not a user error. Close it (`with`)."""
    import pikepdf

    return pikepdf.open(io.BytesIO(data), attempt_recovery=False)


def written(pdf: pikepdf.Pdf, *, min_version: str = "") -> bytes:
    """The file's bytes: a pure function of the objects in it and the order in which they were added."""
    import pikepdf

    buffer = io.BytesIO()
    pdf.save(
        buffer,
        min_version=min_version,
        deterministic_id=True,
        fix_metadata_version=False,
        preserve_pdfa=True,
        compress_streams=False,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
        object_stream_mode=pikepdf.ObjectStreamMode.disable,
        recompress_flate=False,
        normalize_content=False,
        linearize=False,
    )
    return buffer.getvalue()


def pdf_date(day: dt.date) -> str:
    """Midnight UTC of `day` as PDF writes it (ISO 32000-1, 7.9.4): `D:20260331000000Z`."""
    return f"D:{day:%Y%m%d}000000Z"
