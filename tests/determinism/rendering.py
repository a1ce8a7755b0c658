"""`python -m determinism.rendering`: one process of the proof. JSON order on standard input, JSON lines out.

    first line     what the process sees of its surroundings: whoever started it checks that the condition reached it
    then           {"number", "manifest": SHA-256, "artefacts": {name: SHA-256}} for each bundle
    last line      {"facts": {...}}

Where `expected` has other digests of a bundle, the bytes that differ are left in the folder `keep`.
"""

from __future__ import annotations

import asyncio
import json
import locale
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from determinism.ways import WAYS, Made, Order
from docugen_core.domain.identity import content_digest
from docugen_core.domain.manifest import ArtefactStatus, Manifest
from docugen_core.rendering.engine import engine


def surroundings() -> dict[str, str]:
    """Everything that a condition may change, as this process finds it."""
    mask = os.umask(0o022)
    os.umask(mask)
    language = os.environ.get("LC_ALL", "")  # noqa: TID251 - what surrounds us is what we report
    try:
        locale.setlocale(locale.LC_ALL, "")
        language += f", decimal point {locale.localeconv()['decimal_point']}"
    except locale.Error:
        language += ", not installed"
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}",
        "hash seed": str(hash("docugen")),
        "zone": "/".join(time.tzname),
        "language": language,
        "year": str(time.gmtime().tm_year),
        "umask": f"{mask:03o}",
        "cpus": str(len(os.sched_getaffinity(0))),
        "home": str(Path.home()),
        "folder": str(Path.cwd()),
        "threads": os.environ.get("RAYON_NUM_THREADS", ""),  # noqa: TID251
        "engine": engine().fingerprint,
    }


async def main() -> None:
    """Serve the one order."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # services in this process log to standard output
    raw = json.load(sys.stdin)
    expected, keep = raw.pop("expected"), Path(raw.pop("keep"))
    order = Order(**raw | {"home": Path(raw["home"])})
    _say(answers, surroundings())
    async for made in WAYS[order.way](order):
        _say(answers, await _told(made, expected, keep))
    _say(answers, {"facts": dict(order.facts)})


async def _told(made: Made, expected: dict[str, Any], keep: Path) -> dict[str, Any]:
    number, manifest, read = made
    entries = Manifest.from_bytes(manifest).artefacts
    found = {e.name: e.sha256 for e in entries if e.status is ArtefactStatus.RENDERED}
    known = expected.get(str(number))
    different = {} if known is None else {n: sha256 for n, sha256 in found.items() if known.get(n) != sha256}
    for name, sha256 in different.items():
        folder = keep / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(await read(sha256))
    return {"number": number, "manifest": content_digest(manifest), "artefacts": found}


def _say(answers: TextIO, line: Mapping[str, Any]) -> None:
    answers.write(json.dumps(line) + "\n")
    answers.flush()


if __name__ == "__main__":
    asyncio.run(main())
