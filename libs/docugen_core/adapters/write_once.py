"""A folder tree on a local disk in which files appear once: whole, durable, and never changed afterwards.

How a file appears. Its bytes go to a temporary file in `staging/`, are fsynced, and get their name by link(2), which is
atomic and fails if the name is taken: of any number of writers the first wins and all others see its file. Then the folder
is fsynced, by losers too: they report the winner's file as durable, and the winner may have died before its own fsync.

Rules: no symbolic link is followed, and a root that has vanished is an error (`store_folders`). There is no clock in here: the
age of a file is measured against the mtime of a file made now, so that a file server's clock is the only one.

Everything blocks; callers use threads. Raises OSError; callers translate it once. Any number of threads and processes may
use one tree. It knows nothing of digests, runs or manifests: that is `local_files`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from docugen_core.adapters.store_folders import Place, StoreFolders, safe_name

STAGING = "staging"
LOCK = ".lock"
STAGING_NAMES_TRIED = 100

# O_NONBLOCK: opening a planted FIFO would otherwise wait for its writer for ever.
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class WriteOnceTree:
    """The tree below `root`. Makes the root, `staging/` and `folders` when they do not exist. root: absolute, resolved once."""

    def __init__(self, root: Path, folders: Sequence[str]) -> None:
        self._folders = StoreFolders(root)
        self.root = self._folders.root
        for folder in (STAGING, *folders):
            with self._folders.open((folder,), make=True):
                pass

    def create(self, place: Place, data: bytes) -> bool:
        """Make the file `place` with `data`, durably; False if it existed (it is left as it is, and is durable too)."""
        with self._folders.open(place[:-1], make=True) as folder, self._staged(data) as (staging, temporary):
            try:
                os.link(temporary, place[-1], src_dir_fd=staging, dst_dir_fd=folder, follow_symlinks=False)
                created = True
            except FileExistsError:
                created = False
            os.fsync(folder)
        return created

    def replace(self, place: Place, data: bytes) -> None:
        """Put `data` in the place of a damaged file, atomically: readers see the old bytes or the new ones."""
        with self._folders.open(place[:-1]) as folder, self._staged(data) as (staging, temporary):
            os.rename(temporary, place[-1], src_dir_fd=staging, dst_dir_fd=folder)
            os.fsync(folder)

    def note(self, place: Place, data: bytes) -> None:
        """Put a small file in the place of any older one, at once and not durably: a power failure may lose or tear it.

        For hints alone, which their readers check: it costs no fsync, the one exception to the rules above.
        """
        with (
            self._folders.open(place[:-1], make=True) as folder,
            self._staged(data, durable=False) as (staging, temporary),
        ):
            os.rename(temporary, place[-1], src_dir_fd=staging, dst_dir_fd=folder)

    def thin(self, folder: Place, count_max: int) -> int:
        """Remove the oldest files in `folder` until there are `count_max`; returns how many. For hints alone."""
        with self._folders.open(folder, make=True) as fd:
            names = _entries(fd)
            if len(names) <= count_max:
                return 0
            ages: list[tuple[float, str]] = []
            for name in names:
                with suppress(FileNotFoundError):  # another process thins it too
                    ages.append((_mtime(name, fd), name))
            surplus = sorted(ages)[: len(names) - count_max]
            for _, name in surplus:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=fd)
        return len(surplus)

    def link(self, source: Place, target: Place) -> bool:
        """Give the file `source` a second name; False if `target` exists and is another file. Durable after `sync`.

        Where the file system allows no further name (ext4: 65 000 a file), the target becomes a copy.
        """
        with (
            self._folders.open(source[:-1]) as source_folder,
            self._folders.open(target[:-1], make=True) as target_folder,
        ):
            wanted = _regular_file(source[-1], source_folder)
            try:
                os.link(
                    source[-1],
                    target[-1],
                    src_dir_fd=source_folder,
                    dst_dir_fd=target_folder,
                    follow_symlinks=False,
                )
            except FileExistsError:
                there = os.stat(target[-1], dir_fd=target_folder, follow_symlinks=False)
                return os.path.samestat(there, wanted)
            except OSError as error:
                if error.errno != errno.EMLINK:
                    raise
                data = self.read(source)
                return data is not None and self.create(target, data)
        return True

    def sync(self, folder: Place) -> None:
        """Make the names in `folder` durable; the folder is made when it does not exist."""
        with self._folders.open(folder, make=True) as fd:
            os.fsync(fd)

    def read(self, place: Place, offset: int = 0, limit: int = -1) -> bytes | None:
        """Bytes of the file from `offset`, `limit` at most (-1: to the end); None if there is no such file."""
        try:
            with self._folders.open(place[:-1]) as folder:
                fd = os.open(place[-1], _READ_FLAGS, dir_fd=folder)
        except FileNotFoundError:
            return None
        try:
            size = _refuse_unless_regular(os.fstat(fd)).st_size
            return _read(fd, offset, size - offset if limit < 0 else min(limit, size - offset))
        finally:
            os.close(fd)

    def size(self, place: Place) -> int | None:
        """Size of the file in bytes; None if there is no such file."""
        try:
            with self._folders.open(place[:-1]) as folder:
                return _regular_file(place[-1], folder).st_size
        except FileNotFoundError:
            return None

    def names(self, folder: Place) -> list[str]:
        """Names of the files in `folder`, sorted; hidden ones left out."""
        with self._folders.open(folder) as fd:
            return sorted(name for name in _entries(fd) if not name.startswith("."))

    def touch(self, place: Place) -> bool:
        """Let the file's age begin anew, not durably; False if there is no such file."""
        try:
            with self._folders.open(place[:-1]) as folder:
                os.utime(safe_name(place[-1]), dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def entries(self, folder: Place) -> list[tuple[str, int, int]]:
        """Name, size and age (its time in ms) of the files in `folder`, without hidden ones."""
        found: list[tuple[str, int, int]] = []
        with self._folders.open(folder) as fd:
            for name in _entries(fd):
                with suppress(FileNotFoundError):  # another process removes it
                    there = os.stat(name, dir_fd=fd, follow_symlinks=False)
                    if stat.S_ISREG(there.st_mode) and not name.startswith("."):
                        found.append((name, there.st_size, there.st_mtime_ns // 1_000_000))
        return found

    def remove_older(self, place: Place, before_ms: int) -> bool:
        """Remove a file that was neither written nor touched since `before_ms`. Whether it was removed."""
        try:
            with self._folders.open(place[:-1]) as folder:
                there = os.stat(safe_name(place[-1]), dir_fd=folder, follow_symlinks=False)
                if there.st_mtime_ns >= before_ms * 1_000_000:
                    return False
                os.unlink(place[-1], dir_fd=folder)
        except FileNotFoundError:
            return False
        return True

    def remove(self, place: Place) -> None:
        """Remove a file, durably; one that is not there is no error."""
        try:
            with self._folders.open(place[:-1]) as folder, suppress(FileNotFoundError):
                os.unlink(safe_name(place[-1]), dir_fd=folder)
                os.fsync(folder)
        except FileNotFoundError:
            return

    def remove_folder(self, place: Place) -> None:
        """Remove a folder and the files in it, durably; one that is not there is no error.

        One in which somebody makes files meanwhile stays, with these files.
        """
        try:
            with self._folders.open(place) as folder:
                for name in _entries(folder):
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            return
        self._folders.forget(place)
        with self._folders.open(place[:-1]) as parent:
            with suppress(FileNotFoundError, OSError):
                os.rmdir(safe_name(place[-1]), dir_fd=parent)
            os.fsync(parent)

    def move_aside(self, place: Place, to: Place, is_intact: Callable[[bytes], bool]) -> bool:
        """Move the file away to `to` if it is damaged still; False if it is intact or gone.

        Asked again under a lock shared by all processes: two that saw the same damage must not, one after the other, move
        away first the damaged file and then the good one that has meanwhile been put back.
        """
        with self._folders.open(to[:-1], make=True) as aside, _locked(aside):
            data = self.read(place)
            if data is None or is_intact(data):
                return False
            with self._folders.open(place[:-1]) as folder:
                os.rename(place[-1], to[-1], src_dir_fd=folder, dst_dir_fd=aside)
                os.fsync(folder)
        return True

    def sweep(self, *, older_than_s: int, count_max: int) -> int:
        """Remove temporary files that dead processes left behind, `count_max` at most; returns how many."""
        removed = 0
        with self._staged(b"") as (staging, temporary):
            now = os.stat(temporary, dir_fd=staging, follow_symlinks=False).st_mtime
            for name in _entries(staging):
                with suppress(FileNotFoundError):  # its owner, or another process that sweeps, was faster
                    if removed < count_max and now - _mtime(name, staging) > older_than_s:
                        os.unlink(name, dir_fd=staging)
                        removed += 1
        return removed

    @contextmanager
    def _staged(self, data: bytes, *, durable: bool = True) -> Iterator[tuple[int, str]]:
        """A temporary file with `data`, synced if `durable`: (folder, name). Gone afterwards, unless this process is killed."""
        with self._folders.open((STAGING,)) as staging:
            name, fd = _new_file(staging)
            try:
                try:
                    left = memoryview(data)
                    while left:
                        left = left[os.write(fd, left) :]
                    if durable:
                        os.fsync(fd)
                finally:
                    os.close(fd)
                yield staging, name
            finally:
                with suppress(FileNotFoundError):  # `replace` has renamed it
                    os.unlink(name, dir_fd=staging)


def _new_file(staging: int) -> tuple[str, int]:
    # The name need not be secret or unique beforehand: O_EXCL decides, also between containers that are all process 1.
    for _ in range(STAGING_NAMES_TRIED):
        name = f"{os.getpid()}-{time.monotonic_ns()}"
        with suppress(FileExistsError):
            return name, os.open(name, _NEW_FLAGS, mode=0o640, dir_fd=staging)
    raise OSError(errno.EEXIST, "no free name for a temporary file")


def _regular_file(name: str, folder: int) -> os.stat_result:
    return _refuse_unless_regular(os.stat(safe_name(name), dir_fd=folder, follow_symlinks=False))


def _refuse_unless_regular(found: os.stat_result) -> os.stat_result:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.ELOOP, "a symbolic link or special file stands where the store keeps a file")
    return found


def _read(fd: int, offset: int, length: int) -> bytes:
    pieces = []
    while length > 0 and (piece := os.pread(fd, length, offset)):
        pieces.append(piece)
        offset += len(piece)
        length -= len(piece)
    return b"".join(pieces)


def _entries(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _mtime(name: str, folder: int) -> float:
    return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime


@contextmanager
def _locked(folder: int) -> Iterator[None]:
    fd = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode=0o640, dir_fd=folder)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
