"""Archives of a bundle's documents."""

from __future__ import annotations

import io
import zipfile

from docugen_core.domain.identity import content_digest
from docugen_core.rendering.archive import pack_archive

MEMBERS = {"letter.pdf": b"%PDF", "données.csv": b"a\r\n", "annex/table.xlsx": b"PK"}


def test_an_archive_opens_anywhere_and_holds_its_members_unchanged() -> None:
    with zipfile.ZipFile(io.BytesIO(pack_archive(MEMBERS))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(MEMBERS)
        assert {name: archive.read(name) for name in archive.namelist()} == MEMBERS


def test_members_are_stored_dated_1980_and_readable_by_all() -> None:
    with zipfile.ZipFile(io.BytesIO(pack_archive(MEMBERS))) as archive:
        for entry in archive.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert (entry.create_system, entry.external_attr >> 16) == (3, 0o100644)


def test_the_order_of_members_does_not_reach_the_bytes() -> None:
    assert pack_archive(MEMBERS) == pack_archive(dict(reversed(MEMBERS.items())))


def test_the_bytes_are_pinned() -> None:
    digest = content_digest(pack_archive({"a.txt": b"one", "b.txt": b"two"}))

    assert digest == "84af20e718a6cbb2415d539a0d0c0643905f6f71d4f79cf82755c9cddfd9ef5a"
