"""What the local store does with its files, step by step. Everything blocks; `local_store` calls it from threads.

Publication takes no lock and needs no fence: each step makes files that cannot be overwritten and follows from the one
before, so any attempt, a successor after a crash or a zombie, can only redo what is there. Any number of processes may
share one store.

Blobs and specs are sealed: their name is the digest of their bytes. A sealed file that does not match its name is treated as
absent and moved to `quarantine/`; rendering the bundle again puts the same bytes back, because rendering is deterministic.

How a file appears whole and durably is `write_once`, where it lies is `store_layout`. Errors are those of the store
(`store_errors`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docugen_core.adapters import store_layout as layout
from docugen_core.adapters.store_errors import missing_blob, readable_manifest, storage_errors
from docugen_core.adapters.store_layout import Place
from docugen_core.adapters.write_once import WriteOnceTree
from docugen_core.domain.identity import content_digest
from docugen_core.domain.manifest import ArtefactEntry, ArtefactStatus, Manifest
from docugen_core.errors import ConfigurationError

STAGING_AGE_S_MAX = 24 * 3_600
SWEPT_MAX = 10_000

NOTE_FOLDERS = 256
THINNED_TO = 0.9
"""Part of the bound that is left when a folder of notes is full."""

_FOLDERS = ("blobs", "specs", "claims", "artefacts", "manifests", "signatures", "documents", "quarantine")


class LocalFiles:
    """The files below `root`, which is made if need be; leftovers of dead processes are swept. notes_max: notes that are kept.

    Raises ConfigurationError when the folder cannot be used. Any number of threads may use it at once.
    """

    def __init__(self, root: Path, *, notes_max: int) -> None:
        self._notes_a_folder = max(1, notes_max // NOTE_FOLDERS)
        try:
            self._tree = WriteOnceTree(root, _FOLDERS)
            self._tree.sweep(older_than_s=STAGING_AGE_S_MAX, count_max=SWEPT_MAX)
        except OSError as error:
            raise ConfigurationError(
                f"the artefact store {str(root)!r} cannot be used: {error.strerror}",
                hint="Make the folder writable for this user, or name another one in DOCUGEN_STORE_URL.",
            ) from error

    @property
    def root(self) -> Path:
        """The folder, absolute."""
        return self._tree.root

    def read(self, place: Place) -> bytes | None:
        """The file's bytes as they stand; None where there is none."""
        with storage_errors("/".join(place[:-1])):
            return self._tree.read(place)

    def size(self, place: Place) -> int | None:
        """Its size in bytes; None where there is none."""
        with storage_errors("/".join(place[:-1])):
            return self._tree.size(place)

    def names(self, folder: str) -> list[str]:
        """Names of the files and folders in `folder`, sorted."""
        with storage_errors(folder):
            return self._tree.names((folder,))

    def entries(self, folder: Place) -> list[tuple[str, int, int]]:
        """Names, sizes in bytes and times of change in ms, of the files in `folder`."""
        with storage_errors("/".join(folder)):
            return self._tree.entries(folder)

    def read_sealed(self, place: Place, seal: Callable[[bytes], str]) -> bytes | None:
        """The file's bytes if they match its name. Otherwise it is moved to `quarantine/` and counts as absent."""
        digest = place[-1].removesuffix(".json")
        with storage_errors("/".join(place[:-1])):
            data = self._tree.read(place)
            if data is None or seal(data) == digest:
                return data
            self._tree.move_aside(place, ("quarantine", place[-1]), lambda now: seal(now) == digest)
        return None

    def read_blob(self, sha256: str, offset: int, limit: int) -> bytes | None:
        """Bytes of a blob; whole, and only then, they are checked. None where it is missing or damaged."""
        place = layout.blob(sha256)
        with storage_errors("/".join(place[:-1])):
            size = self._tree.size(place)
            if size is None or (offset == 0 and (limit == -1 or limit >= size)):
                return self.read_sealed(place, content_digest)
            return self._tree.read(place, offset, limit)

    def put_sealed(self, place: Place, data: bytes, seal: Callable[[bytes], str]) -> None:
        """Put `data` there, whose name is its `seal`. A damaged file of that name is replaced."""
        with storage_errors("/".join(place[:-1])):
            if self.read_sealed(place, seal) is None:
                self._tree.create(place, data)
            else:
                self._tree.touch(place)  # its attempt relies on it: no sweep takes it meanwhile
                self._tree.sync(place[:-1])

    def put_signature(self, place: Place, signature: bytes) -> None:
        """Put the signature there; another one is replaced."""
        with storage_errors("signatures"):
            present = self._tree.read(place)
            if present is None:
                self._tree.create(place, signature)
            elif present != signature:
                self._tree.replace(place, signature)
            else:
                self._tree.touch(place)
                self._tree.sync(place[:-1])

    def write_note(self, document_digest: str, note: bytes) -> None:
        """Write a note of the document cache; when its folder is full, the oldest ones go."""
        place = layout.note(document_digest)
        with storage_errors("documents"):
            self._tree.note(place, note)
            # Counting takes a listing, so it is done for one digest in 64: a folder exceeds its bound by some dozens at most.
            if int(document_digest[-2:], 16) % 64 == 0 and self._tree.thin(place[:-1], self._notes_a_folder):
                self._tree.thin(place[:-1], int(self._notes_a_folder * THINNED_TO))

    def touch(self, place: Place) -> bool:
        """Make the file young again, so that no sweep takes it; False where it is missing."""
        with storage_errors("/".join(place[:-1])):
            return self._tree.touch(place)

    def publish(self, run_id: str, manifest: bytes) -> bytes:
        """Claim, artefacts of the winning claim, its signature, manifest. See `LocalStore.publish`."""
        # A manifest outranks a claim: should an operator have restored the manifests alone, they still stand.
        winner = self.read(layout.manifest(run_id))
        if winner is None:
            with storage_errors("claims"):
                self._tree.create(layout.claim(run_id), manifest)
            winner = self.read(layout.claim(run_id))
        self._show_artefacts(run_id, readable_manifest(run_id, winner))
        self._show_signature(run_id, winner or b"")
        with storage_errors("manifests"):
            self._tree.create(layout.manifest(run_id), winner or b"")
        return self.read(layout.manifest(run_id)) or b""

    def _show_artefacts(self, run_id: str, manifest: Manifest) -> None:
        for entry in manifest.artefacts:
            if entry.status is ArtefactStatus.RENDERED:
                self._show_artefact(run_id, entry)
        # One fsync for all names, and before the manifest that promises them. The folder's own name too: another process may
        # have deleted the run's folder, and a third made it again and died.
        with storage_errors(f"artefacts/{run_id}"):
            self._tree.sync(("artefacts", run_id))
            self._tree.sync(("artefacts",))

    def _show_artefact(self, run_id: str, entry: ArtefactEntry) -> None:
        blob, target = layout.blob(entry.sha256), layout.artefact(run_id, entry.name)
        with storage_errors(f"artefacts/{run_id}"):
            if self._tree.size(blob) != entry.size:
                raise missing_blob(run_id, entry)
            if self._tree.link(blob, target):
                return
            # Another file has the name: the blob was damaged and restored since, or the link limit made it a copy.
            data = self.read_sealed(blob, content_digest)
            if data is None:
                raise missing_blob(run_id, entry)
            if self._tree.read(target) != data:
                self._tree.replace(target, data)

    def _show_signature(self, run_id: str, manifest: bytes) -> None:
        """Put the signature of the manifest that stands beside it, if there is one: durably, before the manifest is."""
        kept = layout.kept_signature(content_digest(manifest))
        with storage_errors("manifests"):
            if self._tree.size(kept) is not None:
                self._tree.link(kept, layout.signature(run_id))
                self._tree.sync(("manifests",))

    def withdraw(self, run_id: str) -> None:
        """Take away claim, artefacts and signature."""
        self.remove(layout.claim(run_id))
        with storage_errors(f"artefacts/{run_id}"):
            self._tree.remove_folder(("artefacts", run_id))
        self.remove(layout.signature(run_id))

    def remove(self, place: Place) -> None:
        """Take the file away. Safe to repeat."""
        with storage_errors("/".join(place[:-1])):
            self._tree.remove(place)

    def discard(self, place: Place, before_ms: int) -> bool:
        """Remove the file if it is older than `before_ms`; whether it was removed."""
        with storage_errors("/".join(place[:-1])):
            return self._tree.remove_older(place, before_ms)
