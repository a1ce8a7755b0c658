"""The three inputs every template gets, whatever its engine: `data`, `world` and `labels`.

All pass through canonical JSON first. Two specs with one digest may differ in the order of keys and in `1.0` against `1`;
after canonicalisation no engine can see that difference, so it cannot reach the bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from docugen_core.domain.identity import canonical_json
from docugen_core.domain.json import JsonObject
from docugen_core.errors import RenderFailed
from docugen_core.rendering.locale import world_facts
from docugen_core.rendering.task import RenderTask
from docugen_core.rendering.world import World


def template_inputs(task: RenderTask) -> dict[str, bytes]:
    """`data`, `world` and `labels` as canonical JSON bytes. Raises RenderFailed for numbers JSON cannot carry."""
    labels = task.pack.labels_for(str(world_facts(task.world)["language"]))
    return {
        "data": _canonical("data", task.data),
        "world": _world_json(task.world),
        "labels": canonical_json(labels),
    }


def template_context(task: RenderTask) -> dict[str, Any]:
    """The same as Python values."""
    return {name: json.loads(data) for name, data in template_inputs(task).items()}


@lru_cache(maxsize=32)
def _world_json(world: World) -> bytes:
    return canonical_json(world_facts(world))


def specimen_mark(labels: Mapping[str, Any]) -> str:
    """What a document of no value says on its face: the pack's own words if they hold the word SPECIMEN, else that word."""
    words = labels.get("specimen")
    return words if isinstance(words, str) and "SPECIMEN" in words else "SPECIMEN"


def _canonical(name: str, value: JsonObject) -> bytes:
    try:
        return canonical_json(value)
    except ValueError as error:
        hint = "Write amounts as decimal texts or whole minor units; whole numbers stay within +-(2**53 - 1)."
        raise RenderFailed(f"the document's {name} has no canonical JSON form: {error}", hint=hint) from None
