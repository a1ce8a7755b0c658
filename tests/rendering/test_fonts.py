"""Fonts that distributions bring: what is refused, in which order text looks through them, and documents set in them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typst
from docugen_core.domain.identity import content_digest
from docugen_core.errors import ConfigurationError, RenderFailed
from docugen_core.rendering.compilers import NO_PACKAGES, typst_fonts
from docugen_core.rendering.fonts import FONT_FOLDER, MAIN_FAMILY, families, font_chain, installed_fonts, read_fonts

WORLD = Path(__file__).parents[2] / "fonts" / "docugen-fonts-world" / "docugen_fonts_world"
PLEX = FONT_FOLDER / "ibm-plex-sans"
KNOWN = (MAIN_FAMILY, "IBM Plex Sans Arabic", "Noto Sans JP Core", "Noto Sans SC Core", "Noto Sans TC")

INVOICES: dict[str, str] = {
    "ar-AE": "ورشة مصابيح الميناء",
    "he-IL": "בית מלאכה לפנסי הנמל",
    "ja-JP": "港灯製作所 髙﨑",
    "zh-CN": "港湾灯具作坊",
}
PROGRAM = """
import io, json, sys
sys.path.insert(0, sys.argv[1])
from docugen_core.domain.bundle import Format
from docugen_core.domain.identity import content_digest
from docugen_core.rendering.engine import engine
import pypdf, pypdfium2
from shipped_packs import pages_of, rendered, shipped
pack = shipped("invoice")
sample = dict(pack.templates["invoice"].sample)

def line_of(pdf, word):
    text = pypdfium2.PdfDocument(pdf)[0].get_textpage()
    boxes = [(text.get_text_range(i, 1), text.get_charbox(i)) for i in range(text.count_chars())]
    foot = boxes[text.get_text_range().index(word)][1][1]
    line = sorted((box[0], char) for char, box in boxes if abs(box[1] - foot) < 3)
    return "".join(char for _, char in line if char.isalnum())

answer = {"fonts": dict(engine().fonts), "english": content_digest(rendered(pack, "invoice", Format.PDF)), "made": {}}
for locale, name in json.loads(sys.argv[2]).items():
    data = sample | {"seller": {**sample["seller"], "name": name}}
    pdf = rendered(pack, "invoice", Format.PDF, data, locale)
    html = rendered(pack, "invoice", Format.HTML, data, locale).decode()
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    fonts = sorted({font["/BaseFont"] for page in pages for font in page["/Resources"]["/Font"].values()})
    street, head = line_of(pdf, "Barometer"), html[html.index("<html"):][:80]
    answer["made"][locale] = {"text": pages_of(pdf)[0], "fonts": fonts, "street": street, "html": head}
print(json.dumps(answer))
"""


def font_list(folder: Path, **changes: str) -> Path:
    """A folder with one face of the shipped family and its list, `changes` made to the list's entry."""
    folder.mkdir()
    shutil.copy(PLEX / "bold" / "IBMPlexSans-Bold.ttf", folder)
    digest = content_digest((folder / "IBMPlexSans-Bold.ttf").read_bytes())
    entry = {
        "file": '"IBMPlexSans-Bold.ttf"',
        "family": '"Quay Sans"',
        "style": '"normal"',
        "weight": "700",
        "sha256": f'"{digest}"',
    }
    lines = [f"{key} = {value}" for key, value in (entry | changes).items() if value]
    (folder / "fonts.toml").write_text("\n".join(['schema = "docugen.fonts/v1"', "[[fonts]]", *lines]))
    return folder


