"""The manifest: canonical bytes that read back as the same manifest, whatever order its parts came in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
import rfc8785
from docugen_core.domain.bundle import Format
from docugen_core.domain.manifest import MANIFEST_SCHEMA, ArtefactEntry, ArtefactStatus, Engine, Manifest
from hypothesis import given
from hypothesis import strategies as st

HEX = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
WORDS = st.from_regex(r"[a-z][a-z0-9.-]{0,9}", fullmatch=True)
PAIRS = st.dictionaries(WORDS, WORDS, max_size=3).map(lambda pairs: tuple(sorted(pairs.items())))
ENGINES = st.builds(
    Engine, components=PAIRS, fonts=st.dictionaries(WORDS, HEX, max_size=2).map(lambda f: tuple(f.items()))
)
RENDERED = st.builds(
    ArtefactEntry,
    name=WORDS,
    format=st.sampled_from(Format),
    size=st.integers(0, 2**40),
    sha256=HEX,
    pages=st.integers(0, 500),
    document_digest=HEX,
    fallback_reason=st.sampled_from(["", "TEMPLATE_FAILED"]),
)
OMITTED = st.builds(
    ArtefactEntry,
    name=WORDS,
    format=st.sampled_from(Format),
    status=st.just(ArtefactStatus.OMITTED),
    reason=st.sampled_from(["TEMPLATE_FAILED", "LIMIT_EXCEEDED"]),
)
MANIFESTS = st.builds(
    Manifest,
    spec_digest=HEX,
    seed=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
    engine=ENGINES,
    packs=st.lists(st.tuples(WORDS, WORDS, HEX), max_size=3, unique=True).map(lambda packs: tuple(sorted(packs))),
    generators=st.sampled_from([(), (("household_account", "1.0.0"),)]),
    artefacts=st.lists(RENDERED | OMITTED, max_size=4, unique_by=lambda a: a.name).map(
        lambda entries: tuple(sorted(entries, key=lambda a: a.name))
    ),
)

ENGINE = Engine(components=(("docugen", "0.1.0"), ("typst", "0.15.2")), fonts=(("Example.ttf", "ab" * 32),))
MANIFEST = Manifest(
    spec_digest="01" * 32,
    seed="2026-q3",
    engine=ENGINE,
    packs=(("invoice", "1.0.0", "23" * 32),),
    generators=(),
    artefacts=(
        ArtefactEntry("a.pdf", Format.PDF, size=12_345, sha256="45" * 32, pages=2, document_digest="67" * 32),
        ArtefactEntry("b.csv", Format.CSV, ArtefactStatus.OMITTED, reason="TEMPLATE_FAILED"),
    ),
)


def by_key(engine: Engine) -> Engine:
    return Engine(tuple(sorted(engine.components)), tuple(sorted(engine.fonts)))


@given(manifest=MANIFESTS)
def test_a_stored_manifest_reads_back_as_the_same_manifest(manifest: Manifest) -> None:
    again = Manifest.from_bytes(manifest.to_bytes())
    assert again == replace(manifest, engine=by_key(manifest.engine))
    assert again.to_bytes() == manifest.to_bytes()
    assert again.digest == manifest.digest == hashlib.sha256(manifest.to_bytes()).hexdigest()


@given(manifest=MANIFESTS)
def test_a_manifest_is_canonical_json(manifest: Manifest) -> None:
    assert rfc8785.dumps(json.loads(manifest.to_bytes())) == manifest.to_bytes()


@given(manifest=MANIFESTS, data=st.data())
def test_the_order_things_were_done_in_is_not_in_the_manifest(manifest: Manifest, data: st.DataObject) -> None:
    shuffled = replace(
        manifest,
        packs=tuple(data.draw(st.permutations(manifest.packs))),
        artefacts=tuple(data.draw(st.permutations(manifest.artefacts))),
        engine=replace(manifest.engine, components=tuple(data.draw(st.permutations(manifest.engine.components)))),
    )
    assert shuffled.to_bytes() == manifest.to_bytes()


def test_a_manifest_says_what_was_made_of_what_by_what_and_nothing_about_when_or_where() -> None:
    raw = json.loads(MANIFEST.to_bytes())
    assert raw == {
        "schema": "docugen.manifest/v1",
        "spec_digest": "01" * 32,
        "seed": "2026-q3",
        "engine": {
            "fingerprint": ENGINE.fingerprint,
            "components": {"docugen": "0.1.0", "typst": "0.15.2"},
            "fonts": {"Example.ttf": "ab" * 32},
        },
        "template_packs": [{"name": "invoice", "version": "1.0.0", "digest": "23" * 32}],
        "generators": [],
        "artefacts": [
            {
                "name": "a.pdf",
                "format": "pdf",
                "media_type": "application/pdf",
                "status": "rendered",
                "size": 12_345,
                "sha256": "45" * 32,
                "document_digest": "67" * 32,
                "pages": 2,
            },
            {
                "name": "b.csv",
                "format": "csv",
                "media_type": "text/csv; charset=utf-8",
                "status": "omitted",
                "reason": "TEMPLATE_FAILED",
            },
        ],
    }


@pytest.mark.parametrize(
    "engine",
    [
        replace(ENGINE, components=(("docugen", "0.1.0"), ("typst", "0.15.3"))),
        replace(ENGINE, components=()),
        replace(ENGINE, fonts=(("Example.ttf", "cd" * 32),)),
        Engine(components=ENGINE.fonts, fonts=ENGINE.components),
    ],
)
def test_another_engine_has_another_fingerprint(engine: Engine) -> None:
    assert engine.fingerprint != ENGINE.fingerprint


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"1",
        b"{}",
        json.dumps({"schema": "docugen.manifest/v2"}).encode(),
        json.dumps({"schema": MANIFEST_SCHEMA}).encode(),
        MANIFEST.to_bytes()[:-1],
        MANIFEST.to_bytes().replace(b'"engine":{', b'"engine":[],"was":{'),
        MANIFEST.to_bytes().replace(b'"components":{', b'"components":{"x":["1"],'),
        MANIFEST.to_bytes().replace(b'"generators":[]', b'"generators":[1]'),
        MANIFEST.to_bytes().replace(b'"rendered"', b'"lost"'),
    ],
)
def test_what_is_no_manifest_of_this_schema_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError)):
        Manifest.from_bytes(data)
