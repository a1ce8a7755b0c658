"""Files of the commands that appear or change in one step: whoever reads one, or kills the command, never meets half of it."""

from __future__ import annotations

import os
from pathlib import Path

PART = ".part"
"""Ends the name, which begins with a dot, of a file on its way. One that is left behind may be removed."""


def replace_file(target: Path, data: bytes, *, durable: bool = False) -> None:
    """Put `data` at `target`, whose folder exists. durable: it is on disk before it has its name. Raises OSError; whatever was
    there then stands."""
    part = target.with_name(f".{target.name}{PART}")
    try:
        with part.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
