"""The template packs of this installation: found at start, immutable, addressed by name, version and digest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from docugen_core.domain.bundle import PinnedTemplate, TemplateReference
from docugen_core.errors import ConfigurationError, NotFound
from docugen_core.rendering.pack_loader import PACK_FILE, load_pack
from docugen_core.rendering.packs import Template, TemplatePack

SHIPPED_PACKS = Path(__file__).parent.parent / "templates"


class TemplateCatalogue:
    """Packs by name and version. Make one with `load`."""

    def __init__(self, packs: Sequence[TemplatePack]) -> None:
        self._packs: dict[tuple[str, str], TemplatePack] = {}
        for pack in packs:
            self._packs.setdefault((pack.name, pack.version), pack)

    @classmethod
    def load(cls, folders: Sequence[Path]) -> TemplateCatalogue:
        """Every pack in `folders`, then the shipped ones. Of two packs with one name and version the first found wins.

        A folder is either a pack itself or holds packs. Raises ConfigurationError for a folder that is absent or holds no
        pack, and for any pack with a mistake.
        """
        return cls([load_pack(pack) for folder in (*folders, SHIPPED_PACKS) for pack in _pack_folders(folder)])

    def packs(self) -> tuple[TemplatePack, ...]:
        """All packs, by name, newest version first."""
        by_version = sorted(self._packs.values(), key=lambda pack: version_key(pack.version), reverse=True)
        return tuple(sorted(by_version, key=lambda pack: pack.name))

    def resolve(self, reference: TemplateReference) -> tuple[TemplatePack, Template]:
        """The pack and template a caller means; without a version the newest one.

        Raises NotFound (TEMPLATE_NOT_FOUND), naming the nearest and listing what there is.
        """
        versions = [pack for pack in self.packs() if pack.name == reference.pack]
        if not versions:
            raise _not_found(f"no template pack {reference.pack!r}", reference.pack, self._names(), "packs", reference)
        matching = [pack for pack in versions if reference.version in ("", pack.version)]
        if not matching:
            known = [pack.version for pack in versions]
            message = f"no version {reference.version!r} of template pack {reference.pack!r}"
            raise _not_found(message, reference.version, known, "versions", reference)
        template = matching[0].templates.get(reference.template)
        if template is None:
            message = f"no template {reference.template!r} in pack {reference.pack!r}"
            raise _not_found(message, reference.template, list(matching[0].templates), "templates", reference)
        return matching[0], template

    def pinned(self, pinned: PinnedTemplate) -> TemplatePack:
        """The very pack a resolved bundle was made with.

        Raises NotFound: TEMPLATE_CHANGED where this name and version is installed with other content, TEMPLATE_NOT_FOUND
        where it is not installed.
        """
        pack, _ = self.resolve(TemplateReference(pinned.pack, pinned.template, pinned.version))
        if pack.digest != pinned.digest:
            raise NotFound(
                f"template pack {pack.name}@{pack.version} has changed: the bundle was made with another content",
                hint="Install the pack the bundle was made with; give a changed pack a new version.",
                code="TEMPLATE_CHANGED",
                details={"pack": pack.name, "pinned_digest": pinned.digest, "installed_digest": pack.digest},
            )
        return pack

    def _names(self) -> list[str]:
        return list(dict.fromkeys(pack.name for pack in self.packs()))


def version_key(version: str) -> tuple[object, ...]:
    """Sorts semantic versions (semver.org, rule 11): 1.0.0-rc.2 < 1.0.0-rc.10 < 1.0.0 < 1.10.0. Build metadata is ignored."""
    release, _, before = version.partition("+")[0].partition("-")
    numbers = tuple(int(part) for part in release.split("."))
    # Numeric identifiers sort below words; a version with a pre-release sorts below the one without.
    parts = tuple((0, int(part), "") if re.fullmatch(r"\d+", part) else (1, 0, part) for part in before.split("."))
    return (numbers, not before, parts if before else ())


def _not_found(message: str, wanted: str, known: Sequence[str], kind: str, reference: TemplateReference) -> NotFound:
    near = get_close_matches(wanted, known, n=1)
    suggestion = f"Did you mean {near[0]!r}? " if near else ""
    hint = f"{suggestion}Known {kind}: {', '.join(known) or 'none'}."
    version = f"@{reference.version}" if reference.version else ""
    return NotFound(message, hint=hint, code="TEMPLATE_NOT_FOUND", details={"pack": reference.pack + version})


def _pack_folders(folder: Path) -> list[Path]:
    if (folder / PACK_FILE).is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"*/{PACK_FILE}")) if folder.is_dir() else []
    if not found and folder != SHIPPED_PACKS:
        problem = "holds no template pack" if folder.is_dir() else "does not exist"
        raise ConfigurationError(
            f"template folder {folder} {problem}",
            hint="DOCUGEN_TEMPLATE_PATH names folders that hold packs (folders with a pack.toml).",
        )
    return found
