"""The folders of a store on a local disk: walked safely, made durably.

Every path is walked from the root one folder at a time with O_NOFOLLOW, so a symbolic link planted in the tree is refused
wherever it stands (the root itself may be one: that is the operator's choice). A root that has vanished is an error, never
remade: it may be a volume that is not mounted, and its mount point must not fill up in its place.

A folder that was made is durable when its parent was fsynced. Who made it may have died before that, so each process does it
once for a folder it has not used lately. Everything blocks and raises OSError. For any number of threads and processes.
"""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TypeAlias

Place: TypeAlias = tuple[str, ...]
"""Folders and a file name below the root."""

NAME_BYTES_MAX = 255
FOLDERS_REMEMBERED = 4_096
"""Far more than the lasting folders of a store, 256 each of blobs and notes: folders of single runs hardly push one out."""

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def is_safe_name(name: str) -> bool:
    """Whether `name` may be one segment of a path: no separator, no control character, no leading dot, 255 bytes at most."""
    if not name or name.startswith(".") or any(c in "/\\\x7f" or c < " " for c in name):
        return False
    try:
        return len(name.encode()) <= NAME_BYTES_MAX
    except UnicodeEncodeError:
        return False


def safe_name(name: str) -> str:
    """`name`, or ValueError. Defence in depth: callers have checked their ids and names, with a better message."""
    if not is_safe_name(name):
        raise ValueError(f"{name!r} cannot be a name in the store")
    return name


class StoreFolders:
    """The folders below `root`, which is made when it does not exist. root: absolute, resolved once."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.root = root.resolve()
        self._durable = _UsedLast(FOLDERS_REMEMBERED)

    @contextmanager
    def open(self, place: Place, *, make: bool = False) -> Iterator[int]:
        """The open folder `place`. With `make` it is made where it is not there, and its entry in its parent is durable. What
        was found durable before is taken to be so still, whoever may have made it anew since.

        Raises FileNotFoundError when it is not there and `make` is not given, OSError (ESTALE) when the root is gone.
        """
        try:
            fd = os.open(self.root, _FLAGS)
        except FileNotFoundError as error:
            raise OSError(errno.ESTALE, "the root of the store is gone") from error
        try:
            for depth in range(1, len(place) + 1):
                parent, fd = fd, self._step(place[:depth], fd, make=make)
                os.close(parent)
            yield fd
        finally:
            os.close(fd)

    def forget(self, place: Place) -> None:
        """That it is durable: it has been removed."""
        self._durable.discard(place)

    def _step(self, place: Place, parent: int, *, make: bool) -> int:
        """The folder `place`, opened from the one it is in."""
        name = safe_name(place[-1])
        if make and place not in self._durable:
            self._make(place, parent)
        try:
            return os.open(name, _FLAGS | os.O_NOFOLLOW, dir_fd=parent)
        except FileNotFoundError:
            if not make:
                raise
        self._make(place, parent)  # somebody else has removed it
        return os.open(name, _FLAGS | os.O_NOFOLLOW, dir_fd=parent)

    def _make(self, place: Place, parent: int) -> None:
        with suppress(FileExistsError):
            os.mkdir(place[-1], mode=0o750, dir_fd=parent)
        os.fsync(parent)
        self._durable.add(place)


class _UsedLast:
    """The places that were used last, `count_max` at most. For any number of threads."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._places: OrderedDict[Place, None] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, place: Place) -> bool:
        with self._lock:
            known = place in self._places
            if known:
                self._places.move_to_end(place)
            return known

    def add(self, place: Place) -> None:
        with self._lock:
            self._places[place] = None
            self._places.move_to_end(place)
            if len(self._places) > self._count_max:
                self._places.popitem(last=False)

    def discard(self, place: Place) -> None:
        with self._lock:
            self._places.pop(place, None)
