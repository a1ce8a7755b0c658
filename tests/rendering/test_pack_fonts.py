"""Fonts that a pack brings for its own templates: what may lie in `fonts/`, who can use it, and that it is what was loaded."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pypdf
import pytest
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.config import Settings
from docugen_core.domain.bundle import Format
from docugen_core.errors import ConfigurationError, RenderFailed, RenderInterrupted
from docugen_core.rendering import compilers
from docugen_core.rendering.fonts import FontFile, installed_fonts
from docugen_core.rendering.pack_fonts import FONT_BYTES_MAX, FONTS_MAX
from docugen_core.rendering.pack_loader import load_pack
from docugen_core.rendering.packs import TemplatePack, pack_digest
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import RenderTask
from docugen_core.rendering.world import World
from font_examples import LETTERS, SNOWMAN, a_font, changed_font
from fontTools.ttLib import TTFont
from pack_examples import DAY, a_task, write_pack

FONT = "fonts/regular/QuaySans-Regular.ttf"
TOML = """\
schema = "docugen.pack/v1"

[pack]
name = "notice"
version = "1.0.0"

[[templates]]
name = "notice"
title = "Notice"
schema = "notice.schema.json"
sample = "notice.sample.json"
fonts = ["IBM Plex Sans", "Quay Sans"]
[templates.formats]
pdf = "notice.typ"
html = "notice.html"
"""

SVG: dict[str, str | bytes] = {
    "l.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="40">'
    f'<text x="5" y="20" font-family="IBM Plex Sans">Ab {SNOWMAN}</text></svg>'
}


def a_pack(folder: Path, files: Mapping[str, str | bytes] | None = None, name: str = "notice") -> Path:
    """A pack whose PDF shows `data.name` in the shipped family and then in Quay Sans, which it brings."""
    own: dict[str, str | bytes] = {
        "pack.toml": TOML.replace('name = "notice"\nversion', f'name = "{name}"\nversion'),
        "notice.typ": '#import "docugen.typ": *\n#data.name',
        "notice.html": "<p>{{ data.name }}</p>",
        FONT: a_font(),
        "fonts/OFL.txt": "A licence.\n",
    }
    return write_pack(folder, {**own, **(files or {})})


def a_document(pack: TemplatePack, name: str = f"Wren {SNOWMAN}", format_: Format = Format.PDF) -> RenderTask:
    return RenderTask(
        f"notice.{format_.value}", format_, pack, "notice", {"name": name}, World(DAY, "en-GB", "UTC", True)
    )


def fonts_in(pdf: bytes) -> set[str]:
    """The fonts embedded in its first page, without the prefix of a subset."""
    page: Any = pypdf.PdfReader(io.BytesIO(pdf)).pages[0]
    return {str(font["/BaseFont"]).partition("+")[2] for font in page["/Resources"]["/Font"].values()}


def outcome(pack: TemplatePack) -> bytes | str:
    """The document, or why there is none."""
    try:
        return render(a_document(pack)).data
    except RenderFailed as error:
        return error.message


def refusal(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_pack(folder)
    assert caught.value.reason == "INVALID_TEMPLATE_PACK"
    assert caught.value.hint
    return caught.value.message


def test_a_letter_that_only_the_packs_font_has_is_drawn_in_it(tmp_path: Path) -> None:
    pack = load_pack(a_pack(tmp_path))

    pdf = render(a_document(pack)).data

    assert fonts_in(pdf) == {"IBMPlexSans-Regular", "QuaySans"}
    assert SNOWMAN in pypdf.PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert fonts_in(render(a_document(pack, "Wren")).data) == {"IBMPlexSans-Regular"}
    assert f"<p>Wren {SNOWMAN}</p>" in render(a_document(pack, format_=Format.HTML)).data.decode()


@pytest.mark.parametrize("format_", [Format.PNG, Format.SVG])
def test_images_of_its_pages_show_the_packs_font(tmp_path: Path, format_: Format) -> None:
    pack = load_pack(a_pack(tmp_path))

    assert render(a_document(pack, f"Wren {SNOWMAN}", format_)) == render(a_document(pack, f"Wren {SNOWMAN}", format_))
    assert render(a_document(pack, f"Wren {SNOWMAN}", format_)) != render(a_document(pack, "Wren ", format_))


def test_a_letter_that_no_font_of_the_chain_has_is_an_error_there_too(tmp_path: Path) -> None:
    with pytest.raises(RenderFailed, match=r'no glyph for "\u2604" \(U\+2604\).*\(data.name\)'):
        render(a_document(load_pack(a_pack(tmp_path)), "\u2604"))


def test_a_font_that_no_template_names_changes_no_document(tmp_path: Path) -> None:
    """It would otherwise join every text that finds a letter nowhere else, by the mere presence of a file."""
    without = TOML.replace('fonts = ["IBM Plex Sans", "Quay Sans"]\n', "")
    pack = load_pack(a_pack(tmp_path / "with", {"pack.toml": without}))
    bare = load_pack(write_pack(tmp_path / "bare", pack.files))

    assert render(a_document(pack, "Wren")).data == render(a_document(bare, "Wren")).data
    with pytest.raises(RenderFailed, match=r"U\+2603"):
        render(a_document(pack))


@pytest.mark.parametrize("source", ['#image("l.svg")', "#set text(fallback: true)\n#data.name", "`raw`"])
def test_it_changes_none_that_leaves_its_chain_either(tmp_path: Path, source: str) -> None:
    """Typst sets raw text in a family of its own choice, and text of an SVG in any that has the letter."""
    files = {"pack.toml": TOML.replace(', "Quay Sans"', ""), "notice.typ": f'#import "docugen.typ": *\n{source}', **SVG}
    own = {"fonts/quay/Quay.ttf": a_font(), FONT: a_font("DejaVu Sans Mono")}
    pack = load_pack(a_pack(tmp_path / "with", {**files, **own}))
    bare = load_pack(write_pack(tmp_path / "bare", pack.files))

    assert outcome(pack) == outcome(bare)


def test_a_family_that_no_template_names_is_unknown_to_the_packs_text(tmp_path: Path) -> None:
    files = {"pack.toml": TOML.replace(', "Quay Sans"', ""), "notice.typ": '#set text(font: "Quay Sans")\nWren'}

    with pytest.raises(RenderFailed, match="unknown font family: quay sans"):
        render(a_document(load_pack(a_pack(tmp_path, files))))


@pytest.mark.parametrize(
    ("source", "faces"),
    [
        (SNOWMAN, {("Quay Sans", 500): "M", ("Quay Sans", 300): "i"}),
        ('#image("l.svg")', {("Zebra Sans", 400): "M", ("Aardv Sans", 400): "i"}),
        (
            f'#set text(font: "IBM Plex Sans", fallback: true)\n{SNOWMAN}',
            {("Zebra Sans", 400): "M", ("Aardv Sans", 400): "i"},
        ),
    ],
)
def test_the_order_of_files_on_disk_decides_between_no_two_faces(
    disk: Path, source: str, faces: dict[tuple[str, int], str]
) -> None:
    """Typst takes the first of two that suit a text equally well: 300 and 500 for 400, or two families that have a letter."""
    named = ", ".join(f'"{family}"' for family in sorted({family for family, _ in faces}))
    fonts = [a_font(family, weight=weight, snowman=drawn) for (family, weight), drawn in faces.items()]
    files = list(zip(("fonts/a/A.ttf", "fonts/b/B.ttf"), fonts, strict=True))
    made = []
    for folder, order in ((disk / "one", files), (disk / "two", files[::-1])):
        a_pack(folder, {"pack.toml": TOML.replace('"IBM Plex Sans", "Quay Sans"', named), "notice.typ": source, **SVG})
        shutil.rmtree((folder / FONT).parent)
        for file, font in order:
            (folder / file).parent.mkdir()
            (folder / file).write_bytes(font)
        made.append(load_pack(folder))

    assert made[0].digest == made[1].digest
    assert render(a_document(made[0])).data == render(a_document(made[1])).data


def test_no_other_pack_can_use_it(tmp_path: Path) -> None:
    render(a_document(load_pack(a_pack(tmp_path / "with"))))

    with pytest.raises(RenderFailed, match="unknown font family: quay sans"):
        render(a_task('#set text(font: "Quay Sans")\nWren'))
    other = a_pack(tmp_path / "other")
    (other / FONT).unlink()
    assert "there is no font family 'Quay Sans'" in refusal(other)


def test_two_packs_may_each_have_a_font_of_one_name(tmp_path: Path) -> None:
    one = load_pack(a_pack(tmp_path / "one"))
    two = load_pack(a_pack(tmp_path / "two", {FONT: a_font(weight=300)}, "other"))

    first = render(a_document(one)).data
    assert render(a_document(two)).data != first
    assert render(a_document(one)).data == first


def test_a_sound_font_need_not_say_how_tall_its_lines_are(tmp_path: Path) -> None:
    """Nor have the letter that is tried: what cannot be read is told apart from what is empty."""

    def without_height(font: TTFont) -> None:
        for table, names in {"hhea": ("ascent", "descent"), "OS/2": ("sTypoAscender", "sTypoDescender")}.items():
            for name in names:
                setattr(font[table], name, 0)
        for letters in font["cmap"].tables:
            letters.cmap.pop(ord("x"), None)

    pack = load_pack(a_pack(tmp_path, {FONT: changed_font(a_font(), without_height)}))

    assert "QuaySans" in fonts_in(render(a_document(pack)).data)


def test_the_digest_of_a_pack_is_over_its_fonts_and_as_before_without(tmp_path: Path) -> None:
    one, two = load_pack(a_pack(tmp_path / "a")), load_pack(a_pack(tmp_path / "b", {FONT: a_font(weight=300)}))

    assert one.digest != two.digest
    assert one.file_digests[FONT] == one.fonts[FONT].sha256
    assert FONT not in one.files
    plain = load_pack(write_pack(tmp_path / "c"))
    assert plain.digest == pack_digest(plain.files)


def test_the_face_is_named_by_the_file_itself(tmp_path: Path) -> None:
    pack = load_pack(a_pack(tmp_path, {"fonts/light/Light.ttf": a_font(weight=300)}))

    assert {font.face for font in pack.fonts.values()} == {("Quay Sans", "normal", 400), ("Quay Sans", "normal", 300)}
    assert all(font.path == tmp_path.resolve() / file for file, font in pack.fonts.items())


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("fonts/quay/Set.ttc", b"ttcf\0\1\0\0", "fonts/quay/Set.ttc: is a collection of faces"),
        ("fonts/quay/Set.ttf", b"ttcf\0\1\0\0", "fonts/quay/Set.ttf: is a collection of faces"),
        ("fonts/quay/Quay.woff2", b"wOF2", "fonts/quay/Quay.woff2: is a web font"),
        ("fonts/quay/Quay.TTF", a_font(), "fonts/quay/Quay.TTF: does not end in .ttf or .otf"),
        ("Quay.ttf", a_font(), "Quay.ttf: is a font that has no folder of its own in fonts/"),
        ("more/quay/Quay.ttf", a_font(), "more/quay/Quay.ttf: is a font that has no folder of its own in fonts/"),
        ("fonts/Beside.ttf", a_font(), "fonts/Beside.ttf: is a font that has no folder of its own in fonts/"),
        ("fonts/a/b/Quay.ttf", a_font(), "fonts/a/b/Quay.ttf: is a font that has no folder of its own in fonts/"),
        ("fonts/regular/Z.ttf", a_font("Other"), "fonts/regular/Z.ttf: lies in one folder with another font"),
        ("fonts/quay/Quay.ttf", b"", "fonts/quay/Quay.ttf: is no font, or a broken one"),
        ("fonts/quay/Quay.ttf", b"version https://git-lfs.github.com/spec/v1\n", "fonts/quay/Quay.ttf: is no font"),
        ("fonts/quay/Quay.ttf", a_font()[:64], "fonts/quay/Quay.ttf: is no font, or a broken one"),
        ("fonts/quay/Quay.ttf", a_font()[:-2_000], "fonts/quay/Quay.ttf: is cut off"),
        (
            "fonts/quay/Quay.ttf",
            a_font("Other", drop=("glyf", "loca")),
            "fonts/quay/Quay.ttf: is no font, or a broken one",
        ),
        ("fonts/quay/Quay.ttf", a_font("Other", drop=("cmap",)), "fonts/quay/Quay.ttf: is no font, or a broken one"),
        ("fonts/quay/Quay.ttf", a_font("Other") + bytes(FONT_BYTES_MAX), "a font of a pack has at most 16 MiB"),
        (
            "fonts/twin/Twin.ttf",
            a_font("quay sans"),
            f"fonts/twin/Twin.ttf: is the same face as {FONT}: quay sans normal 400",
        ),
    ],
)
def test_a_font_that_could_surprise_is_refused_by_name(tmp_path: Path, file: str, content: bytes, message: str) -> None:
    assert message in refusal(a_pack(tmp_path / "notice", {file: content}))


def test_a_variable_font_is_refused(tmp_path: Path) -> None:
    """Typst would take its default instance for every weight that is asked for."""
    font = bytearray(a_font())
    at = font.index(b"gasp") if b"gasp" in font[:400] else font.index(b"post")
    font[at : at + 4] = b"fvar"

    assert f"{FONT}: is a variable font" in refusal(a_pack(tmp_path, {FONT: bytes(font)}))


def test_a_family_that_is_installed_is_refused_with_both_places(tmp_path: Path) -> None:
    """Which of the two a text got would depend on what else is installed on a machine."""
    message = refusal(a_pack(tmp_path, {"fonts/plex/Plex.ttf": a_font("IBM Plex sans", weight=200)}))

    assert "fonts/plex/Plex.ttf: is of the family 'IBM Plex sans', which is installed: " in message
    assert installed_fonts()[0].path.parent.name in message


def test_a_link_to_a_font_is_refused(tmp_path: Path) -> None:
    folder = a_pack(tmp_path / "notice")
    (folder / "fonts" / "regular" / "Link.ttf").symlink_to(folder / FONT)

    assert "fonts/regular/Link.ttf: is a symbolic link" in refusal(folder)


def test_a_pack_has_a_bounded_number_of_fonts(tmp_path: Path) -> None:
    fonts = {f"fonts/{n}/Quay.ttf": b"" for n in range(FONTS_MAX)}

    assert f"a pack holds at most {FONTS_MAX} fonts" in refusal(a_pack(tmp_path, fonts))


async def test_render_processes_make_the_same_bytes_and_get_no_font_sent(tmp_path: Path) -> None:
    pack = load_pack(a_pack(tmp_path))
    async with RenderPool(Settings(render_processes=2)) as pool:
        made = [(await pool.render(a_document(pack))).data for _ in range(3)]

    assert set(made) == {render(a_document(pack)).data}


@pytest.mark.parametrize("how", ["other", "gone", "broken", "more"])
async def test_a_font_that_changed_since_its_pack_was_loaded_is_never_drawn_with(tmp_path: Path, how: str) -> None:
    """Not by a failure of the document: an optional one would be left out for good, of a machine's fault."""
    pack = load_pack(a_pack(tmp_path))
    font = tmp_path / FONT
    before = font.read_bytes()
    match how:
        case "other":
            font.write_bytes(a_font(weight=300))
        case "gone":
            font.unlink()
        case "broken":
            font.write_bytes(before[:500])
        case _:
            (tmp_path / FONT).with_name("More.ttf").write_bytes(a_font("Other"))

    async with RenderPool(Settings(render_processes=1)) as pool:
        with pytest.raises(RenderInterrupted, match=r"template pack notice@1\.0\.0 has changed on disk") as caught:
            await pool.render(a_document(pack))
        assert (caught.value.reason, caught.value.retryable) == ("FONT_CHANGED", True)
        assert str(tmp_path) not in caught.value.message
        assert caught.value.document == "notice.pdf"

        (tmp_path / FONT).with_name("More.ttf").unlink(missing_ok=True)
        font.write_bytes(before)
        assert (await pool.render(a_document(pack))).pages == 1


