"""What a template pack must be, and how its author is told what is wrong."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import ConfigurationError
from docugen_core.rendering.pack_loader import load_pack
from docugen_core.rendering.packs import PACK_FILES_MAX
from pack_examples import PACK_FILES, PACK_TOML, TABLE_TOML, write_pack


def refusal(folder: Path) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load_pack(folder)
    assert caught.value.reason == "INVALID_TEMPLATE_PACK"
    return caught.value


def test_a_pack_holds_its_templates_files_and_words(tmp_path: Path) -> None:
    pack = load_pack(write_pack(tmp_path / "notice"))

    template = pack.templates["notice"]
    assert (pack.name, pack.version, pack.default_language) == ("notice", "1.0.0", "en")
    assert template.formats == {Format.TXT: "notice.txt"}
    assert (template.schema, template.sample) == ({"type": "object"}, {"name": "Wren Fable"})
    assert template.pdf.standards == ("a-2b",)
    assert sorted(pack.files) == sorted(PACK_FILES)


def test_the_digest_follows_content_and_paths_but_not_the_folder(tmp_path: Path) -> None:
    here = load_pack(write_pack(tmp_path / "one")).digest
    there = load_pack(write_pack(tmp_path / "two")).digest
    edited = load_pack(write_pack(tmp_path / "three", {"notice.txt": "Goodbye\n"})).digest
    more = load_pack(write_pack(tmp_path / "four", {"notes.txt": ""})).digest

    assert here == there
    assert len({here, edited, more}) == 3


def test_a_pack_pickles_unchanged(tmp_path: Path) -> None:
    pack = load_pack(write_pack(tmp_path))

    assert pickle.loads(pickle.dumps(pack)) == pack  # noqa: S301 - our own value


def test_labels_fall_back_to_the_default_language_key_by_key(tmp_path: Path) -> None:
    french = 'greeting = "Bonjour"\n[totals]\nnet = "Net"\n'
    english = 'greeting = "Hello"\nfarewell = "Bye"\n[totals]\nnet = "Net amount"\ngross = "Gross"\n'
    pack = load_pack(write_pack(tmp_path, {"labels/en.toml": english, "labels/fr.toml": french}))

    assert pack.labels_for("fr") == {
        "greeting": "Bonjour",
        "farewell": "Bye",
        "totals": {"net": "Net", "gross": "Gross"},
    }
    assert pack.labels_for("sv") == pack.labels_for("en")


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("private")
    folder = write_pack(tmp_path / "notice")
    (folder / "leak.txt").symlink_to(outside)

    assert "notice/leak.txt: is a symbolic link" in refusal(folder).message


def test_a_linked_folder_is_refused(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "notice")
    (folder / "shared").symlink_to(tmp_path)

    assert "notice/shared: is a symbolic link" in refusal(folder).message


def test_hidden_files_are_no_part_of_a_pack(tmp_path: Path) -> None:
    """An editor's, as vim's `.notice.txt.swp` and Emacs' link `.#notice.txt`, and a version control's."""
    plain = load_pack(write_pack(tmp_path / "notice"))
    kept = write_pack(tmp_path / "kept" / "notice", {".notice.txt.swp": b"b0VIM\xff\x00", ".git/objects/ab": b"x\x9c"})
    (kept / ".#notice.txt").symlink_to("somebody@somewhere.1234")

    assert load_pack(kept).digest == plain.digest
    assert load_pack(kept).files.keys() == plain.files.keys()


@pytest.mark.parametrize("hidden", [".Plain.ttf", ".more", ".more/Plain.ttf", ".link"])
def test_nothing_that_may_be_a_font_hides_among_fonts(tmp_path: Path, hidden: str) -> None:
    """The engine searches their folders itself, and would find it."""
    pack = write_pack(tmp_path / "notice", {"fonts/plain/notes": ""})
    path = pack / "fonts" / "plain" / hidden
    if hidden == ".link":
        path.symlink_to(tmp_path)
    elif hidden == ".more":
        path.mkdir()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\0\1\0\0")
    assert f"notice/fonts/plain/{hidden.split('/')[0]}: is hidden" in refusal(pack).message


def test_binary_and_reserved_files_are_refused(tmp_path: Path) -> None:
    binary = refusal(write_pack(tmp_path / "binary", {"logo.png": b"\x89PNG\r\n\x1a\n"}))
    reserved = refusal(write_pack(tmp_path / "reserved", {"data.json": "{}"}))

    assert "binary/logo.png:1: is not UTF-8 text" in binary.message
    assert "SVG" in binary.hint
    assert "reserved/data.json: has a reserved name" in reserved.message
    library = refusal(write_pack(tmp_path / "library", {"docugen/mine.typ": ""}))
    assert "library/docugen/mine.typ: has a reserved name" in library.message


def test_a_pack_has_a_bounded_number_of_files_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = write_pack(tmp_path / "many", {f"part{n}.txt": "" for n in range(PACK_FILES_MAX)})
    assert "is too much" in refusal(many).message

    monkeypatch.setattr("docugen_core.rendering.pack_files.PACK_BYTES_MAX", 1_000)
    big = write_pack(tmp_path / "big", {"long.txt": "x" * 1_001})
    assert "is too much" in refusal(big).message


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    error = refusal(write_pack(tmp_path / "notice", {"pack.toml": PACK_TOML + "[templates.pfd]\ntags = true\n"}))
    assert error.message == "notice/pack.toml:15: unknown key 'templates[0].pfd'"
    assert error.hint.startswith("Did you mean 'pdf'?")
    assert error.details == {"pack": "notice", "file": "pack.toml", "line": "15"}


def test_a_misspelt_required_key_is_named_beside_the_one_that_is_missing(tmp_path: Path) -> None:
    """Only "title is missing" was said, to somebody who saw a title in the file."""
    error = refusal(write_pack(tmp_path / "notice", {"pack.toml": PACK_TOML.replace("title =", "titel =")}))

    missing, unknown = error.message.split("\n")
    assert missing == "notice/pack.toml:8: templates[0].title is missing"
    assert unknown.startswith("notice/pack.toml:10: unknown key 'templates[0].titel' (Did you mean 'title'?")


def test_all_mistakes_of_a_pack_are_reported_at_once_and_each_once(tmp_path: Path) -> None:
    wrong = PACK_TOML.replace("version = ", "verzion = ").replace(
        'txt = "notice.txt"', 'txt = "gone.txt"\nodt = "n.odt"'
    )
    files = {"pack.toml": wrong, "labels/en.toml": "a = 1\nb = 2\n", "notice.sample.json": "[]"}
    error = refusal(write_pack(tmp_path / "notice", files))

    assert [line.partition(" (")[0] for line in error.message.split("\n")] == [
        "notice/pack.toml:3: pack.version is missing",
        "notice/pack.toml:5: unknown key 'pack.verzion'",
        "notice/pack.toml:14: there is no file 'gone.txt' in the pack",
        "notice/pack.toml:15: unknown key 'templates[0].formats.odt'",
        "notice/labels/en.toml:1: a must be a text",
        "notice/labels/en.toml:2: b must be a text",
        "notice/notice.sample.json:1: must be a JSON object",
    ]
    assert error.details == {"pack": "notice", "file": "pack.toml", "line": "3"}


def test_embedded_data_needs_a_standard_that_holds_files(tmp_path: Path) -> None:
    pdf = PACK_TOML.replace('txt = "notice.txt"', 'pdf = "notice.typ"') + "[templates.pdf]\nembed_data = true\n"
    refused = refusal(write_pack(tmp_path / "notice", {"pack.toml": pdf, "notice.typ": "x"}))
    assert refused.message == "notice/pack.toml:16: a-2b holds no embedded data"
    assert "a-3b" in refused.hint

    allowed = pdf + 'standards = ["a-3b"]\n'
    pack = load_pack(write_pack(tmp_path / "allowed", {"pack.toml": allowed, "notice.typ": "x"}))
    assert pack.templates["notice"].pdf.embed_data
    assert pack.templates["notice"].offered == (Format.PDF, Format.PNG, Format.SVG)


def test_of_a_table_that_is_missing_only_that_is_said(tmp_path: Path) -> None:
    error = refusal(write_pack(tmp_path / "notice", {"pack.toml": PACK_TOML.replace("[pack]", "[pakc]")}))

    missing, unknown = error.message.split("\n")
    assert missing == "notice/pack.toml:1: pack is missing"
    assert unknown.startswith("notice/pack.toml:3: unknown key 'pakc' (Did you mean 'pack'?")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "notice"\nversion', 'name = "Notice"\nversion', "pack.toml:4: pack.name 'Notice' must match"),
        ('version = "1.0.0"', 'version = "1.0"', "pack.toml:5: pack.version '1.0' is no semantic version"),
        ('version = "1.0.0"', "version = 1", "pack.toml:5: pack.version must be a text"),
        ('txt = "notice.txt"', 'txt = "other.txt"', "pack.toml:14: there is no file 'other.txt' in the pack"),
        ('txt = "notice.txt"', 'txt = "../notice.txt"', "pack.toml:14: there is no file '../notice.txt' in the pack"),
        ('txt = "notice.txt"', 'pdf = "notice.txt"', "pack.toml:14: the source of pdf is a .typ file"),
        ('txt = "notice.txt"', 'docx = "notice.txt"', "pack.toml:14: the source of docx is a .docx file"),
        ('txt = "notice.txt"', 'xml = "notice.txt"', "pack.toml:14: the source of xml is a .xml.j2 file"),
        ('txt = "notice.txt"', 'odt = "notice.txt"', "pack.toml:14: unknown key 'templates[0].formats.odt'"),
        ("docugen.pack/v1", "docugen.pack/v9", "pack.toml:1: schema must be 'docugen.pack/v1'"),
        ("[pack]", "[pack", "pack.toml:3: is not TOML"),
    ],
)
def test_mistakes_in_pack_toml_name_file_line_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in PACK_TOML

    error = refusal(write_pack(tmp_path / "notice", {"pack.toml": PACK_TOML.replace(old, new)}))

    assert error.message.startswith(f"notice/{message}")


def test_mistakes_in_other_files_name_that_file(tmp_path: Path) -> None:
    layout = PACK_TOML.replace('txt = "notice.txt"', 'csv = "lines.table.toml"')
    table = TABLE_TOML.replace('type = "percent"', 'type = "procent"')

    json = refusal(write_pack(tmp_path / "json", {"notice.sample.json": '{\n  "name": \n}'}))
    words = refusal(write_pack(tmp_path / "words", {"labels/en.toml": 'a = "x"\nb = 3\n'}))
    column = refusal(write_pack(tmp_path / "column", {"pack.toml": layout, "lines.table.toml": table}))

    assert json.message == "json/notice.sample.json:3: is not JSON: Expecting value"
    assert words.message == "words/labels/en.toml:2: b must be a text"
    assert column.message == "column/lines.table.toml:23: unknown column type 'procent'"
    assert "percent" in column.hint


def test_a_folder_without_pack_toml_is_no_pack(tmp_path: Path) -> None:
    assert "pack.toml: is missing" in refusal(tmp_path).message
