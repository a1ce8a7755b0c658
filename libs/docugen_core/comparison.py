"""What differs between two runs: the inputs that can explain it, and the artefacts in which it shows.

    request.data.lines[2].price     a field of the request, by its JSON path; documents go by name: documents["invoice.pdf"]
    seed                            the seed in force, where seeded data depends on it
    pack.invoice                    versions and digests of a template pack
    pack.invoice/invoice.typ        a file of that pack, where both contents are installed here
    generator.household_account     version of a generator
    engine.typst, font.<file>       a component of the engine, a font file

A pure function of two manifests, their canonical specs as far as they are kept, and the packs that are installed. Verification
explains itself with the same functions: there the request is the same, and everything else may have changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from docugen_core.domain.identity import canonical_json
from docugen_core.domain.manifest import ArtefactEntry, Engine, Manifest
from docugen_core.rendering.catalogue import TemplateCatalogue

FIELDS_MAX = 200
VALUE_CHARACTERS_MAX = 120

Pack = tuple[str, str, str]
"""Name, version, digest."""


class Verdict(Enum):
    """IDENTICAL: every artefact is the same bytes. INPUTS_CHANGED: some are not, and a changed input may be why.
    DETERMINISM_VIOLATION: some are not and nothing changed."""

    IDENTICAL = "identical"
    INPUTS_CHANGED = "inputs_changed"
    DETERMINISM_VIOLATION = "determinism_violation"


@dataclass(frozen=True, slots=True)
class ChangedInput:
    """An input that is another one now. before and now: a version, a digest, or a value of the request as JSON, cut to
    VALUE_CHARACTERS_MAX; empty where it did not or does not exist."""

    input: str
    before: str
    now: str


class Change(Enum):
    """What became of an artefact between two runs. OMITTED: one of them left an optional document out."""

    EQUAL = "equal"
    CHANGED = "changed"
    OMITTED = "omitted"
    ONLY_BEFORE = "only_before"
    ONLY_NOW = "only_now"


@dataclass(frozen=True, slots=True)
class ArtefactChange:
    """One artefact of either run. before and now: its entries; None where that run has none."""

    name: str
    change: Change
    before: ArtefactEntry | None
    now: ArtefactEntry | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a run. spec: its canonical spec as JSON, or the bundle as a caller writes it with templates pinned; None
    where it was not kept or cannot be had."""

    manifest: Manifest
    spec: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RunComparison:
    """The whole answer. artefacts: by name."""

    verdict: Verdict
    changed_inputs: tuple[ChangedInput, ...]
    artefacts: tuple[ArtefactChange, ...]


def compare_runs(before: Evidence, now: Evidence, catalogue: TemplateCatalogue) -> RunComparison:
    """Every difference between two runs. catalogue: where the files of packs are looked up."""
    inputs = (
        *_request_changes(before, now),
        *_seed_changes(before, now),
        *pack_changes(before.manifest.packs, now.manifest.packs, catalogue),
        *_differences("generator", dict(before.manifest.generators), dict(now.manifest.generators)),
        *engine_changes(before.manifest.engine, now.manifest.engine),
    )
    artefacts = _artefact_changes(before.manifest, now.manifest)
    equal = all(a.change is Change.EQUAL for a in artefacts)
    return RunComparison(verdict(equal=equal, changed=inputs), inputs, artefacts)


def verdict(*, equal: bool, changed: Sequence[ChangedInput]) -> Verdict:
    """What to call it. equal: whether every artefact is the same bytes."""
    if equal:
        return Verdict.IDENTICAL
    return Verdict.INPUTS_CHANGED if changed else Verdict.DETERMINISM_VIOLATION


def engine_changes(before: Engine, now: Engine) -> tuple[ChangedInput, ...]:
    """Components and fonts that are others now."""
    return (
        *_differences("engine", dict(before.components), dict(now.components)),
        *_differences("font", dict(before.fonts), dict(now.fonts)),
    )


def pack_changes(before: Iterable[Pack], now: Iterable[Pack], catalogue: TemplateCatalogue) -> tuple[ChangedInput, ...]:
    """Packs that are others now, each followed by the files that make the difference, where both contents are installed."""
    then_by_name, now_by_name = _by_name(before), _by_name(now)
    changes: list[ChangedInput] = []
    for name in sorted(then_by_name.keys() | now_by_name.keys()):
        ours, theirs = then_by_name.get(name, ()), now_by_name.get(name, ())
        if ours != theirs:
            changes.append(ChangedInput(f"pack.{name}", ", ".join(ours), ", ".join(theirs)))
            changes += _file_changes(name, ours, theirs, catalogue)
    return tuple(changes)


