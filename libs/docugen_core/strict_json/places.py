"""Naming a place in JSON the way a reader would: `documents[2].data.lines[0].quantity`, `data["odd key"]`, `$` for the root.

A place is a tuple of keys and indexes; it becomes text only when it is shown. In here as well: in which order two places
stand in a request, so that a list of violations reads from top to bottom like the file it is about.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from docugen_core.domain.json import JsonValue

Place: TypeAlias = tuple[str | int, ...]

SHOWN_CHARS_MAX = 60
"""Longest key or value repeated in a message; a longer one says nothing more and floods logs."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,59}")


def field_path(place: Place) -> str:
    """`place` as text. The root is `$`; keys that are not identifiers are quoted, long ones shortened."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text = f"{text or '$'}[{part}]"
        elif _IDENTIFIER.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text = f"{text or '$'}[{quoted(shortened(part))}]"
    return text or "$"


def quoted(text: str) -> str:
    """`text` as a JSON string: readable where printable, escaped where it is not (controls, lone surrogates)."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in json.dumps(text, ensure_ascii=False))


def shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS_MAX else text[: SHOWN_CHARS_MAX - 1] + "…"


def value_at(value: JsonValue, place: Place) -> JsonValue:
    """What stands at `place`, or None where nothing does."""
    for part in place:
        if isinstance(part, str) and isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(part, int) and isinstance(value, Sequence) and not isinstance(value, str) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def request_order(value: JsonValue) -> Callable[[Place], tuple[int, ...]]:
    """A sort key for places in `value`: as written, from top to bottom; what is missing comes after what is there."""
    positions: dict[Place, dict[str, int]] = {}

    def key(place: Place) -> tuple[int, ...]:
        order: list[int] = []
        here = value
        for depth, part in enumerate(place):
            if isinstance(part, int):
                order.append(part)
            elif isinstance(here, Mapping):
                parent = place[:depth]
                if parent not in positions:
                    positions[parent] = {name: index for index, name in enumerate(here)}
                order.append(positions[parent].get(part, len(here)))
            here = value_at(here, (part,))
        return tuple(order)

    return key
