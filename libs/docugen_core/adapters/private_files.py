"""Files that hold secrets or decide who may do what: read whole, and only where nobody else can have changed or seen them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from docugen_core.errors import ConfigurationError

BYTES_MAX = 4 << 20

Signature = tuple[int, ...]


def read_file(path: str, setting: str, *, private: bool) -> bytes:
    """The bytes of the file that the setting names, looked at and read through one descriptor.

    private: refuse a file that its group may write, or that others may read or write (0640 at most, as secrets of an
    orchestrator are mounted for a group). Raises ConfigurationError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or "cannot be opened"
        raise unusable(setting, path, why, "Name a file that this user may read.") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise unusable(setting, path, "is no file", "Name the file itself.")
        if private and found.st_mode & 0o027:
            mode = stat.S_IMODE(found.st_mode)
            raise unusable(setting, path, f"others may read or change it (mode {mode:04o})", f"Run `chmod 600 {path}`.")
        data = os.read(descriptor, BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if len(data) > BYTES_MAX:
        raise unusable(setting, path, f"has more than {BYTES_MAX} bytes", "Name the right file.")
    return data


def signature(path: str) -> Signature:
    """Changes whenever the file does, also by a link that is turned to another one; empty where there is none."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode)


def unusable(setting: str, path: str, why: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"{setting}={path!r}: {why}", hint=remedy)