def _by_name(packs: Iterable[Pack]) -> dict[str, tuple[str, ...]]:
    """`version digest` of each pack in use; a bundle may use two versions of one."""
    found: dict[str, set[str]] = {}
    for name, version, pack_digest in packs:
        found.setdefault(name, set()).add(f"{version} {pack_digest}")
    return {name: tuple(sorted(versions)) for name, versions in found.items()}


def _file_changes(
    name: str, before: Sequence[str], now: Sequence[str], catalogue: TemplateCatalogue
) -> list[ChangedInput]:
    installed = {f"{pack.version} {pack.digest}": pack.file_digests for pack in catalogue.packs() if pack.name == name}
    if len(before) != 1 or len(now) != 1 or before[0] not in installed or now[0] not in installed:
        return []
    return _differences(f"pack.{name}", installed[before[0]], installed[now[0]], joint="/")


def _differences(kind: str, before: Mapping[str, str], now: Mapping[str, str], joint: str = ".") -> list[ChangedInput]:
    return [
        ChangedInput(f"{kind}{joint}{name}", before.get(name, ""), now.get(name, ""))
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]


def _artefact_changes(before: Manifest, now: Manifest) -> tuple[ArtefactChange, ...]:
    ours, theirs = ({a.name: a for a in manifest.artefacts} for manifest in (before, now))
    names = sorted(ours.keys() | theirs.keys())
    return tuple(_artefact_change(name, ours.get(name), theirs.get(name)) for name in names)


def _artefact_change(name: str, before: ArtefactEntry | None, now: ArtefactEntry | None) -> ArtefactChange:
    if before is None or now is None:
        change = Change.ONLY_NOW if before is None else Change.ONLY_BEFORE
    elif before.status is not now.status:
        change = Change.OMITTED
    else:
        change = Change.EQUAL if before.sha256 == now.sha256 else Change.CHANGED
    return ArtefactChange(name, change, before, now)


def _seed_changes(before: Evidence, now: Evidence) -> list[ChangedInput]:
    """The seed in force is the spec's digest where none was asked for, so it changes with the request; that is told only where
    something was made from it."""
    ours, theirs = before.manifest, now.manifest
    derived = all(manifest.seed == manifest.spec_digest for manifest in (ours, theirs))
    seeded = ours.generators or theirs.generators
    if ours.seed == theirs.seed or (derived and not seeded):
        return []
    return [ChangedInput("seed", _cut(ours.seed), _cut(theirs.seed))]


# --- the request ----------------------------------------------------------------------------------------------------------


def _request_changes(before: Evidence, now: Evidence) -> list[ChangedInput]:
    """Fields of the request that differ, FIELDS_MAX of them at most; without both specs only that they do."""
    if before.manifest.spec_digest == now.manifest.spec_digest:
        return []
    if before.spec is None or now.spec is None:
        return [ChangedInput("request", before.manifest.spec_digest, now.manifest.spec_digest)]
    found = list(_changes("request", _as_asked(before.spec), _as_asked(now.spec)))
    shown = [ChangedInput(path, _shown(ours), _shown(theirs)) for path, ours, theirs in found[:FIELDS_MAX]]
    if len(found) > FIELDS_MAX:
        shown.append(ChangedInput(f"request (and {len(found) - FIELDS_MAX} more fields)", "", ""))
    return shown


_ABSENT: Any = object()


def _as_asked(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec without what is told elsewhere (versions, digests, the seed) and what is a default, with its documents by name."""
    asked = {key: value for key, value in spec.items() if value and key not in ("schema", "seed")}
    asked["documents"] = {document["name"]: _document_as_asked(document) for document in spec["documents"]}
    if generate := spec.get("generate"):
        asked["generate"] = {key: value for key, value in generate.items() if key != "version"}
    return asked


def _document_as_asked(document: Mapping[str, Any]) -> dict[str, Any]:
    asked = {key: value for key, value in document.items() if value and key != "name"}
    for key in ("template", "fallback"):
        if pin := document.get(key):
            asked[key] = pin.partition("@")[0] if isinstance(pin, str) else f"{pin['pack']}/{pin['template']}"
    return asked


def _changes(path: str, before: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    """Path, value then and value now of every difference below `path`."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in sorted(before.keys() | now.keys()):
            yield from _changes(_member(path, key), before.get(key, _ABSENT), now.get(key, _ABSENT))
    elif isinstance(before, list) and isinstance(now, list):
        for index in range(max(len(before), len(now))):
            ours, theirs = (items[index] if index < len(items) else _ABSENT for items in (before, now))
            yield from _changes(f"{path}[{index}]", ours, theirs)
    elif before is _ABSENT or now is _ABSENT or type(before) is not type(now) or before != now:
        yield path, before, now


def _member(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{canonical_json(key).decode()}]"


def _shown(value: Any) -> str:
    return "" if value is _ABSENT else _cut(canonical_json(value).decode())


def _cut(text: str) -> str:
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[: VALUE_CHARACTERS_MAX - 1] + "…"