def refusal(*folders: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_fonts(folders)
    assert caught.value.reason == "INVALID_FONTS"
    assert caught.value.hint
    return caught.value.message


def test_two_faces_of_one_name_are_refused_with_both_files(tmp_path: Path) -> None:
    """Typst would take whichever the folder lists first."""
    first, second = font_list(tmp_path / "a"), font_list(tmp_path / "b")

    for order in ((first, second), (second, first)):
        message = refusal(*order)
        assert message.startswith("the font face Quay Sans normal 700 exists twice: ")
        assert message.index(f"{first}/IBM") < message.index(f"{second}/IBM")


def test_fonts_are_the_same_in_whatever_order_their_folders_come(tmp_path: Path) -> None:
    folder = font_list(tmp_path / "a")

    assert read_fonts([PLEX, folder]) == read_fonts([folder, PLEX])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": '"00"'}, "has the SHA-256 "),
        ({"file": '"absent.ttf"'}, "absent.ttf cannot be read: No such file"),
        ({"file": '"../a.ttf"'}, "'../a.ttf' is no .ttf or .otf file below its folder"),
        ({"file": '"collection.ttc"'}, "'collection.ttc' is no .ttf or .otf file"),
        ({"weight": '"bold"'}, "each [[fonts]] table has exactly file, family, style, weight, sha256"),
        ({"style": ""}, "each [[fonts]] table has exactly"),
    ],
)
def test_a_face_that_is_not_as_listed_is_refused(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    assert message in refusal(font_list(tmp_path / "a", **changes))


def test_an_unlisted_font_and_a_broken_or_absent_list_are_refused(tmp_path: Path) -> None:
    folder = font_list(tmp_path / "a")
    (folder / "below").mkdir()
    (folder / "below" / "More.OTF").write_bytes(b"x")
    assert "More.OTF is not listed" in refusal(folder)

    (folder / "fonts.toml").write_text("schema = ")
    assert "fonts.toml cannot be read" in refusal(folder)
    (folder / "fonts.toml").write_text('schema = "docugen.fonts/v1"')
    assert "is no font list" in refusal(folder)
    assert "cannot be read: No such file" in refusal(tmp_path / "nowhere")


def test_the_order_of_files_and_folders_on_disk_decides_between_no_two_faces(disk: Path) -> None:
    """Typst takes the first of two that suit a text equally well, e.g. of 600 and 700 for 650."""
    faces = sorted(PLEX.glob("*/*.ttf"))
    made = []
    for name, order in (("one", faces), ("two", faces[::-1])):
        for number, file in enumerate(order):
            shutil.copytree(file.parent, disk / name / str(number))
        shutil.copy(PLEX / "fonts.toml", disk / name)
        listed = disk / name / "fonts.toml"
        text = listed.read_text()
        for number, file in enumerate(order):
            text = text.replace(f'"{file.parent.name}/', f'"{number}/')
        listed.write_text(text)
        made.append(typst.Compiler(root=NO_PACKAGES, font_paths=typst_fonts(read_fonts([disk / name]))))

    for weight in (450, 550, 650):
        source: Any = {"main.typ": f'#set text(font: "{MAIN_FAMILY}", weight: {weight})\nWren'.encode()}
        one, two = (each.compile(source, format="pdf", timestamp=0) for each in made)
        assert one == two, weight


def test_two_fonts_in_one_folder_are_refused_by_name(tmp_path: Path) -> None:
    folder = font_list(tmp_path / "a")
    (folder / "below").mkdir()
    for place in (folder, folder / "below"):
        shutil.copy(PLEX / "medium" / "IBMPlexSans-Medium.ttf", place)
        file = (place / "IBMPlexSans-Medium.ttf").relative_to(folder)
        entry = ("[[fonts]]", f'file = "{file}"', 'family = "Quay Sans"', 'style = "normal"', "weight = 500")
        digest = content_digest((folder / file).read_bytes())
        before = (folder / "fonts.toml").read_text()
        (folder / "fonts.toml").write_text("\n".join([before, *entry, f'sha256 = "{digest}"']))

        assert "a/IBMPlexSans-Bold.ttf has no folder of its own" in refusal(folder)

        (folder / "fonts.toml").write_text(before)
        (folder / file).unlink()


def test_a_text_looks_through_the_main_family_then_those_of_its_language() -> None:
    arabic, japanese, simplified, traditional = KNOWN[1:]

    assert font_chain((), KNOWN, "en", "") == (MAIN_FAMILY, arabic, japanese, simplified, traditional)
    assert font_chain((), KNOWN, "ja", "")[:2] == (MAIN_FAMILY, japanese)
    assert font_chain((), KNOWN, "zh", "Hans")[:2] == (MAIN_FAMILY, simplified)
    assert font_chain((), KNOWN, "zh", "Hant")[:2] == (MAIN_FAMILY, traditional)


def test_a_declared_chain_is_taken_as_it_is_and_must_be_installed() -> None:
    assert font_chain(KNOWN[2:0:-1], KNOWN, "en", "") == KNOWN[2:0:-1]
    with pytest.raises(RenderFailed, match="'Quay Sans', which is not installed"):
        font_chain((MAIN_FAMILY, "Quay Sans"), KNOWN, "en", "")


def test_the_shipped_faces_have_all_letters_of_the_languages_they_are_for() -> None:
    """Read from the cmap of each face: Vietnamese, Polish, Turkish, Romanian, Greek, Russian, Ukrainian, Serbian, Kazakh."""
    letters = "ắằẵộừỹđ łżźćń ğışİ țșăâî άέήίόύώΐΰϊς ёъэюя їєґі ђћџљњ әғқңөұүһі €₽₴₺₫₹¥£"
    for font in read_fonts([PLEX]):
        covered = characters(font.path)
        assert {letter for letter in letters if letter != " " and ord(letter) not in covered} == set(), font.name


def characters(font: Path) -> set[int]:
    """The code points of the font's first segment map of format 4."""
    data = font.read_bytes()

    def number(at: int) -> int:
        return int.from_bytes(data[at : at + 2])

    tables = {data[at : at + 4]: int.from_bytes(data[at + 8 : at + 12]) for at in range(12, 12 + 16 * number(4), 16)}
    cmap = tables[b"cmap"]
    offsets = [int.from_bytes(data[at + 4 : at + 8]) for at in range(cmap + 4, cmap + 4 + 8 * number(cmap + 2), 8)]
    start = next(cmap + offset for offset in offsets if number(cmap + offset) == 4)
    segments = number(start + 6) // 2
    ends, firsts = start + 14, start + 16 + 2 * segments
    return {
        point
        for segment in range(segments)
        for point in range(number(firsts + 2 * segment), number(ends + 2 * segment) + 1)
    }


@pytest.fixture(scope="module")
def with_world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process makes of the invoice that finds docugen-fonts-world on its path, as pip would have put it there."""
    site = tmp_path_factory.mktemp("site")
    (site / WORLD.name).symlink_to(WORLD)
    info = site / "docugen_fonts_world-1.0.0.dist-info"
    info.mkdir()
    project = tomllib.loads((WORLD.parent / "pyproject.toml").read_text())["project"]
    entries = project["entry-points"]["docugen.fonts"]
    (info / "entry_points.txt").write_text(
        "[docugen.fonts]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(Path(__file__).parents[1]), json.dumps(INVOICES)],
        env=os.environ | {"PYTHONPATH": str(site)},  # noqa: TID251 - the path of another process
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_distributions_fonts_join_the_engine_under_names_of_no_machine(with_world: dict[str, Any]) -> None:
    listed = read_fonts([PLEX, WORLD])

    assert with_world["fonts"] == {font.name: font.sha256 for font in listed}
    assert len(listed) == len(installed_fonts()) + 6
    assert families(listed)[-2:] == ("Noto Sans JP Core", "Noto Sans SC Core")


def test_more_fonts_leave_a_document_as_it_is_that_needs_none_of_them(with_world: dict[str, Any]) -> None:
    from docugen_core.domain.bundle import Format
    from shipped_packs import rendered, shipped

    assert with_world["english"] == content_digest(rendered(shipped("invoice"), "invoice", Format.PDF))


@pytest.mark.parametrize(
    ("locale", "font", "words"),
    [
        ("ar-AE", "IBMPlexSansArabic", "IBAN"),
        ("he-IL", "IBMPlexSansHebrew", "IBAN"),
        ("ja-JP", "NotoSansJPCore", "請求書"),
        ("zh-CN", "NotoSansSCCore", "发票"),
    ],
)
def test_an_invoice_is_set_in_the_fonts_of_its_language(
    with_world: dict[str, Any], locale: str, font: str, words: str
) -> None:
    made = with_world["made"][locale]

    others = {"NotoSansJPCore", "NotoSansSCCore", "IBMPlexSansArabic", "IBMPlexSansHebrew"} - {font}
    assert any(font in name for name in made["fonts"])
    assert not [name for name in made["fonts"] for other in others if other in name]
    assert words in made["text"]
    assert f'<html lang="{locale[:2]}-' in made["html"]
    assert ('dir="rtl"' in made["html"]) == (locale in ("ar-AE", "he-IL"))


@pytest.mark.parametrize("locale", INVOICES)
def test_an_address_that_begins_with_a_number_reads_from_left_to_right_in_any_language(
    with_world: dict[str, Any], locale: str
) -> None:
    assert "3BarometerLane" in with_world["made"][locale]["street"]


def test_every_folder_of_fonts_has_its_licence_beside_it() -> None:
    for font in read_fonts([PLEX, WORLD]):
        assert "SIL OPEN FONT LICENSE Version 1.1" in (font.path.parents[1] / "OFL.txt").read_text(encoding="utf-8")
