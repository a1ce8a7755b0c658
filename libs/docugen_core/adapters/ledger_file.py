"""The file a run ledger lives in: locked for one process, checked, moved aside when damaged, given its tables.

Raises sqlite3.Error and OSError as they come; `sqlite_ledger` translates them. ConfigurationError is for what only an operator
can put right: another owner, a newer schema, another program's file.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from docugen_core.adapters.run_tables import SCHEMA, SCHEMA_VERSION
from docugen_core.errors import ConfigurationError

CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
CORRUPT_FILES_MAX = 100
BUSY_TIMEOUT_S = 5.0

log = structlog.get_logger()


def open_ledger_file(path: Path) -> sqlite3.Connection:
    """A connection to the ledger, checked and with its tables. A damaged file is moved aside and a new one begun.

    The connection is in autocommit mode (see `transaction`) and commits with synchronous=NORMAL.
    """
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        if result_code(error) not in CORRUPT:
            raise
        aside = _move_aside(path)
        log.warning(
            "run_ledger_moved_aside",
            reason=str(error),
            ledger=path.name,
            moved_to=aside.name,
            hint="Finished bundles are in the store. Submit again what was queued; remove the file when inspected.",
        )
        return _connect(path)


def lock_ledger(path: Path) -> int:
    """The ledger's lock: the open file `<name>.lock`; closing it gives the lock back. Raises ConfigurationError when taken.

    The file holds its owner's process id, for the message only.
    """
    fd = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode=0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
    except BlockingIOError as error:
        owner = os.pread(fd, 20, 0).decode("ascii", "replace") or "unknown"
        os.close(fd)
        raise ConfigurationError(
            f"the run ledger {str(path)!r} is in use by process {owner}",
            hint="One scheduler a ledger: stop the other one, or set another DOCUGEN_STORE_URL for this one.",
        ) from error
    except BaseException:
        os.close(fd)
        raise
    return fd


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK when the body raises."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk may have rolled it back already
            db.execute("ROLLBACK")
        raise


def result_code(error: sqlite3.Error) -> int:
    """The result code without its extension (https://www.sqlite.org/rescode.html); -1 for errors of Python's own."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF


def _connect(path: Path) -> sqlite3.Connection:
    """An open, checked and current ledger. The check reads the whole file: about a second for a gigabyte."""
    db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            damage = sqlite3.DatabaseError(verdict)
            damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise damage
        db.execute("PRAGMA synchronous = NORMAL")
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    with transaction(db):
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise ConfigurationError(
                f"the run ledger {str(path)!r} has schema {version}, this release reads up to {SCHEMA_VERSION}",
                hint="Run the newer release, or move the file away: finished bundles are in the store, not in it.",
            )
        if version == SCHEMA_VERSION:
            return
        if version > 0:
            raise ConfigurationError(
                f"the run ledger {str(path)!r} has schema {version}, from before the first release",
                hint="Move the file away: finished bundles are in the store, not in it.",
            )
        if db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
            raise ConfigurationError(
                f"{str(path)!r} is the database of another program, not a run ledger",
                hint="Move it away, or give the service another store folder.",
            )
        for statement in SCHEMA:
            db.execute(statement)


def _move_aside(path: Path) -> Path:
    for n in range(1, CORRUPT_FILES_MAX + 1):
        aside = path.with_name(f"{path.name}.corrupt-{n}")
        if not aside.exists():
            path.rename(aside)
            # Closing has normally removed these. What is left must not be taken for the log of the new file.
            for suffix in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
            return aside
    raise ConfigurationError(
        f"{CORRUPT_FILES_MAX} damaged run ledgers lie beside {str(path)!r}",
        hint=f"Check the disk, then remove the {path.name}.corrupt-* files.",
    )
