"""Manifests of small invented bundles, for tests of stores."""

from __future__ import annotations

from collections.abc import Mapping

from docugen_core.domain.bundle import Format
from docugen_core.domain.identity import content_digest
from docugen_core.domain.manifest import ArtefactEntry, ArtefactStatus, Engine, Manifest

LETTERS: Mapping[str, bytes] = {"letter.txt": b"SPECIMEN: Dear Ada Example", "terms.txt": b"SPECIMEN: terms"}


def manifest_of(files: Mapping[str, bytes], *, omitted: tuple[str, ...] = ()) -> bytes:
    """The manifest of a bundle that consists of `files`, and of documents that were left out."""
    rendered = [
        ArtefactEntry(name, Format.TXT, size=len(data), sha256=content_digest(data), document_digest="d" * 64)
        for name, data in files.items()
    ]
    left_out = [ArtefactEntry(name, Format.TXT, ArtefactStatus.OMITTED, reason="TEMPLATE_FAILED") for name in omitted]
    return Manifest(
        spec_digest="5" * 64,
        seed="seed",
        engine=Engine(components=(("engine", "1"),), fonts=()),
        packs=(("letters", "1.0.0", "7" * 64),),
        generators=(),
        artefacts=tuple(rendered + left_out),
    ).to_bytes()
