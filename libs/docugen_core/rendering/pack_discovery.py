"""Where template packs are: in the folders of DOCUGEN_TEMPLATE_PATH, in installed distributions, and in DocuGen itself.

A distribution declares its packs by an entry point whose value is the dotted name of a folder in it:

    [project.entry-points."docugen.template_packs"]
    letters = "letters_of_ours.packs"        # letters_of_ours/packs/<any name>/pack.toml

The folder is a pack itself or holds packs, one folder each. Packages on the way to it are imported, so their `__init__` should
be empty; the folder itself needs none, and where it is a pack it must have none (it would be a file of the pack).

Nothing is read in here but folder names. `pack_loader` reads packs, `catalogue` decides which may stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from docugen_core.errors import ConfigurationError
from docugen_core.rendering.pack_files import PACK_FILE

ENTRY_POINT_GROUP = "docugen.template_packs"
SHIPPED_PACKS = Path(__file__).parent.parent / "templates"


@dataclass(frozen=True, slots=True)
class PackFolder:
    """A folder with a `pack.toml`. place: how to name it to whoever has to mend something there."""

    folder: Path
    place: str


def pack_folders(folders: Sequence[Path]) -> tuple[PackFolder, ...]:
    """Every pack folder of this installation, each once: those of `folders`, of distributions, and the shipped ones.

    Each of `folders` is a pack itself or holds packs. Raises ConfigurationError for one that is absent or holds no pack, and
    for an entry point that names no folder with a pack.
    """
    found = [pack for folder in folders for pack in _configured(folder)]
    found += distribution_packs(entry_points(group=ENTRY_POINT_GROUP))
    found += [PackFolder(folder, f"{folder.name} of DocuGen itself") for folder in _packs_in(SHIPPED_PACKS)]
    return tuple({pack.folder.resolve(): pack for pack in reversed(found)}.values())[::-1]


def distribution_packs(found: Iterable[EntryPoint]) -> list[PackFolder]:
    """The pack folders these entry points name, by their own names. Raises ConfigurationError (TEMPLATE_PACK_BROKEN)."""
    packs = []
    for entry in sorted(found, key=lambda entry: (entry.name, entry.value)):
        by = f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.value
        inside = [pack for folder in _folders_of(entry, by) for pack in _packs_in(folder)]
        if not inside:
            raise _broken(entry, by, f"names {entry.value}, which holds no {PACK_FILE}")
        packs += [PackFolder(folder, f"{folder} ({by})") for folder in inside]
    return packs


def _configured(folder: Path) -> list[PackFolder]:
    found = _packs_in(folder)
    if not found:
        problem = "holds no template pack" if folder.is_dir() else "does not exist"
        raise ConfigurationError(
            f"template folder {folder} {problem}",
            hint="DOCUGEN_TEMPLATE_PATH names folders that hold packs (folders with a pack.toml).",
        )
    return [PackFolder(pack, str(pack)) for pack in found]


def _packs_in(folder: Path) -> list[Path]:
    if (folder / PACK_FILE).is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{PACK_FILE}"))


def _folders_of(entry: EntryPoint, by: str) -> list[Path]:
    try:
        spec = find_spec(entry.value)
    except (ImportError, ValueError) as error:
        raise _broken(entry, by, f"names {entry.value}, which cannot be found: {error}") from error
    if spec is None:
        raise _broken(entry, by, f"names {entry.value}, which does not exist")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not folders or not all(folder.is_dir() for folder in folders):
        raise _broken(entry, by, f"names {entry.value}, which is no folder on disk")
    return folders


def _broken(entry: EntryPoint, by: str, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"entry point {entry.name!r} of {by} {problem}",
        code="TEMPLATE_PACK_BROKEN",
        hint=f"The value in [{ENTRY_POINT_GROUP}] is the dotted name of a folder that holds packs; mend or uninstall {by}.",
    )
