"""Attacks that a pack brings along: they are refused when it is loaded, before anything of it is rendered."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from docugen_core.errors import ConfigurationError
from docugen_core.rendering.pack_loader import load_pack
from docx_examples import a_docx, with_part
from pack_examples import PACK_TOML, write_pack

BILLION_LAUGHS = (
    '<!DOCTYPE svg [<!ENTITY a "ha ha ha ha ha ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + ']><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&i;</text></svg>'
)


def test_a_link_out_of_the_pack_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "notice")
    (folder / "passwd.txt").symlink_to("/etc/passwd")

    with pytest.raises(ConfigurationError, match="symbolic link"):
        load_pack(folder)


def test_a_linked_folder_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "notice")
    (folder / "etc").symlink_to("/etc", target_is_directory=True)

    with pytest.raises(ConfigurationError, match="symbolic link"):
        load_pack(folder)


def bomb() -> bytes:
    """A part of 600 MiB that packs into 600 KiB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        with zipfile.ZipFile(io.BytesIO(a_docx("SPECIMEN"))) as plain:
            for name in plain.namelist():
                package.writestr(name, plain.read(name))
        with package.open("word/media/image1.png", "w") as part:
            for _ in range(600):
                part.write(bytes(1 << 20))
    return buffer.getvalue()


def laughs() -> bytes:
    return with_part(a_docx("SPECIMEN"), "word/styles.xml", BILLION_LAUGHS.encode())


@pytest.mark.parametrize("package", [bomb, laughs])
def test_a_pack_with_a_word_template_that_is_a_bomb_does_not_load(tmp_path: Path, package: Callable[[], bytes]) -> None:
    toml = PACK_TOML.replace('txt = "notice.txt"', 'docx = "notice.docx"')

    with pytest.raises(ConfigurationError) as caught:
        load_pack(write_pack(tmp_path / "notice", {"pack.toml": toml, "notice.docx": package()}))
    assert "notice.docx" in str(caught.value)
