"""The golden digests in tests/rendering/golden: what is in them, and what a change of them asks for.

    packs/NAME.json        a shipped pack: every template in every format, page images too, of its own samples
    bundles/NAME.json      an example bundle; made-of-others: merged, attached, packed, omitted
    generators/NAME.json   the data of small cases, one in each language; corpus: its first documents with labels and images
    released.json          all of these as they were at the last release; `make goldens RELEASE=0.1.0` writes it

A set is {"identity", "engine", "artefacts": {name: SHA-256}}. Its identity is the spec digest of the bundle, or the generator's
version: what a caller sees of the request. Two rules, both about what has been released:

- `untold`: an artefact with other bytes, or gone, is named in the changelog under Unreleased, heading "Bytes": its set or its
  format in backticks. So one line, "`pdf`: Typst 0.16 hyphenates otherwise", is enough for an upgrade.
- `unraised`: where identity and engine are the same and the bytes are not, `docugen verify` would call every finished run a
  violation. Then RENDERING_EDITION, or the generator's version, has to be raised.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from determinism.drawn import FAMILIES, drawn, install_binder, pack_documents, shipped
from direct_renderer import DirectRenderer, render_bundle
from docugen_core.assembly import assemble_intake
from docugen_core.config import Settings
from docugen_core.corpus.documents import CorpusMaker
from docugen_core.corpus.labels import CorpusOptions
from docugen_core.corpus.recipes import CORPUS_VERSION, LOCALES
from docugen_core.domain.identity import canonical_json, content_digest
from docugen_core.domain.json import JsonObject
from docugen_core.domain.manifest import ArtefactStatus
from docugen_core.domain.seed import SeedStream
from docugen_core.generators.generator import GeneratorContext
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.generators.word_lists import LANGUAGES
from docugen_core.rendering.task import RenderLimits
from docugen_core.submission import Intake

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "rendering" / "golden"
RELEASED = GOLDEN / "released.json"
CORPUS_DOCUMENTS = 6
DEFLATED = ("xlsx", "docx", "zip")
DAY = dt.date(2026, 10, 2)
SMALL_CASES: Mapping[str, JsonObject] = {
    "commerce": {"first_month": "2026-07", "invoices": 3, "invoice": 2},
    "household_account": {"first_month": "2026-07", "months": 2, "transactions_per_month": 12},
    "household_finance": {"months": 12, "transactions_per_month": 20},
}

GoldenSet = dict[str, Any]


def bundles() -> dict[str, dict[str, Any]]:
    """Every bundle with golden digests, by the name of its set."""
    found = {
        f"packs/{name}": {
            "seed": "golden",
            "locale": "en-GB",
            "time_zone": "Europe/London",
            "document_date": DAY.isoformat(),
            "specimen": True,
            "documents": pack_documents(name),
        }
        for name in sorted(shipped())
    }
    for path in sorted((ROOT / "examples" / "bundles").glob("*.json")):
        found[f"bundles/{path.stem}"] = json.loads(path.read_text(encoding="utf-8"))
    return found | {"bundles/made-of-others": drawn("golden", FAMILIES.index("made of others")).bundle}


def names() -> list[str]:
    """Every set."""
    return [*bundles(), *(f"generators/{name}" for name in GeneratorRegistry.load().names()), "generators/corpus"]


def made(name: str) -> GoldenSet:
    """The set as it is now, rendered in this process."""
    kind, _, generator = name.partition("/")
    if generator == "corpus":
        return asyncio.run(_corpus())
    if kind == "generators":
        return _generated(generator)
    with TemporaryDirectory(prefix="golden-") as packs:
        intake = assemble_intake(Settings(template_path=str(install_binder(Path(packs)))))
        return asyncio.run(_rendered(bundles()[name], intake))


def kept(name: str) -> GoldenSet:
    """The set as it is in the repository."""
    golden: GoldenSet = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return golden


def comparable(made: GoldenSet, kept: GoldenSet) -> tuple[GoldenSet, GoldenSet]:
    """Both without zlib's version, and without what zlib deflates where the two versions differ: it deflates otherwise."""
    same = made["engine"].get("zlib") == kept["engine"].get("zlib")
    first, second = (
        {
            "identity": golden["identity"],
            "engine": {name: version for name, version in golden["engine"].items() if name != "zlib"},
            "artefacts": {n: s for n, s in golden["artefacts"].items() if same or n.rpartition(".")[2] not in DEFLATED},
        }
        for golden in (made, kept)
    )
    return first, second


def untold(released: Mapping[str, GoldenSet], present: Mapping[str, GoldenSet], bytes_section: str) -> list[str]:
    """Artefacts whose bytes changed since the release without a line of `bytes_section`; `set: artefact` each."""
    named = set(re.findall("`([^`]+)`", bytes_section))
    return [
        f"{name}: {artefact}"
        for name, before in sorted(released.items())
        for artefact, sha256 in sorted(before["artefacts"].items())
        if present.get(name, {"artefacts": {}})["artefacts"].get(artefact) != sha256
        and not named & {name, name.partition("/")[2], artefact.rpartition(".")[2]}
    ]


def unraised(released: Mapping[str, GoldenSet], present: Mapping[str, GoldenSet]) -> list[str]:
    """Sets that differ from the release though request and engine are said to be the same."""
    return [
        name
        for name, before in sorted(released.items())
        if (after := present.get(name))
        and (after["identity"], after["engine"]) == (before["identity"], before["engine"])
        and after["artefacts"] != before["artefacts"]
    ]


def bytes_section(changelog: str) -> str:
    """What Unreleased says under "Bytes"; empty where it says nothing."""
    unreleased = changelog.partition("## [Unreleased]")[2].partition("\n## [")[0]
    return unreleased.partition("### Bytes\n")[2].partition("\n### ")[0]


def last_release(changelog: str) -> str:
    """The version of the newest release of `changelog`; empty before the first one."""
    found = re.search(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)
    return found[1] if found else ""


async def _rendered(bundle: dict[str, Any], intake: Intake) -> GoldenSet:
    manifest, _ = await render_bundle(bundle, intake)
    rendered = [a for a in manifest.artefacts if a.status is ArtefactStatus.RENDERED]
    return {
        "identity": manifest.spec_digest,
        "engine": dict(manifest.engine.components),
        "artefacts": {a.name: a.sha256 for a in sorted(rendered, key=lambda one: one.name)},
    }


def _generated(name: str) -> GoldenSet:
    generator = GeneratorRegistry.load().get(name)
    digests = {}
    for language in sorted(LANGUAGES):
        context = GeneratorContext(SeedStream.of("golden", "generate", name), language, DAY)
        digests[language] = content_digest(canonical_json(generator.generate(SMALL_CASES[name], context)))
    return {"identity": generator.version, "engine": {}, "artefacts": digests}


async def _corpus() -> GoldenSet:
    options = CorpusOptions("golden", LOCALES, ppi=50)
    maker = CorpusMaker(options, assemble_intake(Settings()), DirectRenderer(), RenderLimits())
    files = []
    for index in range(1, CORPUS_DOCUMENTS + 1):
        document = await maker.make(maker.plan(index))
        files += [document.labels_file, *document.files]
    return {
        "identity": CORPUS_VERSION,
        "engine": dict(maker.renderer.engine.components),
        "artefacts": {file.name: content_digest(file.data) for file in sorted(files, key=lambda one: one.name)},
    }
