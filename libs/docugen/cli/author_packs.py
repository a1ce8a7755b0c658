"""What the author's commands share: the folders they are given, and the packs beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from docugen_core.config import Settings
from docugen_core.errors import ConfigurationError
from docugen_core.rendering.pack_discovery import pack_folders
from docugen_core.rendering.pack_files import PACK_FILE
from docugen_core.rendering.pack_loader import load_pack
from docugen_core.rendering.packs import TemplatePack

from docugen.cli.failures import wrong_input


def folders_at(path: str) -> list[Path]:
    """The pack at `path`, or the packs in it. Raises CommandFailed where there is none."""
    folder = Path(path)
    found = [folder] if (folder / PACK_FILE).is_file() else sorted(p.parent for p in folder.glob(f"*/{PACK_FILE}"))
    if not found:
        problem = "holds no template pack" if folder.is_dir() else "is no folder"
        raise wrong_input(
            f"{path} {problem}", reason="FILE_NOT_USABLE", hint="A template pack is a folder with a pack.toml."
        )
    return found


def packs_beside(settings: Settings, own: Sequence[Path]) -> tuple[TemplatePack, ...]:
    """The installed packs except those in `own`; one with a mistake is left out: it is not the one being looked at."""
    packs = []
    mine = {folder.resolve() for folder in own}
    for found in pack_folders([Path(p) for p in settings.template_path.split(":") if p]):
        if found.folder.resolve() in mine:
            continue
        try:
            packs.append(load_pack(found.folder))
        except ConfigurationError:
            continue
    return tuple(packs)
