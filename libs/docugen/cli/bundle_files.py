"""Reading a bundle file: strict JSON from a path or from standard input, and what the command line lays over it.

What makes text unambiguous JSON is decided in `docugen_core.strict_json.reading`, the same for files and for requests. What
the fields mean is not looked at here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docugen_core.config import Settings
from docugen_core.domain.failure import Violation
from docugen_core.errors import InvalidRequest
from docugen_core.strict_json.reading import parse_json
from docugen_core.validation import ENVELOPE_DEPTH

from docugen.cli.failures import wrong_input

STDIN = "-"


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A parsed bundle. stem: the file's name without extension, `bundle` for standard input."""

    bundle: dict[str, Any]
    stem: str


def read_bundle(
    path: str, settings: Settings, *, seed: str | None = None, document_date: str | None = None
) -> BundleFile:
    """The bundle in the file `path`, with `seed` and `document_date` in place of its own where they are given.

    Raises CommandFailed when the file cannot be read, InvalidRequest when its text is no unambiguous JSON object; the
    message names file, line and column.
    """
    source = "standard input" if path == STDIN else path
    value = parse_json(
        _read(path, settings.max_request_bytes),
        source=source,
        bytes_max=settings.max_request_bytes,
        depth_max=settings.max_data_depth,
        envelope_depth=ENVELOPE_DEPTH,
    )
    if not isinstance(value, dict):
        violation = Violation("$", "must be an object", "a bundle begins with `{` and has the field `documents`")
        raise InvalidRequest(f"{source}: $: must be an object", violations=[violation], hint=violation.hint)
    given = {"seed": seed, "document_date": document_date}
    overrides = {name: text for name, text in given.items() if text is not None}
    return BundleFile({**value, **overrides}, "bundle" if path == STDIN else Path(path).stem)


def _read(path: str, bytes_max: int) -> bytes:
    """The text; one byte more than allowed at most, so that an endless stream ends here."""
    if path == STDIN:
        return sys.stdin.buffer.read(bytes_max + 1)
    try:
        with Path(path).open("rb") as file:
            return file.read(bytes_max + 1)
    except FileNotFoundError:
        raise wrong_input(
            f"{path}: no such file",
            reason="BUNDLE_NOT_FOUND",
            hint="Give the path of a bundle's JSON file, or - to read it from standard input.",
        ) from None
    except OSError as error:
        raise wrong_input(f"{path}: {error.strerror}", reason="BUNDLE_NOT_READABLE", hint="Check the path.") from None
