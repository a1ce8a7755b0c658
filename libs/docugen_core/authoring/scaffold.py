"""A new template pack that renders at once: a small whole of its kind, to be changed and not to be filled in.

The kinds are packs themselves, in `kinds/`; beginning one means copying it under a name of its own.
"""

from __future__ import annotations

import re
from pathlib import Path

from docugen_core.domain.failure import Violation
from docugen_core.errors import InvalidRequest
from docugen_core.rendering.pack_loader import load_pack
from docugen_core.rendering.packs import TemplatePack

KINDS_FOLDER = Path(__file__).parent / "kinds"
KINDS = {
    "letter": "a letter as PDF",
    "table": "a list with a total as PDF, XLSX and CSV",
    "web": "a notice as HTML, Markdown and text",
}
STAND_IN = "new-pack"

_NAME = re.compile(r"[a-z][a-z0-9-]{1,62}")


def new_pack(name: str, kind: str, parent: Path) -> TemplatePack:
    """Write a pack of `kind` (a key of KINDS) to the folder `parent/name`, and load it.

    Raises InvalidRequest for a name that no pack may have, and where the folder exists: nothing is ever overwritten. OSError
    where it cannot be written.
    """
    if not _NAME.fullmatch(name):
        rule = "must be 2 to 63 characters of a-z 0-9 -, beginning with a letter"
        raise InvalidRequest.from_violations([Violation("name", rule, "for example repair-slip")])
    folder = parent / name
    if folder.exists():
        raise InvalidRequest(
            f"{folder} exists", hint="Choose another name, or another folder with --out.", code="EXISTS"
        )
    source = KINDS_FOLDER / kind
    for path in sorted(source.rglob("*")):
        if path.is_file():
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text(encoding="utf-8").replace(STAND_IN, name), encoding="utf-8")
    return load_pack(folder)
