"""The fonts documents are set in: which files there are, whether they are sound, in which order a text looks through them.

They come from DocuGen itself and from installed distributions, never from the system. A distribution brings fonts by an entry
point whose value is the dotted name of a folder in it; nothing of it is imported, fonts are data:

    [project.entry-points."docugen.fonts"]
    ours = "fonts_of_ours"                   # fonts_of_ours/fonts.toml lists the files in and below that folder

`fonts.toml` names family, style, weight and SHA-256 of every file. Refused: a file with another digest, a font file that is not
listed, a listed one that is absent, two faces with one (family, style, weight), and two files in one folder: where two faces
suit a text equally well (weights 300 and 500 for a text at 400), Typst takes the one it met first, and it meets the files of a
folder in the order of the file system. It keeps the order of folders, so each face has a folder of its own, and their order
is ours. What is installed is in the engine fingerprint, because it decides bytes.

There is no setting for a folder of fonts: scheduler and workers have to agree on them as they agree on the version of DocuGen.
A template pack brings fonts for its own templates under its own digest: `pack_fonts`.
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from configparser import ConfigParser
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any

from docugen_core.domain.identity import content_digest
from docugen_core.errors import ConfigurationError, RenderFailed

ENTRY_POINT_GROUP = "docugen.fonts"
FONT_FOLDER = Path(__file__).parent.parent / "fonts"
FONT_LIST = "fonts.toml"
FONT_LIST_SCHEMA = "docugen.fonts/v1"
FONT_SUFFIXES = (".ttf", ".otf")
MAIN_FAMILY = "IBM Plex Sans"

_COLLECTIONS = (".ttc", ".otc")
_KEYS = {"file": str, "family": str, "style": str, "weight": int, "sha256": str}


@dataclass(frozen=True, slots=True)
class FontFile:
    """One face. style: normal, italic or oblique. weight: 100 to 900. sha256: of the file, 64 hex digits, checked."""

    path: Path
    family: str
    style: str
    weight: int
    sha256: str

    @property
    def name(self) -> str:
        """How the engine fingerprint calls it on every machine: `ibm-plex-sans/IBMPlexSans-Bold.ttf`."""
        return f"{self.family.lower().replace(' ', '-')}/{self.path.name}"

    @property
    def face(self) -> tuple[str, str, int]:
        return self.family, self.style, self.weight


@cache
def installed_fonts() -> tuple[FontFile, ...]:
    """Every face documents can use, by name. Raises ConfigurationError naming the file that is at fault.

    Reads and digests all of them, once a process: a millisecond for what ships, ten more for `docugen-fonts-world`.
    """
    return read_fonts([*sorted(path.parent for path in FONT_FOLDER.glob(f"*/{FONT_LIST}")), *_distribution_folders()])


def font_folders(fonts: Iterable[FontFile]) -> list[Path]:
    """The folders that Typst is to read them from, one each, in the order that decides between equally good faces: by name.

    Not by path: where a distribution is installed is the machine's matter.
    """
    return [font.path.parent for font in sorted(fonts, key=lambda font: font.face)]


def without_own_folder(files: Iterable[PurePath]) -> list[PurePath]:
    """Those font files, sorted, in whose folder, or below it, lies another of them."""
    ordered = sorted(files)
    below = Counter(folder for file in ordered for folder in file.parents)
    return [file for file in ordered if below[file.parent] > 1]


def read_fonts(folders: Iterable[Path]) -> tuple[FontFile, ...]:
    """The faces listed in the `fonts.toml` of each folder, by name. Raises ConfigurationError as the module's rules say."""
    fonts = sorted((font for folder in folders for font in _listed(folder)), key=lambda font: (font.name, font.path))
    faces: dict[tuple[str, str, int] | str, FontFile] = {}
    for font in fonts:
        for key in (font.face, font.name):
            first = faces.setdefault(key, font)
            if first is not font:
                face = f"{font.family} {font.style} {font.weight}"
                message = f"the font face {face} exists twice: {first.path} and {font.path}"
                raise _refused(message, "Uninstall one of the distributions; two faces of one name must not compete.")
    return tuple(fonts)


def families(fonts: Iterable[FontFile]) -> tuple[str, ...]:
    """The families, sorted, each once."""
    return tuple(sorted({font.family for font in fonts}))


