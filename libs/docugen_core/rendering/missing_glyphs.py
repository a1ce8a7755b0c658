"""A character that no font of the document can show: which one, where it comes from, what to do.

Typst says it in one diagnostic for each run of text, with the text as a Rust string. It names the first font of the chain only,
and a place in the template, not in the data; the place in the data is looked up in here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from docugen_core.domain.json import JsonValue
from docugen_core.rendering.fonts import families, installed_fonts

NO_GLYPH = re.compile(r'the text `"(?P<text>.*?)"` could not be displayed with font `"(?P<font>.*?)"`')

MISSING_GLYPH = "characters"
"""The detail that tells this error from others."""

WORLD_DISTRIBUTION = "docugen-fonts-world"

_ESCAPE = re.compile(r"\\u\{([0-9a-f]+)\}|\\(.)")
_NAMED_MAX = 8
_PLACES_MAX = 3
_WORLD: tuple[tuple[range, tuple[str, ...]], ...] = (
    (range(0x0590, 0x0600), ("IBM Plex Sans Hebrew",)),
    (range(0x0600, 0x0780), ("IBM Plex Sans Arabic",)),
    (range(0x3000, 0x3100), ("Noto Sans JP Core",)),
    (range(0x4E00, 0xA000), ("Noto Sans JP Core", "Noto Sans SC Core")),
    (range(0xFF00, 0xFFF0), ("Noto Sans JP Core",)),
)
"""What `docugen-fonts-world` is for, by blocks; not every character of them is in it. Of several families any one may do."""


def missing_glyphs(diagnostic: str, files: Mapping[str, bytes]) -> tuple[str, str, dict[str, str]]:
    """Message, hint and details for all missing characters of a document. files: the virtual files, for their JSON.

    details: `characters` as code points, and `data` with the first places they stand in, if they stand in the data.
    """
    found = list(NO_GLYPH.finditer(diagnostic))
    characters = sorted({character for one in found for character in _unescaped(one["text"])})
    fonts = sorted({one["font"] for one in found})
    named = [f'"{c}" (U+{ord(c):04X})' if c.isprintable() else f"U+{ord(c):04X}" for c in characters[:_NAMED_MAX]]
    if len(characters) > _NAMED_MAX:
        named.append(f"{len(characters) - _NAMED_MAX} more")
    places = _places(set(characters), files)
    details = {MISSING_GLYPH: " ".join(f"U+{ord(c):04X}" for c in characters[:_NAMED_MAX])}
    if places:
        details["data"] = ", ".join(places)
    message = f"no glyph for {', '.join(named)} in {', '.join(fonts)}" + (f" ({', '.join(places)})" if places else "")
    return message, _remedy(characters), details


def _remedy(characters: list[str]) -> str:
    installed = families(installed_fonts())
    wanted = {families_of for c in characters for block, families_of in _WORLD if ord(c) in block}
    # Japanese kana beside Han characters say which of two families is meant.
    absent = sorted(
        " or ".join(names)
        for names in wanted
        if not any(name in installed or (len(names) > 1 and (name,) in wanted) for name in names)
    )
    if absent:
        return f"Install {WORLD_DISTRIBUTION} beside DocuGen, which brings {' and '.join(absent)}."
    return (
        "Write the text in other characters, or use a font that has them, installed or in the pack's fonts/."
        f" A template with `fonts` in pack.toml looks through those alone; installed: {', '.join(installed)}."
    )


def _places(characters: set[str], files: Mapping[str, bytes]) -> list[str]:
    """The first places in the document's inputs that hold one of the characters: `data.buyer.name`, `labels.invoice.title`."""
    places = []
    for name in ("data", "labels"):
        for place, text in _texts(json.loads(files.get(f"{name}.json", b"{}")), name):
            if not characters.isdisjoint(text):
                places.append(place)
                if len(places) == _PLACES_MAX:
                    return places
    return places


def _texts(value: JsonValue, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{place}[{index}]")


def _unescaped(text: str) -> str:
    """Typst prints the text as a Rust string."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)
