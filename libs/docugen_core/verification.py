"""Use case 3: render a finished run again, in memory, and compare every digest with its manifest.

A difference is explained by the inputs that changed since (engine component, font, template pack, generator). If none did, it
is a determinism violation: the one thing that must never happen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from docugen_core.comparison import ChangedInput, Verdict, engine_changes, pack_changes, verdict
from docugen_core.domain.bundle import PinnedTemplate, ResolvedBundle, TemplateReference
from docugen_core.domain.manifest import ArtefactEntry, Manifest
from docugen_core.errors import NotFound, NotPossibleNow
from docugen_core.generation import BundleRenderer, OnProgress
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.ports import ArtefactStore
from docugen_core.rendering.catalogue import TemplateCatalogue


@dataclass(frozen=True, slots=True)
class Comparison:
    """One artefact then and now, as SHA-256; empty where it was or is omitted."""

    artefact: str
    expected_sha256: str
    actual_sha256: str

    @property
    def equal(self) -> bool:
        return self.expected_sha256 == self.actual_sha256


@dataclass(frozen=True, slots=True)
class Verification:
    """What the second rendering showed. Inputs may have changed without changing a byte."""

    run_id: str
    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    changed_inputs: tuple[ChangedInput, ...]


async def _discard(_: bytes) -> None:
    """Verification keeps digests only."""


async def verify_bundle_run(
    run_id: str,
    *,
    bundles: BundleRenderer,
    store: ArtefactStore,
    on_progress: OnProgress = lambda _: None,
) -> Verification:
    """Render run `run_id` again and compare. Stores nothing, so it may be repeated and cancelled at will.

    Raises NotFound (no such run, or a pack or generator it used is not installed here in any version), NotPossibleNow
    (BUNDLE_RUN_NOT_FINISHED, SPEC_NOT_KEPT), and what rendering raises.
    """
    manifest = await _manifest(run_id, store)
    spec = await store.read_spec(manifest.spec_digest)
    if spec is None:
        raise NotPossibleNow(
            f"the spec of run {run_id!r} is not in the store",
            code="SPEC_NOT_KEPT",
            hint="Submit the bundle again: it renders the same run, and keeps its spec.",
        )
    then = ResolvedBundle.from_json(json.loads(spec))
    now, moved = _as_installed(then, bundles.catalogue, bundles.generators)
    rendered = await bundles.render(now, _discard, on_progress)
    packs = pack_changes(manifest.packs, rendered.packs, bundles.catalogue)
    changed = (*engine_changes(manifest.engine, rendered.engine), *packs, *moved)
    comparisons = _compare(manifest, rendered)
    found = verdict(equal=all(c.equal for c in comparisons), changed=changed)
    return Verification(run_id, found, comparisons, changed)


async def _manifest(run_id: str, store: ArtefactStore) -> Manifest:
    data = await store.read_manifest(run_id)
    if data is None:
        raise NotFound(
            f"run {run_id!r} has no manifest",
            code="BUNDLE_RUN_NOT_FOUND",
            hint="Only a finished run can be verified; `docugen runs show` tells its state.",
            details={"bundle_run_id": run_id},
        )
    return Manifest.from_bytes(data)


def _as_installed(
    bundle: ResolvedBundle, catalogue: TemplateCatalogue, generators: GeneratorRegistry
) -> tuple[ResolvedBundle, tuple[ChangedInput, ...]]:
    """The bundle with every pin that is gone replaced by what is installed, and the generator that was replaced, if it was:
    packs are told by the manifests."""
    changes: list[ChangedInput] = []

    def installed(pin: PinnedTemplate | None) -> PinnedTemplate | None:
        if pin is None:
            return None
        try:
            catalogue.pinned(pin)
        except NotFound:
            pack, template = catalogue.resolve(TemplateReference(pin.pack, pin.template))
            return PinnedTemplate(pack.name, template.name, pack.version, pack.digest)
        return pin

    documents = tuple(
        replace(d, template=installed(d.template), fallback=installed(d.fallback)) for d in bundle.documents
    )
    generate = bundle.generate
    if generate is not None:
        version = generators.get(generate.name).version
        if version != generate.version:
            changes.append(ChangedInput(f"generator.{generate.name}", generate.version, version))
            generate = replace(generate, version=version)
    # The seed in force stays what it was, even where it was derived from a spec digest that is another one now.
    now = replace(bundle, documents=documents, generate=generate, requested_seed=bundle.seed)
    return now, tuple(changes)


def _compare(then: Manifest, now: Manifest) -> tuple[Comparison, ...]:
    before: dict[str, ArtefactEntry] = {a.name: a for a in then.artefacts}
    return tuple(
        Comparison(a.name, before[a.name].sha256 if a.name in before else "", a.sha256)
        for a in sorted(now.artefacts, key=lambda entry: entry.name)
    )
