"""Every instrument once: name, kind, unit, sentence, labels, bounds. docs/reference/metrics.md is this file as a page.

A label has a closed list of values, written down here or taken from an enumeration: the number of series is known before the
first job. Names are Prometheus's, in full. Those with `queue_bundle_generate` are about the jobs that generate bundles,
whatever DOCUGEN_QUEUE_NAME says and whichever executor runs them.

Bounds are floats, because the exporter would write whole ones as `le="1"`, which is another series than `le="1.0"`. Not in
here: how they are recorded (`otel_measures`), and where they are read (`metrics_endpoint`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import product

from docugen.v1 import artefact_service_pb2, bundle_run_service_pb2, queue_service_pb2, template_service_pb2

from docugen_core.domain.bundle import Format
from docugen_core.measures import AttemptOutcome, FailureReason, RunOutcome

OTHER = "OTHER"
"""The value of a label for whatever is not on its list."""


class Kind(Enum):
    """What may happen to a value: COUNTER only grows, GAUGE goes up and down, HISTOGRAM counts observations by size."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, eq=False)
class Instrument:
    """One instrument. unit: `s`, `By` (UCUM), or empty for a count. labels: the values each may have. bounds: upper bounds of a
    histogram's buckets."""

    name: str
    kind: Kind
    sentence: str
    unit: str = ""
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bounds: tuple[float, ...] = ()

    def series(self) -> Iterable[dict[str, str]]:
        """Every combination of label values."""
        return (dict(zip(self.labels, values, strict=True)) for values in product(*self.labels.values()))


def _values(kind: type[Enum]) -> tuple[str, ...]:
    return tuple(str(member.value) for member in kind)


def _methods() -> tuple[str, ...]:
    files = (artefact_service_pb2, bundle_run_service_pb2, queue_service_pb2, template_service_pb2)
    services = (service for file in files for service in file.DESCRIPTOR.services_by_name.values())
    return (*sorted(method.name for service in services for method in service.methods), OTHER)


_QUEUE = "queue_bundle_generate_"
_JOB_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
_WAIT_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0)
_RENDER_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
_CALL_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 600.0)
_SIZE_BYTES = (1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0, 67_108_864.0)
_CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED", OTHER),
)
_FORMATS = {"format": _values(Format)}

# --- the queue at this moment; every scheduler that has one tells the same: take max(), never sum() ------------------------

DEPTH = Instrument(
    _QUEUE + "depth", Kind.GAUGE, "Jobs that nobody renders yet: waiting, or parked until a retry or a start time."
)
OLDEST_AGE = Instrument(
    _QUEUE + "oldest_age_seconds",
    Kind.GAUGE,
    "How long the oldest job waits that could run; 0 when there is none.",
    "s",
)
IN_FLIGHT = Instrument(_QUEUE + "inflight", Kind.GAUGE, "Jobs that a worker has in hand.")
PARKED = Instrument(_QUEUE + "parked", Kind.GAUGE, "Jobs that wait for a retry or a start time; part of the depth.")
DEAD_LETTERS = Instrument(_QUEUE + "dlq_depth", Kind.GAUGE, "Dead letters; always 0 without a queue.")

# --- what happened, in this process -----------------------------------------------------------------------------------------

ENQUEUED = Instrument(
    _QUEUE + "enqueued_total",
    Kind.COUNTER,
    "Runs accepted, or started again by a retry or a redrive; repeated submits are none.",
)
COMPLETED = Instrument(
    _QUEUE + "completed_total", Kind.COUNTER, "Runs that ended.", labels={"outcome": _values(RunOutcome)}
)
ATTEMPTS = Instrument(
    _QUEUE + "attempts_total",
    Kind.COUNTER,
    "Attempts that ended; a lost one is counted by whoever takes its run up, a handed-back one is not spent.",
    labels={"outcome": _values(AttemptOutcome)},
)
FAILURES = Instrument(
    _QUEUE + "failures_total",
    Kind.COUNTER,
    "Attempts that failed or were lost, by the code of the error; OTHER for a code without a series of its own.",
    labels={"reason": _values(FailureReason)},
)
RETRIES = Instrument(_QUEUE + "retries_total", Kind.COUNTER, "Failed attempts that another one follows.")
RECLAIMED = Instrument(
    _QUEUE + "reclaimed_total",
    Kind.COUNTER,
    "Runs taken up whose last attempt never ended: its worker died, or lost its lease.",
)
VIOLATIONS = Instrument(
    _QUEUE + "determinism_violations_total",
    Kind.COUNTER,
    "Attempts that gave other bytes than the same run gave before.",
)
PROCESSING = Instrument(
    _QUEUE + "processing_duration_seconds",
    Kind.HISTOGRAM,
    "Time from the begin of an attempt to its end, store included; lost ones have none.",
    "s",
    {"outcome": _values(AttemptOutcome)},
    _JOB_S,
)
WAIT = Instrument(
    _QUEUE + "wait_duration_seconds",
    Kind.HISTOGRAM,
    "Time from when an attempt could have begun (submit, retry, start time) until it did.",
    "s",
    bounds=_WAIT_S,
)
SLOTS = Instrument(
    "docugen_worker_slots",
    Kind.GAUGE,
    "Slots for jobs of this worker, or of a scheduler without a queue.",
    labels={"state": ("busy", "free")},
)
RENDER = Instrument(
    "docugen_artefact_render_duration_seconds",
    Kind.HISTOGRAM,
    "Time to render one document, failed ones included, without waiting for a render process.",
    "s",
    _FORMATS,
    _RENDER_S,
)
LOOK_UPS = Instrument(
    "docugen_document_cache_lookups_total",
    Kind.COUNTER,
    "Documents looked up in the document cache: a hit is taken over, a miss is rendered.",
    labels={"result": ("hit", "miss")},
)
SIZE = Instrument(
    "docugen_artefact_size_bytes", Kind.HISTOGRAM, "Size of artefacts put into the store.", "By", _FORMATS, _SIZE_BYTES
)
CALLS = Instrument(
    "rpc_server_call_duration_seconds",
    Kind.HISTOGRAM,
    "Time from a call to docugen.v1 until its answer, or until its caller went away; watches last as long as they are watched.",
    "s",
    {"method": _methods(), "code": _CODES},
    _CALL_S,
)

INSTRUMENTS = (
    *(DEPTH, OLDEST_AGE, IN_FLIGHT, PARKED, DEAD_LETTERS),
    *(ENQUEUED, COMPLETED, ATTEMPTS, FAILURES, RETRIES, RECLAIMED, VIOLATIONS),
    *(PROCESSING, WAIT, SLOTS, RENDER, LOOK_UPS, SIZE, CALLS),
)
"""All of them, in the order of the page."""
