"""The ledger of runs in one SQLite file: the default where there is no Redis.

One thread, one connection. Every call is one transaction on that thread; callers await it, so there is never more waiting
than there are callers. WAL mode: readers such as the sqlite3 shell do not block it.

Durability. `insert` is the promise to the caller that the run will be done, so it commits with synchronous=FULL (WAL
fsynced). Updates commit with NORMAL: after a power cut the last ones may be missing, never torn, and the run is then found
unfinished and taken up again, which rendering the same bytes makes harmless. A crash of the process alone loses nothing.

The store's manifests outrank the ledger, so a damaged file is no disaster: it is moved aside as `<name>.corrupt-<n>`, with a
warning in the log, and a new one begins. Finished runs are then known by their manifests; unfinished ones are submitted
again by whoever misses them, as the same runs.

One process owns a ledger: two schedulers would both take up every unfinished run. An flock on `<name>.lock` refuses the
second at its start; the kernel drops it with the process, so there is no stale lock to remove.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

from docugen_core.adapters.ledger_file import CORRUPT, lock_ledger, open_ledger_file, result_code, transaction
from docugen_core.adapters.run_tables import DELETIONS, UNFINISHED, page_statement
from docugen_core.domain.run import BundleRun
from docugen_core.domain.run_filter import template_names
from docugen_core.domain.run_query import RunPage, RunQuery
from docugen_core.domain.run_record import decode_run, encode_run
from docugen_core.domain.tenant import tenant_of
from docugen_core.errors import ConfigurationError, Unavailable

_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_TOOBIG})
_CANNOT_GROW = frozenset({sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
"""Extended codes: what a quota or a file size limit looks like (SQLite says SQLITE_FULL for ENOSPC in a write only)."""

P = ParamSpec("P")
T = TypeVar("T")


class SqliteLedger:
    """`ports.RunLedger` in the file `path`; use as `async with`. The folder is made if need be.

    Entering raises ConfigurationError: the ledger belongs to a running process, to a newer release or to another program,
    or cannot be opened. Methods raise Unavailable (LEDGER_UNAVAILABLE, LEDGER_FULL, LEDGER_DAMAGED). A cancelled call may
    or may not have been carried out, whole; repeat it if in doubt: all are idempotent.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="run-ledger")
        self._opened = ExitStack()
        self._db: sqlite3.Connection

    async def __aenter__(self) -> SqliteLedger:
        try:
            await self._on_thread(self._open)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def insert(self, run: BundleRun, spec: bytes) -> BundleRun | None:
        """Record a new run and its spec, on disk when this returns; the known run, unchanged, if the id is taken."""
        return await self._on_thread(self._insert, run, spec)

    async def update(self, run: BundleRun) -> None:
        """Replace the record if `run` has a higher revision. An unknown run stays unknown."""
        await self._on_thread(self._update, run)

    async def get(self, run_id: str) -> BundleRun | None:
        """The run's record, None for an unknown one."""
        return await self._on_thread(self._get, run_id)

    async def spec(self, run_id: str) -> bytes | None:
        """The canonical spec that was inserted with the run."""
        return await self._on_thread(self._spec, run_id)

    async def list(self, query: RunQuery) -> RunPage:
        """The query's page, newest first. Raises InvalidRequest for a page token of another query."""
        return await self._on_thread(self._list, query)

    async def delete(self, run_id: str) -> bool:
        """Remove record and spec of a terminal run; False, and nothing is changed, for one that is not terminal."""
        return await self._on_thread(self._delete, run_id)

    async def unfinished(self) -> tuple[tuple[BundleRun, bytes], ...]:
        """Every run that is not in a terminal state, with its spec, oldest first."""
        return await self._on_thread(self._unfinished)

    async def _on_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def translated() -> T:
            with _ledger_errors():
                return work(*args, **kwargs)

        return await asyncio.wrap_future(self._thread.submit(translated))

    async def _close(self) -> None:
        # On the thread, so behind all that was asked for before, also by callers that were cancelled since.
        try:
            await asyncio.shield(self._on_thread(self._opened.close))
        finally:
            self._thread.shutdown(wait=True)

    # What follows blocks, and runs on the ledger's thread.

    def _insert(self, run: BundleRun, spec: bytes) -> BundleRun | None:
        self._db.execute("PRAGMA synchronous = FULL")
        with transaction(self._db):
            known = self._get(run.run_id)
            if known is None:
                self._db.execute(
                    "INSERT INTO runs (run_id, revision, state, create_time_ms, tenant, record) VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        run.run_id,
                        run.revision,
                        run.state.value,
                        run.create_time_ms,
                        tenant_of(run.run_id),
                        encode_run(run),
                    ),
                )
                self._db.execute("INSERT INTO specs (run_id, spec) VALUES (?, ?)", (run.run_id, spec))
                self._index(run)
        self._db.execute("PRAGMA synchronous = NORMAL")
        return known

    def _update(self, run: BundleRun) -> None:
        with transaction(self._db):
            changed = self._db.execute(
                "UPDATE runs SET revision = ?1, state = ?2, create_time_ms = ?3, record = ?4"
                " WHERE run_id = ?5 AND revision < ?1",
                (run.revision, run.state.value, run.create_time_ms, encode_run(run), run.run_id),
            )
            if changed.rowcount:
                self._db.execute("DELETE FROM labels WHERE run_id = ?", (run.run_id,))
                self._db.execute("DELETE FROM templates WHERE run_id = ?", (run.run_id,))
                self._index(run)

    def _index(self, run: BundleRun) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO labels (run_id, key, value) VALUES (?, ?, ?)",
            [(run.run_id, key, value) for key, value in run.policy.labels],
        )
        self._db.executemany(
            "INSERT INTO templates (run_id, name) VALUES (?, ?)",
            [(run.run_id, name) for name in template_names(run)],
        )

    def _delete(self, run_id: str) -> bool:
        with transaction(self._db):
            known = self._get(run_id)
            if known is not None and not known.state.is_terminal:
                return False
            for statement in DELETIONS:
                self._db.execute(statement, (run_id,))
        return True

    def _get(self, run_id: str) -> BundleRun | None:
        row = self._db.execute("SELECT record FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return decode_run(row[0]) if row else None

    def _spec(self, run_id: str) -> bytes | None:
        row = self._db.execute("SELECT spec FROM specs WHERE run_id = ?", (run_id,)).fetchone()
        return bytes(row[0]) if row else None

    def _list(self, query: RunQuery) -> RunPage:
        statement, values = page_statement(query)
        return RunPage.of([decode_run(record) for (record,) in self._db.execute(statement, values)], query)

    def _unfinished(self) -> tuple[tuple[BundleRun, bytes], ...]:
        return tuple((decode_run(record), bytes(spec)) for record, spec in self._db.execute(UNFINISHED))

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._opened.callback(os.close, lock_ledger(self._path))
        except OSError as error:
            raise ConfigurationError(
                f"the run ledger {str(self._path)!r} cannot be opened: {error.strerror}",
                hint="Make its folder writable for this user.",
            ) from error
        self._db = self._opened.enter_context(closing(open_ledger_file(self._path)))


@contextmanager
def _ledger_errors() -> Iterator[None]:
    """The one translation of sqlite3's errors."""
    try:
        yield
    except sqlite3.Error as error:
        code = result_code(error)
        details = {"sqlite": getattr(error, "sqlite_errorname", type(error).__name__)}
        if code in CORRUPT:
            raise Unavailable(
                "the run ledger is damaged",
                code="LEDGER_DAMAGED",
                hint="Restart the service: it moves the file aside and begins a new one; finished bundles are in the store.",
                details=details,
            ) from error
        if code in _FULL or getattr(error, "sqlite_errorcode", None) in _CANNOT_GROW:
            raise Unavailable(
                "the run ledger cannot grow: its disk is full",
                code="LEDGER_FULL",
                hint="Free space, or raise the quota or file size limit, where the ledger lies; then submit again.",
                details=details,
                retry_after_ms=10_000,
            ) from error
        raise Unavailable(
            "the run ledger cannot be used",
            code="LEDGER_UNAVAILABLE",
            hint="Check that the ledger's folder is mounted and writable, and that no other program holds the file.",
            details=details,
        ) from error
