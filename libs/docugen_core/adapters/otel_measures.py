"""Measures through the OpenTelemetry SDK, read in Prometheus's text format.

Imported only where somebody reads them: it takes some tenths of a second of CPU, which no command of the CLI should pay.

    event loop     -> Measures methods: some microseconds each, no I/O
    scrape thread  -> `text()`: what was recorded until now, one scrape at a time

One provider, one meter and one registry an instance: nothing global, so several services may live in one process. Counters
stand at 0 for every label value from the start: an increase from "absent" is none to Prometheus. The queue's gauges are what
was seen last and vanish when that is too old, so that `absent()` can tell an unobserved queue from an empty one.

Scrapes are taken one by one because the exporter keeps what it collects in one list: of two at once, one would get all of it
twice and the other nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, Observation
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from docugen_core.adapters.metrics import (
    ATTEMPTS,
    CALLS,
    COMPLETED,
    DEAD_LETTERS,
    DEPTH,
    ENQUEUED,
    FAILURES,
    IN_FLIGHT,
    INSTRUMENTS,
    LOOK_UPS,
    OLDEST_AGE,
    OTHER,
    PARKED,
    PROCESSING,
    RECLAIMED,
    RENDER,
    RETRIES,
    SIZE,
    SLOTS,
    VIOLATIONS,
    WAIT,
    Instrument,
    Kind,
)
from docugen_core.domain.bundle import Format
from docugen_core.domain.queue_state import QueueStats
from docugen_core.measures import AttemptOutcome, FailureReason, RunOutcome

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
STALE_AFTER_S = 10.0
"""Several times the interval in which the queue is looked at (`queue_observer`)."""

Read = Callable[[], Iterable[Observation]]


@dataclass(frozen=True, slots=True)
class _Sight:
    """The queue as it was seen at_s, by the monotonic clock."""

    stats: QueueStats
    at_s: float


class OtelMeasures:
    """Implements measures.Measures. now_s: a clock that does not step back, for the age of what was seen.

    Labels that are not on an instrument's list become OTHER, so a mistake here costs one series, not thousands.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._sight: _Sight | None = None
        self._slots: tuple[int, int] | None = None
        self._scraping = threading.Lock()
        self._registry = CollectorRegistry()
        self._reader = PrometheusMetricReader(
            disable_target_info=True, scope_info_enabled=False, registry=self._registry
        )
        self._provider = MeterProvider(
            [self._reader],
            resource=Resource.get_empty(),
            exemplar_filter=AlwaysOffExemplarFilter(),
            shutdown_on_exit=False,
        )
        meter = self._provider.get_meter("docugen")
        gauges = self._gauges()
        self._counters = {i: _counter(meter, i) for i in INSTRUMENTS if i.kind is Kind.COUNTER}
        self._histograms = {i: _histogram(meter, i) for i in INSTRUMENTS if i.kind is Kind.HISTOGRAM}
        for instrument in INSTRUMENTS:
            if instrument.kind is Kind.GAUGE:
                _gauge(meter, instrument, gauges[instrument])

    def text(self) -> bytes:
        """Everything recorded until now, in Prometheus's text format (CONTENT_TYPE). For any thread."""
        with self._scraping:
            return generate_latest(self._registry)

    def close(self) -> None:
        """Record nothing any more."""
        self._provider.shutdown()

    # --- what is recorded -------------------------------------------------------------------------------------------------

    def run_enqueued(self, count: int = 1) -> None:
        self._counters[ENQUEUED].add(count)

    def attempt_begun(self, wait_ms: int) -> None:
        self._histograms[WAIT].record(wait_ms / 1_000)

    def attempt_ended(self, outcome: AttemptOutcome, duration_s: float, code: str = "") -> None:
        self._counters[ATTEMPTS].add(1, {"outcome": outcome.value})
        self._histograms[PROCESSING].record(duration_s, {"outcome": outcome.value})
        if outcome is AttemptOutcome.RETRIED:
            self._counters[RETRIES].add(1)
        if outcome in (AttemptOutcome.RETRIED, AttemptOutcome.FAILED):
            self._failed(code)

    def attempt_lost(self, code: str) -> None:
        self._counters[RECLAIMED].add(1)
        self._counters[ATTEMPTS].add(1, {"outcome": AttemptOutcome.LOST.value})
        self._failed(code)

    def run_ended(self, outcome: RunOutcome) -> None:
        self._counters[COMPLETED].add(1, {"outcome": outcome.value})

    def document_rendered(self, format: Format, duration_s: float) -> None:
        self._histograms[RENDER].record(duration_s, {"format": format.value})

    def document_looked_up(self, *, reused: bool) -> None:
        self._counters[LOOK_UPS].add(1, {"result": "hit" if reused else "miss"})

    def artefact_kept(self, format: Format, size: int) -> None:
        self._histograms[SIZE].record(size, {"format": format.value})

    def call_ended(self, method: str, code: str, duration_s: float) -> None:
        labels = {"method": _listed(CALLS, "method", method), "code": _listed(CALLS, "code", code)}
        self._histograms[CALLS].record(duration_s, labels)

    def queue_seen(self, stats: QueueStats) -> None:
        self._sight = _Sight(stats, self._now_s())

    def slots_seen(self, busy: int, slots: int) -> None:
        self._slots = (busy, slots)

    def _failed(self, code: str) -> None:
        reason = FailureReason.of(code)
        self._counters[FAILURES].add(1, {"reason": reason.value})
        if reason is FailureReason.DETERMINISM_VIOLATION:
            self._counters[VIOLATIONS].add(1)

    # --- what is read at a scrape, in its thread: frozen values, replaced as a whole ------------------------------------------

    def _gauges(self) -> Mapping[Instrument, Read]:
        return {
            DEPTH: lambda: self._seen(lambda stats: stats.depth),
            OLDEST_AGE: lambda: self._seen(lambda stats: stats.oldest_age_ms / 1_000),
            IN_FLIGHT: lambda: self._seen(lambda stats: stats.in_flight),
            PARKED: lambda: self._seen(lambda stats: stats.parked),
            DEAD_LETTERS: lambda: self._seen(lambda stats: stats.dead_letters),
            SLOTS: self._slots_now,
        }

    def _seen(self, number: Callable[[QueueStats], float]) -> Iterator[Observation]:
        sight = self._sight
        if sight is not None and self._now_s() - sight.at_s <= STALE_AFTER_S:
            yield Observation(number(sight.stats))

    def _slots_now(self) -> Iterator[Observation]:
        slots = self._slots
        if slots is not None:
            yield Observation(slots[0], {"state": "busy"})
            yield Observation(max(0, slots[1] - slots[0]), {"state": "free"})


def _counter(meter: Meter, instrument: Instrument) -> Counter:
    counter = meter.create_counter(instrument.name, instrument.unit, instrument.sentence)
    for labels in instrument.series():
        counter.add(0, labels)
    return counter


def _histogram(meter: Meter, instrument: Instrument) -> Histogram:
    return meter.create_histogram(
        instrument.name, instrument.unit, instrument.sentence, explicit_bucket_boundaries_advisory=instrument.bounds
    )


def _gauge(meter: Meter, instrument: Instrument, read: Read) -> None:
    def callback(_: CallbackOptions) -> Iterable[Observation]:
        return read()

    meter.create_observable_gauge(instrument.name, [callback], instrument.unit, instrument.sentence)


def _listed(instrument: Instrument, label: str, value: str) -> str:
    return value if value in instrument.labels[label] else OTHER
