"""What keeps secrets and customers' data out of log lines, whatever the caller of the log passes.

    by name        fields that hold a secret or a document's data are masked, at any depth
    by form        passwords in URLs, signatures of presigned URLs, bearer tokens and private keys are masked in every text
    tracebacks     files, lines, functions and the kinds of errors; never their messages, arguments, notes or local variables:
                   a KeyError's message is a key of somebody's data
    libraries      the text they wrote, not what they filled into it

Masks by form are the second line: nothing of ours should log such a text. What they cannot know is a secret that looks like any
word; that is what names are for.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

MASK = "[redacted]"
FRAMES_MAX = 40
ERRORS_MAX = 20

_SECRET_PARTS = ("token", "secret", "password", "passwd", "authorization", "credential", "private_key", "signing_key")
_SECRET_NAMES = frozenset({"data", "data_json", "params", "params_json", "spec", "spec_json", "labels"})

_FORMS = (
    (re.compile(r"(?<=://)[^/@\s'\"]*@"), MASK + "@"),
    (
        re.compile(r"(?i)([?&;](?:[a-z0-9-]*(?:signature|credential|security-token)|sig|token|password)=)[^&;\s'\"]+"),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{6,}"), rf"\1 {MASK}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
)


@lru_cache(maxsize=1_024)
def is_secret(name: str) -> bool:
    """Whether a field of this name is masked: it names a secret, or holds a document's data."""
    lower = name.lower()
    return lower in _SECRET_NAMES or any(part in lower for part in _SECRET_PARTS)


def masked(fields: Mapping[str, Any]) -> MutableMapping[str, Any]:
    """`fields` with masks, by name and by form."""
    return {name: MASK if is_secret(str(name)) else _masked_value(value) for name, value in fields.items()}


def without_secrets(text: str) -> str:
    """`text` with masks, by form."""
    if not ("=" in text or " " in text or "://" in text):  # as most: words, ids and digests have none of the forms
        return text
    for form, mask in _FORMS:
        text = form.sub(mask, text)
    return text


def bare_traceback(error: BaseException) -> str:
    """The way to `error` and to what caused it, as Python prints it, without what any of them says."""
    return "\n".join(_traced(error, set()))


def _masked_value(value: Any) -> Any:
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, Mapping):
        return masked(value)
    if isinstance(value, list | tuple):
        return [_masked_value(item) for item in value]
    return value


def _traced(error: BaseException, seen: set[int]) -> Iterator[str]:
    if id(error) in seen or len(seen) >= ERRORS_MAX:
        return
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _traced(before, seen)
        yield "which led to" if error.__cause__ else "during which there was"
    frames = traceback.extract_tb(error.__traceback__)
    if len(frames) > FRAMES_MAX:
        yield f"  ({len(frames) - FRAMES_MAX} frames more)"
    for frame in frames[-FRAMES_MAX:]:
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
        if frame.line:
            yield f"    {frame.line}"
    kind = type(error)
    yield f"{kind.__module__}.{kind.__qualname__}" if kind.__module__ != "builtins" else kind.__qualname__
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _traced(one, seen)
