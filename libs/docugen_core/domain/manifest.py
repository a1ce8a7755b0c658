"""The manifest: what a finished bundle run consists of. A pure function of request and engine.

It holds no run id (that is the file's name), no time, no worker, no attempt: two runs of one spec on one engine have
byte-equal manifests. Serialised as RFC 8785 canonical JSON. Its existence *is* completion of the run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from docugen_core.domain.bundle import Format
from docugen_core.domain.identity import ENGINE_PREFIX, canonical_json, content_digest, digest

MANIFEST_SCHEMA = "docugen.manifest/v1"
ENGINES_KEPT = 16


@dataclass(frozen=True, slots=True)
class Engine:
    """What rendered: name and version of every part that decides bytes, and the SHA-256 of every installed font file.

    Fonts that a template pack brings are under that pack's digest: they are there for its templates alone.
    """

    components: tuple[tuple[str, str], ...]
    fonts: tuple[tuple[str, str], ...]

    @property
    def fingerprint(self) -> str:
        """64 hex digits. Another fingerprint is another edition of the bytes, never a determinism violation."""
        return _fingerprint(self)

    def to_json(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint,
            "components": dict(self.components),
            "fonts": dict(self.fonts),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Engine:
        return cls(components=_texts(raw["components"]), fonts=_texts(raw["fonts"]))


def _texts(raw: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    if not all(isinstance(value, str) for value in raw.values()):
        raise ValueError("an engine's components and fonts are texts")
    return tuple(sorted(raw.items()))


@lru_cache(maxsize=ENGINES_KEPT)
def _fingerprint(engine: Engine) -> str:
    # Each document asks for it, and a process has one engine; others come in with manifests of other editions.
    return digest(ENGINE_PREFIX, {"components": dict(engine.components), "fonts": dict(engine.fonts)})


class ArtefactStatus(Enum):
    """RENDERED: the bytes exist. OMITTED: an optional document whose template or data failed; `reason` says why."""

    RENDERED = "rendered"
    OMITTED = "omitted"


@dataclass(frozen=True, slots=True)
class ArtefactEntry:
    """One document of the finished bundle.

    size: bytes. sha256: of the bytes, 64 hex digits. pages: 0 where the format has none. document_digest: identity of the
    render (template, data, world, engine), the key of the document cache. fallback_reason: why the fallback template was
    used, empty where it was not. An omitted entry has size 0, no sha256 and a `reason` code.
    """

    name: str
    format: Format
    status: ArtefactStatus = ArtefactStatus.RENDERED
    size: int = 0
    sha256: str = ""
    pages: int = 0
    document_digest: str = ""
    reason: str = ""
    fallback_reason: str = ""

    @property
    def media_type(self) -> str:
        return self.format.media_type

    def to_json(self) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "name": self.name,
            "format": self.format.value,
            "media_type": self.media_type,
            "status": self.status.value,
        }
        if self.status is ArtefactStatus.OMITTED:
            return entry | {"reason": self.reason}
        entry |= {
            "size": self.size,
            "sha256": self.sha256,
            "document_digest": self.document_digest,
        }
        if self.pages:
            entry["pages"] = self.pages
        if self.fallback_reason:
            entry["fallback_reason"] = self.fallback_reason
        return entry

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ArtefactEntry:
        return cls(
            name=raw["name"],
            format=Format(raw["format"]),
            status=ArtefactStatus(raw["status"]),
            size=raw.get("size", 0),
            sha256=raw.get("sha256", ""),
            pages=raw.get("pages", 0),
            document_digest=raw.get("document_digest", ""),
            reason=raw.get("reason", ""),
            fallback_reason=raw.get("fallback_reason", ""),
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """`manifests/{bundleRunId}.json`. packs: (name, version, digest); generators: (name, version); artefacts by name."""

    spec_digest: str
    seed: str
    engine: Engine
    packs: tuple[tuple[str, str, str], ...]
    generators: tuple[tuple[str, str], ...]
    artefacts: tuple[ArtefactEntry, ...]

    def to_bytes(self) -> bytes:
        """RFC 8785 canonical JSON, no trailing newline."""
        return canonical_json(
            {
                "schema": MANIFEST_SCHEMA,
                "spec_digest": self.spec_digest,
                "seed": self.seed,
                "engine": self.engine.to_json(),
                "template_packs": [
                    {"name": name, "version": version, "digest": pack_digest}
                    for name, version, pack_digest in sorted(self.packs)
                ],
                "generators": [{"name": name, "version": version} for name, version in sorted(self.generators)],
                "artefacts": [a.to_json() for a in sorted(self.artefacts, key=lambda entry: entry.name)],
            }
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest's bytes."""
        return content_digest(self.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read a stored manifest. Raises ValueError or KeyError when `data` is not a manifest of this schema."""
        try:
            return cls._from_json(json.loads(data))
        except (TypeError, AttributeError) as error:
            raise ValueError(f"not a manifest: {error}") from error

    @classmethod
    def _from_json(cls, raw: Mapping[str, Any]) -> Manifest:
        if raw["schema"] != MANIFEST_SCHEMA:
            raise ValueError(f"manifest schema {raw['schema']!r}; this version reads {MANIFEST_SCHEMA!r}")
        return cls(
            spec_digest=raw["spec_digest"],
            seed=raw["seed"],
            engine=Engine.from_json(raw["engine"]),
            packs=tuple((p["name"], p["version"], p["digest"]) for p in raw["template_packs"]),
            generators=tuple((g["name"], g["version"]) for g in raw["generators"]),
            artefacts=tuple(ArtefactEntry.from_json(a) for a in raw["artefacts"]),
        )
