"""Use case 5: forget a run that has ended. Its id is free afterwards, for the same bundle or another.

    claim, artefacts/{run}, signature  ->  record  ->  manifest last

The order is that of publication turned around. While the manifest stands the run is known as finished, so a deletion that dies
on the way is seen, and the same call again ends it; and no claim is ever left that a new run of that id would have to follow.

Blobs and specs stay: other runs and the document cache may refer to the same bytes. What nothing refers to is swept later
(`retention`).
"""

from __future__ import annotations

from docugen_core.domain.run import BundleRun
from docugen_core.errors import NotFound, NotPossibleNow
from docugen_core.ports import ArtefactStore, GenerationExecutor


async def delete_bundle_run(run_id: str, *, executor: GenerationExecutor, store: ArtefactStore) -> None:
    """Delete the run. Idempotent: a run that is gone, or never was, is no error, and a broken deletion is ended.

    Raises NotPossibleNow (NOT_DELETABLE: it has not ended), Unavailable (store, ledger, queue; repeat the call).
    """
    try:
        run = await executor.get(run_id)
    except NotFound:
        pass  # perhaps of a deletion that died on its way: whatever it left is taken away
    else:
        if not run.state.is_terminal:
            raise not_deletable(run)
    await store.withdraw(run_id)
    await executor.forget(run_id)
    await store.unpublish(run_id)


def not_deletable(run: BundleRun) -> NotPossibleNow:
    return NotPossibleNow(
        f"run {run.run_id!r} has not ended: it is {run.state.value}",
        code="NOT_DELETABLE",
        hint="Cancel it first, or wait for its end.",
        details={"bundle_run_id": run.run_id, "state": run.state.value},
    )
