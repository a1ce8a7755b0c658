"""A downloaded file has its name only once its bytes are proven, and an interrupted one is not begun anew."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from docugen.client import Artefact, CorruptDownload
from docugen.client.download import PartFile, has_bytes_of, replace_file, safe_name

BYTES = b"SPECIMEN" * 1_000


def artefact(data: bytes = BYTES, name: str = "note.txt") -> Artefact:
    return Artefact(
        name=name, format="txt", media_type="text/plain", size=len(data), sha256=hashlib.sha256(data).hexdigest()
    )


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_under_its_name_only_when_it_is_finished(tmp_path: Path) -> None:
    with PartFile(tmp_path, artefact()) as part:
        part.write(BYTES[:5_000])
        assert "note.txt" not in files(tmp_path)
        part.write(BYTES[5_000:])
        assert part.is_whole
        part.finish()
    assert files(tmp_path) == ["note.txt"]
    assert (tmp_path / "note.txt").read_bytes() == BYTES


def test_an_interrupted_download_goes_on_where_it_ended(tmp_path: Path) -> None:
    with PartFile(tmp_path, artefact()) as part:
        part.write(BYTES[:4_321])
    with PartFile(tmp_path, artefact()) as part:
        assert part.offset == 4_321
        part.write(BYTES[4_321:])
        part.finish()
    assert (tmp_path / "note.txt").read_bytes() == BYTES


def test_one_wrong_byte_keeps_nothing(tmp_path: Path) -> None:
    wrong = b"s" + BYTES[1:]
    with PartFile(tmp_path, artefact()) as part:
        part.write(wrong)
        with pytest.raises(CorruptDownload, match=r"note\.txt: its SHA-256 is"):
            part.finish()
    assert files(tmp_path) == []


def test_more_bytes_than_the_manifest_says_are_not_taken(tmp_path: Path) -> None:
    with PartFile(tmp_path, artefact()) as part, pytest.raises(CorruptDownload, match="more than 8000 bytes came"):
        part.write(BYTES + b"!")
    assert files(tmp_path) == []


def test_a_leftover_longer_than_the_artefact_is_thrown_away(tmp_path: Path) -> None:
    with PartFile(tmp_path, artefact()) as part:
        part.write(BYTES)
    leftover = next(tmp_path.iterdir())
    leftover.write_bytes(BYTES + b"more")
    with PartFile(tmp_path, artefact()) as part:
        assert part.offset == 0


def test_a_part_of_other_content_is_not_taken_for_this_one(tmp_path: Path) -> None:
    with PartFile(tmp_path, artefact(b"yesterday's bytes")) as part:
        part.write(b"yester")
    with PartFile(tmp_path, artefact()) as part:
        assert part.offset == 0


@pytest.mark.parametrize(
    "name", ["../note.txt", "/etc/passwd", "a/b.txt", ".hidden", "", "manifest.json", "a" * 256, "a\0b"]
)
def test_a_server_cannot_choose_where_files_go(name: str) -> None:
    with pytest.raises(CorruptDownload) as refused:
        safe_name(name)
    assert refused.value.reason == "UNSAFE_FILE_NAME"


def test_a_file_is_current_only_with_exactly_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    assert not has_bytes_of(path, artefact())
    path.write_bytes(BYTES[::-1])
    assert not has_bytes_of(path, artefact())
    path.write_bytes(BYTES)
    assert has_bytes_of(path, artefact())


def test_replacing_a_file_leaves_nothing_else_behind(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"old")
    replace_file(tmp_path / "manifest.json", b"new")
    assert files(tmp_path) == ["manifest.json"]
    assert (tmp_path / "manifest.json").read_bytes() == b"new"
