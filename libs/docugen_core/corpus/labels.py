"""The JSON beside every document of a corpus, and the index of the whole: both in canonical form (RFC 8785), so in one form.

Their fields are described in docs/reference/labels.md. No time, no path of a machine and no count of other documents is in
the labels of a document: they depend on seed, number, options and engine alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from docugen_core.corpus.recipes import CORPUS_VERSION, Recipe
from docugen_core.domain.bundle import ResolvedBundle
from docugen_core.domain.identity import canonical_json, content_digest

LABELS_SCHEMA = "docugen.labels/v1"
CORPUS_SCHEMA = "docugen.corpus/v1"
POINTS_PER_INCH = 72


@dataclass(frozen=True, slots=True)
class CorpusOptions:
    """What a corpus is made of, besides the engine. locales: sorted. ppi: of page images; 0 without images."""

    seed: str
    locales: tuple[str, ...]
    ppi: int = 0


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """One file of a document: its name in the corpus's folder of documents."""

    name: str
    data: bytes

    def to_json(self) -> dict[str, Any]:
        return {"file": self.name, "sha256": content_digest(self.data), "size": len(self.data)}


def origin_json(
    recipe: Recipe, bundle: ResolvedBundle, options: CorpusOptions, engine_fingerprint: str
) -> dict[str, Any]:
    """The part of the labels that says what made the document. With the same origin, everything else is the same."""
    template, generator = bundle.documents[0].template, bundle.generate
    assert template is not None  # a recipe names both
    assert generator is not None
    return {
        "schema": LABELS_SCHEMA,
        "corpus": {"version": CORPUS_VERSION, "seed": options.seed, "index": recipe.index, "ppi": options.ppi},
        "engine_fingerprint": engine_fingerprint,
        "template": template.to_json(),
        "generator": {"name": generator.name, "version": generator.version},
        "bundle": dict(recipe.bundle),
    }


def labels_json(
    origin: dict[str, Any], layout: dict[str, Any], pdf: CorpusFile, images: Sequence[CorpusFile]
) -> dict[str, Any]:
    """The labels of one document. layout: `LayoutTruth.to_json()`. images: one a page, in order."""
    return {
        **origin,
        "pdf": pdf.to_json(),
        "images": [_image_json(page, image) for page, image in enumerate(images, start=1)],
        "pages": layout["pages"],
        "fields": layout["fields"],
    }


def _image_json(page: int, image: CorpusFile) -> dict[str, Any]:
    # A PNG begins with eight bytes of signature, then length and name of the header, then width and height.
    width, height = (int.from_bytes(image.data[start : start + 4]) for start in (16, 20))
    return image.to_json() | {"page": page, "width": width, "height": height}


def corpus_index(
    options: CorpusOptions, engine_fingerprint: str, documents: Sequence[tuple[dict[str, Any], CorpusFile]]
) -> bytes:
    """`corpus.json` of these documents (labels and the file they are in), in the order of their numbers."""
    templates = {(t["pack"], t["version"], t["digest"]) for t in (labels["template"] for labels, _ in documents)}
    return canonical_json(
        {
            "schema": CORPUS_SCHEMA,
            "version": CORPUS_VERSION,
            "seed": options.seed,
            "locales": list(options.locales),
            "ppi": options.ppi,
            "count": len(documents),
            "engine_fingerprint": engine_fingerprint,
            "packs": [{"pack": p, "version": v, "digest": d} for p, v, d in sorted(templates)],
            "documents": [
                {
                    "index": labels["corpus"]["index"],
                    "template": f"{labels['template']['pack']}/{labels['template']['template']}",
                    "locale": labels["bundle"]["locale"],
                    "pages": len(labels["pages"]),
                    "fields": len(labels["fields"]),
                    "labels": file.to_json(),
                    "pdf": labels["pdf"],
                    "images": labels["images"],
                }
                for labels, file in documents
            ],
        }
    )
