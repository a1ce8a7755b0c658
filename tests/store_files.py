"""A local store seen from outside: a run published into it, its files by their places, and one of them damaged."""

from __future__ import annotations

from pathlib import Path

from bundle_examples import LETTERS, manifest_of
from docugen_core.adapters.local_store import LocalStore
from docugen_core.domain.identity import content_digest

LETTER = LETTERS["letter.txt"]
LETTER_SHA = content_digest(LETTER)


async def publish(store: LocalStore, run_id: str = "run-1") -> bytes:
    """The manifest of LETTERS, published with its blobs."""
    for data in LETTERS.values():
        await store.put_blob(data)
    return await store.publish(run_id, manifest_of(LETTERS))


def files(root: Path) -> dict[str, bytes]:
    """Every file of the store by its place, lock files left out."""
    found = (p for p in root.rglob("*") if p.is_file() and p.name != ".lock")
    return {str(p.relative_to(root)): p.read_bytes() for p in found}


def blob(root: Path, sha256: str = LETTER_SHA) -> Path:
    return root / "blobs" / sha256[:2] / sha256


def damage(path: Path, data: bytes) -> None:
    """`data` in the place of what the file held, whatever its mode was."""
    path.chmod(0o640)
    path.write_bytes(data)