def font_chain(
    declared: Sequence[str], installed: Sequence[str], language: str, script: str, own: Sequence[str] = ()
) -> tuple[str, ...]:
    """The families a document's text looks through, in order; a character that none has is an error.

    declared: the template's own chain, taken as it is; each must be `installed` or among the pack's `own` (RenderFailed,
    FONT_NOT_INSTALLED). Without one: the main family, those drawn for the document's language, all others by name, and none of
    the pack's: its texts get a font that a pack brings where they name it. The order matters for Han characters, many of which
    Japanese, Korean and the two Chinese scripts draw differently. language, script: of the locale, e.g. `zh`, `Hant`.
    """
    known = sorted({*installed, *own})
    missing = [family for family in declared if family not in known]
    if missing:
        raise RenderFailed(
            f"the template asks for the font family {missing[0]!r}, which is not installed",
            code="FONT_NOT_INSTALLED",
            hint=f"Install a distribution that brings it, or change `fonts` in pack.toml. Known: {', '.join(known)}.",
            details={"family": missing[0]},
        )
    if declared:
        return tuple(declared)
    others = sorted(family for family in installed if family != MAIN_FAMILY)
    return (MAIN_FAMILY, *sorted(others, key=lambda family: not is_drawn_for(family, language, script)))


def is_drawn_for(family: str, language: str, script: str) -> bool:
    """Whether its Han characters are drawn as in this language, by the word that such families have in their name."""
    word = {"ja": "JP", "ko": "KR", "zh": "TC" if script == "Hant" else "SC"}.get(language)
    return word in family.split()


def _listed(folder: Path) -> list[FontFile]:
    list_file = folder / FONT_LIST
    try:
        content = tomllib.loads(list_file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        hint = f"A folder of fonts holds a {FONT_LIST} that lists them."
        raise _refused(f"{list_file} cannot be read: {_reason(error)}", hint) from None
    entries = content.get("fonts")
    if content.get("schema") != FONT_LIST_SCHEMA or not isinstance(entries, list) or not entries:
        raise _refused(
            f"{list_file} is no font list", f'Write schema = "{FONT_LIST_SCHEMA}" and a [[fonts]] table for each file.'
        )
    fonts = [_font(list_file, entry) for entry in entries]
    present = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in FONT_SUFFIXES + _COLLECTIONS)
    unlisted = set(present) - {font.path for font in fonts}
    if unlisted:
        raise _refused(
            f"the font file {min(unlisted)} is not listed in {FONT_LIST}", "List it with its SHA-256, or remove it."
        )
    crowded = without_own_folder(font.path for font in fonts)
    if crowded:
        message = f"the font file {crowded[0]} has no folder of its own"
        raise _refused(message, f"Put each font of {FONT_LIST} into a folder of its own: Typst keeps no order in one.")
    return fonts


def _font(list_file: Path, entry: Any) -> FontFile:
    if not isinstance(entry, dict) or {key: type(value) for key, value in entry.items()} != _KEYS:
        raise _refused(
            f"{list_file}: each [[fonts]] table has exactly {', '.join(_KEYS)}",
            "weight is a number, the rest are texts.",
        )
    path = list_file.parent / entry["file"]
    if path.suffix not in FONT_SUFFIXES or list_file.parent.resolve() not in path.resolve().parents:
        raise _refused(
            f"{list_file}: {entry['file']!r} is no .ttf or .otf file below its folder",
            "Take single faces out of collections.",
        )
    try:
        digest = content_digest(path.read_bytes())
    except OSError as error:
        raise _refused(f"the font file {path} cannot be read: {_reason(error)}", _REINSTALL) from None
    if digest != entry["sha256"]:
        raise _refused(
            f"the font file {path} has the SHA-256 {digest}, not {entry['sha256']} as {FONT_LIST} says", _REINSTALL
        )
    return FontFile(path, entry["family"], entry["style"], entry["weight"], digest)


def _distribution_folders() -> list[Path]:
    """The folders that entry points name. Read as files: importing importlib.metadata would cost a start 40 ms."""
    found: dict[str, str] = {}
    for place in dict.fromkeys(sys.path):
        for file in sorted(Path(place or ".").glob("*.dist-info/entry_points.txt")):
            text = file.read_text(encoding="utf-8")
            if f"[{ENTRY_POINT_GROUP}]" in text:
                parser = ConfigParser(delimiters=("=",), interpolation=None)
                parser.read_string(text)
                # The same distribution may be seen twice on sys.path; as with modules, the first one counts.
                found.setdefault(file.parent.name.split("-")[0], " ".join(parser[ENTRY_POINT_GROUP].values()))
    return [_folder(distribution, name) for distribution, names in sorted(found.items()) for name in names.split()]


def _folder(distribution: str, name: str) -> Path:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        spec = None
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if len(folders) != 1:
        message = f"the distribution {distribution} names the fonts folder {name!r}, which does not exist"
        raise _refused(
            message, f"The value in [{ENTRY_POINT_GROUP}] is the dotted name of a folder with a {FONT_LIST}."
        )
    return Path(folders[0])


_REINSTALL = "Reinstall the distribution it belongs to: its fonts are missing or damaged."


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


def _refused(message: str, hint: str) -> ConfigurationError:
    return ConfigurationError(message, code="INVALID_FONTS", hint=hint)
