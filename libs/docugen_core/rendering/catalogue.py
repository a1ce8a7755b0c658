"""The template packs of this installation: found at start, immutable, addressed by name, version and digest.

Versions of a pack stand side by side. One name and version is one content: a second pack of that name, version *and* digest is
the same pack, one with another digest ends the start. Were the first one simply taken, two servers whose folders are listed
in another order would render different bytes under one name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from docugen_core.domain.bundle import PinnedTemplate, TemplateReference
from docugen_core.errors import ConfigurationError, NotFound
from docugen_core.rendering.pack_discovery import pack_folders
from docugen_core.rendering.pack_files import PACK_FILE
from docugen_core.rendering.pack_loader import load_pack
from docugen_core.rendering.packs import Template, TemplatePack


class TemplateCatalogue:
    """Packs by name and version. Make one with `load`."""

    def __init__(self, packs: Sequence[TemplatePack], places: Sequence[str] = ()) -> None:
        """A catalogue of exactly these. places: where each was found, for errors; as many as packs, or none.

        Raises ConfigurationError for two packs of one name and version with different content (TEMPLATE_PACK_AMBIGUOUS), and
        for a template whose `fallback` is not installed or offers less (INVALID_TEMPLATE_PACK).
        """
        self._packs: dict[tuple[str, str], TemplatePack] = {}
        found_at: dict[tuple[str, str], str] = {}
        for pack, place in zip(packs, places or [f"a pack {pack.name}" for pack in packs], strict=True):
            first = self._packs.setdefault((pack.name, pack.version), pack)
            first_place = found_at.setdefault((pack.name, pack.version), place)
            if first.digest != pack.digest:
                raise ConfigurationError(
                    f"template pack {pack.name}@{pack.version} is there twice with different content:"
                    f" {first_place} and {place}",
                    code="TEMPLATE_PACK_AMBIGUOUS",
                    hint="Give one of them another version or name, or take one away.",
                    details={"pack": f"{pack.name}@{pack.version}", "first": first_place, "second": place},
                )
        by_version = sorted(self._packs.values(), key=lambda pack: version_key(pack.version), reverse=True)
        self._sorted = tuple(sorted(by_version, key=lambda pack: pack.name))
        self._check_fallbacks()

    @classmethod
    def load(cls, folders: Sequence[Path]) -> TemplateCatalogue:
        """Every pack in `folders`, in installed distributions, and the shipped ones.

        Raises ConfigurationError for a folder or entry point without a pack, for any pack with a mistake, and as above.
        """
        found = pack_folders(folders)
        return cls([load_pack(pack.folder) for pack in found], [pack.place for pack in found])

    def packs(self) -> tuple[TemplatePack, ...]:
        """All packs, by name, newest version first."""
        return self._sorted

    def resolve(self, reference: TemplateReference) -> tuple[TemplatePack, Template]:
        """The pack and template a caller means; without a version the newest one.

        Raises NotFound (TEMPLATE_NOT_FOUND), naming the nearest and listing what there is.
        """
        pack = self.pack(reference.pack, reference.version)
        template = pack.templates.get(reference.template)
        if template is None:
            message = f"no template {reference.template!r} in pack {reference.pack!r}"
            raise _not_found(message, reference.template, list(pack.templates), "templates", reference)
        return pack, template

    def pack(self, name: str, version: str = "") -> TemplatePack:
        """A pack by name; without a version the newest one. Raises NotFound as `resolve` does."""
        reference = TemplateReference(name, "", version)
        versions = [pack for pack in self.packs() if pack.name == name]
        if not versions:
            raise _not_found(f"no template pack {name!r}", name, self._names(), "packs", reference)
        matching = [pack for pack in versions if version in ("", pack.version)]
        if not matching:
            known = [pack.version for pack in versions]
            message = f"no version {version!r} of template pack {name!r}"
            raise _not_found(message, version, known, "versions", reference)
        return matching[0]

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

    def _check_fallbacks(self) -> None:
        """What a template falls back to must be here and offer the same formats, or it would fail when it is needed."""
        for pack in self._packs.values():
            for template in pack.templates.values():
                if template.fallback is None:
                    continue
                about = f"{pack.name}/{PACK_FILE}: the fallback {template.fallback} of template {template.name!r}"
                try:
                    _, fallback = self.resolve(template.fallback)
                except NotFound as error:
                    raise _bad_fallback(f"{about} is not installed: {error.message}", error.hint) from error
                missing = sorted(known.value for known in template.formats if known not in fallback.formats)
                if missing:
                    hint = "A fallback offers every format of the template it stands in for."
                    raise _bad_fallback(f"{about} does not offer {', '.join(missing)}", hint)

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


def _bad_fallback(message: str, hint: str) -> ConfigurationError:
    return ConfigurationError(message, hint=hint, code="INVALID_TEMPLATE_PACK", details={"file": PACK_FILE})
