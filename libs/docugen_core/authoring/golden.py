"""The recorded output of a pack, and why today's differs from it.

    packs/repair-slip/                    the pack: its digest covers every file in here
    packs/repair-slip.tests/golden.json   beside it, so that recording does not change the pack
    packs/repair-slip.tests/slip/*.json   more data for the template `slip`, one case each

A case is one template, one sample, one language of the labels, one format: `slip/sample/en.pdf`. Recorded are digests: of what
came out, and of everything that went in (the pack's files, the data, the engine, the fonts). Rendering is a pure function, so
an output that differs has an input that does, and it is named; none is a broken promise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docugen_core.authoring.trials import locales_of, trial_world
from docugen_core.domain.identity import canonical_json, content_digest
from docugen_core.domain.json import JsonObject
from docugen_core.domain.manifest import Engine
from docugen_core.errors import ConfigurationError
from docugen_core.rendering.packs import TemplatePack
from docugen_core.rendering.task import RenderTask

GOLDEN_SCHEMA = "docugen.golden/v1"
GOLDEN_FILE = "golden.json"
CASES_MAX = 1_000
SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class GoldenCase:
    """One render to hold. name: `template/sample/locale.format`."""

    name: str
    task: RenderTask


@dataclass(frozen=True, slots=True)
class Golden:
    """What was recorded. files, components, fonts: digest or version by name. outputs: (data digest, output digest) by case."""

    files: Mapping[str, str]
    components: Mapping[str, str]
    fonts: Mapping[str, str]
    outputs: Mapping[str, tuple[str, str]]


def golden_folder(pack_folder: Path) -> Path:
    """Where the golden file and further samples of a pack are."""
    resolved = pack_folder.resolve()
    return resolved.parent / f"{resolved.name}.tests"


def golden_cases(pack: TemplatePack, folder: Path) -> tuple[GoldenCase, ...]:
    """Every case, sorted by name. folder: `golden_folder`.

    Raises ConfigurationError for a sample that is no JSON object, for a template the pack does not have, and for too many.
    """
    cases = []
    for name, template in sorted(pack.templates.items()):
        samples = {SAMPLE: template.sample, **_more_samples(folder / name)}
        for sample, data in samples.items():
            for locale in locales_of(pack):
                for format_ in template.formats:
                    case = f"{name}/{sample}/{locale}.{format_.value}"
                    world = trial_world(locale)
                    cases.append(GoldenCase(case, RenderTask(case, format_, pack, name, data, world)))
    strangers = sorted(p.name for p in folder.glob("*") if p.is_dir() and p.name not in pack.templates)
    if strangers:
        known = ", ".join(sorted(pack.templates))
        raise ConfigurationError(
            f"{folder / strangers[0]}: the pack has no such template", hint=f"It has: {known}.", code="GOLDEN_UNUSABLE"
        )
    if len(cases) > CASES_MAX:
        raise ConfigurationError(f"{len(cases)} cases, at most {CASES_MAX} are allowed", code="GOLDEN_UNUSABLE")
    return tuple(sorted(cases, key=lambda case: case.name))


def read_golden(folder: Path) -> Golden | None:
    """What `folder` has recorded, or None where nothing is. Raises ConfigurationError (GOLDEN_UNUSABLE)."""
    path = folder / GOLDEN_FILE
    if not path.is_file():
        return None
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if raw["schema"] != GOLDEN_SCHEMA:
            raise ValueError("another schema")
        outputs = {name: (case["data"], case["output"]) for name, case in raw["cases"].items()}
        return Golden(raw["files"], raw["engine"]["components"], raw["engine"]["fonts"], outputs)
    except (ValueError, KeyError, TypeError, AttributeError):
        hint = "Remove it and record anew with --update."
        raise ConfigurationError(f"{path} is no golden file", hint=hint, code="GOLDEN_UNUSABLE") from None


def write_golden(folder: Path, pack: TemplatePack, golden: Golden) -> Path:
    """Record `golden` as JSON that reads well in a diff; returns its path."""
    document = {
        "schema": GOLDEN_SCHEMA,
        "pack": f"{pack.name}@{pack.version}",
        "engine": {"components": dict(golden.components), "fonts": dict(golden.fonts)},
        "files": dict(golden.files),
        "cases": {name: {"data": data, "output": output} for name, (data, output) in golden.outputs.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / GOLDEN_FILE
    path.write_text(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def golden_of(
    pack: TemplatePack, engine: Engine, cases: tuple[GoldenCase, ...], outputs: Mapping[str, bytes]
) -> Golden:
    """What to record of these outputs, by case name."""
    return Golden(
        files=pack.file_digests,
        components=dict(engine.components),
        fonts=dict(engine.fonts),
        outputs={
            case.name: (content_digest(canonical_json(case.task.data)), content_digest(outputs[case.name]))
            for case in cases
        },
    )


def causes(name: str, then: Golden, now: Golden) -> tuple[str, ...]:
    """What changed among the inputs of case `name`, one a line: `template: slip.typ`, `engine: typst 0.15.1 -> 0.15.2`."""
    found = [f"template: {path}{_how(then.files, now.files, path)}" for path in _changed(then.files, now.files)]
    if then.outputs[name][0] != now.outputs[name][0]:
        found.append("data: the sample has other values")
    for component in _changed(then.components, now.components):
        versions = (_short(side.get(component, "nothing")) for side in (then.components, now.components))
        found.append(f"engine: {component} {' -> '.join(versions)}")
    found += [f"font: {font}{_how(then.fonts, now.fonts, font)}" for font in _changed(then.fonts, now.fonts)]
    return tuple(found) or ("nothing that it depends on: the promise of equal bytes is broken, please report it",)


def _more_samples(folder: Path) -> dict[str, JsonObject]:
    samples: dict[str, JsonObject] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ConfigurationError(f"{path} is not JSON: {error}", code="GOLDEN_UNUSABLE") from None
        if not isinstance(value, dict) or path.stem == SAMPLE:
            problem = (
                "must be a JSON object" if path.stem != SAMPLE else f"the name {SAMPLE!r} is the pack's own sample"
            )
            raise ConfigurationError(f"{path}: {problem}", code="GOLDEN_UNUSABLE")
        samples[path.stem] = value
    return samples


def _changed(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))


def _how(then: Mapping[str, str], now: Mapping[str, str], name: str) -> str:
    return "" if name in then and name in now else " is new" if name in now else " is gone"


def _short(version: str) -> str:
    """A digest in a version's place is cut to what people compare."""
    return version[:12] if len(version) == 64 else version
