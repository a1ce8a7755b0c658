"""What the use cases need from the world, as Protocols. Adapters implement them; tests/contracts runs over every one.

No method returns a library's type and none raises a library's error: only values of the domain and `docugen_core.errors`.

    execution   executors, and the ledger of runs
    storage     stores, notes of the document cache, signers
    queue       the queue's three sides: submitters, workers, operators
    rendering   renderers
    clock       the time
"""

from docugen_core.ports.clock import Clock
from docugen_core.ports.execution import ExecutionMode, GenerationExecutor, GenerationJob, RunLedger, Submission
from docugen_core.ports.queue import TAKE_MAX, JobQueue, JobSource, QueueDesk
from docugen_core.ports.rendering import Renderer
from docugen_core.ports.storage import (
    ArtefactStore,
    BundleStore,
    DocumentNotes,
    Signer,
    StoredItem,
    StoredKind,
    StoreKeeping,
)

__all__ = [
    "TAKE_MAX",
    "ArtefactStore",
    "BundleStore",
    "Clock",
    "DocumentNotes",
    "ExecutionMode",
    "GenerationExecutor",
    "GenerationJob",
    "JobQueue",
    "JobSource",
    "QueueDesk",
    "Renderer",
    "RunLedger",
    "Signer",
    "StoreKeeping",
    "StoredItem",
    "StoredKind",
    "Submission",
]