def test_a_font_once_read_stays_what_it_was(tmp_path: Path) -> None:
    pack = load_pack(a_pack(tmp_path))
    first = render(a_document(pack)).data

    (tmp_path / FONT).write_bytes(a_font(weight=300))

    assert render(a_document(pack)).data == first


def test_every_face_of_a_pack_is_read_before_the_first_document(tmp_path: Path) -> None:
    """Typst reads a face when a text first needs it, and draws nothing if the file is gone by then."""
    pack = load_pack(a_pack(tmp_path))
    compilers.compiler_for(pack)

    (tmp_path / FONT).unlink()

    assert fonts_in(render(a_document(pack)).data) == {"IBMPlexSans-Regular", "QuaySans"}


def test_a_file_swapped_between_the_comparison_and_the_reading_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = load_pack(a_pack(tmp_path))
    read_face = compilers._read_face

    def swapping(made: object, font: FontFile) -> None:
        replacement = tmp_path / "replacement"
        replacement.write_bytes(a_font(weight=300))
        replacement.replace(font.path)
        read_face(made, font)  # type: ignore[arg-type]

    monkeypatch.setattr(compilers, "_read_face", swapping)

    with pytest.raises(RenderInterrupted, match="has changed on disk since the pack was loaded"):
        compilers.compiler_for(pack)


def test_a_face_that_cannot_be_read_when_it_is_needed_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the file is whole again at the second look: Typst keeps the failure for the life of the compiler."""
    pack = load_pack(a_pack(tmp_path))
    read_face = compilers._read_face

    def while_away(made: object, font: FontFile) -> None:
        away = font.path.rename(tmp_path / "away")
        try:
            read_face(made, font)  # type: ignore[arg-type]
        finally:
            away.rename(font.path)

    monkeypatch.setattr(compilers, "_read_face", while_away)

    with pytest.raises(RenderInterrupted, match="has changed on disk since the pack was loaded"):
        compilers.compiler_for(pack)


def test_a_process_keeps_a_bounded_number_of_compilers(tmp_path: Path) -> None:
    for number in range(compilers.KEPT_MAX + 2):
        render(a_document(load_pack(a_pack(tmp_path / str(number), {"fonts/OFL.txt": str(number)})), LETTERS[-8:]))

    assert compilers._compiler_with.cache_info().currsize == compilers.KEPT_MAX
