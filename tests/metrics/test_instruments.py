"""The instruments as declared, and as Prometheus reads them: names, labels, zeros, gauges that vanish."""

from __future__ import annotations

import inspect
import logging
import re
from pathlib import Path

import grpc
import pytest
from docugen_core import errors, generation
from docugen_core.adapters import (
    inline_executor,
    job_codec,
    local_files,
    local_store,
    metrics,
    object_bucket,
    object_store,
    render_pool,
    store_errors,
    write_once,
)
from docugen_core.adapters.metrics import INSTRUMENTS, OTHER, Kind
from docugen_core.adapters.metrics_reference import metrics_markdown
from docugen_core.adapters.otel_measures import STALE_AFTER_S, OtelMeasures
from docugen_core.domain import lease
from docugen_core.domain.bundle import Format
from docugen_core.domain.queue_state import QueueStats
from docugen_core.generators import registry
from docugen_core.measures import UNMEASURED, AttemptOutcome, FailureReason, Measures, RunOutcome
from docugen_core.rendering import catalogue, fonts
from metric_scrape import Scrape, lint

ROOT = Path(__file__).resolve().parents[2]
STATS = QueueStats(observe_time_ms=1, depth=7, in_flight=2, parked=3, dead_letters=4, oldest_age_ms=1_500, pause=None)
QUEUE_GAUGES = {
    "queue_bundle_generate_depth": 7.0,
    "queue_bundle_generate_inflight": 2.0,
    "queue_bundle_generate_parked": 3.0,
    "queue_bundle_generate_dlq_depth": 4.0,
    "queue_bundle_generate_oldest_age_seconds": 1.5,
}
NAMES = {
    *QUEUE_GAUGES,
    "queue_bundle_generate_enqueued_total",
    "queue_bundle_generate_completed_total",
    "queue_bundle_generate_attempts_total",
    "queue_bundle_generate_failures_total",
    "queue_bundle_generate_retries_total",
    "queue_bundle_generate_reclaimed_total",
    "queue_bundle_generate_determinism_violations_total",
    "queue_bundle_generate_processing_duration_seconds",
    "queue_bundle_generate_wait_duration_seconds",
    "docugen_worker_slots",
    "docugen_artefact_render_duration_seconds",
    "docugen_document_cache_lookups_total",
    "docugen_artefact_size_bytes",
    "rpc_server_call_duration_seconds",
}
ATTEMPT_PATHS = (
    *(generation, inline_executor, job_codec, lease, local_files, local_store, store_errors),
    *(object_bucket, object_store, render_pool, write_once, registry, catalogue, fonts),
)
"""Modules whose errors can end an attempt."""
NO_ATTEMPTS = {
    *("CANCELLED", "GENERATOR_AMBIGUOUS", "INVALID_FONTS", "INVALID_TEMPLATE_PACK", "TEMPLATE_PACK_AMBIGUOUS"),
    "URLS_NOT_SUPPORTED",
}
"""Codes in them that never end one as a failure."""


class Steps:
    """A clock that a test sets."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def read(measures: OtelMeasures) -> Scrape:
    return Scrape(measures.text().decode())


def record_everything(measures: Measures) -> None:
    """Every method with every value of its enumerations, and with text that is on no list."""
    measures.run_enqueued(3)
    measures.attempt_begun(12)
    for run_outcome in RunOutcome:
        measures.run_ended(run_outcome)
    for outcome in AttemptOutcome:
        for code in (*FailureReason.__members__, "run br-4711 of Wren Fable"):
            measures.attempt_ended(outcome, 0.2, code)
    measures.attempt_lost("WORKER_LOST")
    measures.attempt_lost("br-4711")
    for reused in (True, False):
        measures.document_looked_up(reused=reused)
    for form in Format:
        measures.document_rendered(form, 0.3)
        measures.artefact_kept(form, 70_000)
    for status in grpc.StatusCode:
        measures.call_ended("CreateBundleRun", status.name, 0.004)
    measures.call_ended("br-4711", "4711", 0.004)
    measures.queue_seen(STATS)
    measures.slots_seen(1, 4)


def instrument_of(sample: str) -> metrics.Instrument:
    """The instrument that a line belongs to."""
    named = {i.name: i for i in INSTRUMENTS}
    return named.get(sample) or named[re.sub("_(bucket|sum|count)$", "", sample)]


def test_the_names_are_those_that_dashboards_and_alerts_were_promised() -> None:
    assert {i.name for i in INSTRUMENTS} == NAMES
    assert len(INSTRUMENTS) == len(NAMES)


def test_every_instrument_is_exported_under_its_name_and_nothing_else_is() -> None:
    measures = OtelMeasures()
    record_everything(measures)
    assert {instrument_of(sample).name for sample, _, _ in read(measures).samples()} == NAMES


def test_no_label_of_any_series_is_outside_of_its_closed_list() -> None:
    measures = OtelMeasures()
    record_everything(measures)
    seen: set[str] = set()
    for sample, labels, _ in read(measures).samples():
        instrument = instrument_of(sample)
        seen.add(instrument.name)
        labels.pop("le", "")
        assert labels.keys() == instrument.labels.keys(), sample
        for label, value in labels.items():
            assert value in instrument.labels[label], f"{sample} has {label}={value!r}"
    assert seen == NAMES


def test_every_listed_value_that_can_be_recorded_is_exported() -> None:
    measures = OtelMeasures()
    record_everything(measures)
    for instrument in INSTRUMENTS:
        lines = [labels for sample, labels, _ in read(measures).samples() if instrument_of(sample) is instrument]
        for label, values in instrument.labels.items():
            expected = {"CreateBundleRun", OTHER} if label == "method" else set(values)
            assert {line[label] for line in lines} == expected, instrument.name


def test_what_is_not_on_a_list_counts_as_other() -> None:
    measures = OtelMeasures()
    measures.attempt_ended(AttemptOutcome.FAILED, 0.1, "NEVER_HEARD_OF")
    measures.call_ended("Unheard", "TEAPOT", 0.1)
    assert read(measures).by("reason", "queue_bundle_generate_failures_total") == {OTHER: 1.0}
    assert read(measures).value("rpc_server_call_duration_seconds_count", method=OTHER, code=OTHER) == 1.0


def test_counters_stand_at_0_for_every_label_value_from_the_start() -> None:
    fresh = read(OtelMeasures())
    for instrument in INSTRUMENTS:
        if instrument.kind is Kind.COUNTER:
            for labels in instrument.series():
                assert fresh.value(instrument.name, **labels) == 0.0, (instrument.name, labels)


def test_gauges_are_absent_until_something_is_seen() -> None:
    gauges = {i.name for i in INSTRUMENTS if i.kind is Kind.GAUGE}
    assert not gauges & {sample for sample, _, _ in read(OtelMeasures()).samples()}


def test_what_was_seen_of_the_queue_vanishes_when_it_is_stale_and_comes_back_when_it_is_seen_again() -> None:
    clock = Steps()
    measures = OtelMeasures(clock)

    def shown() -> dict[str, float]:
        return {name: value for name, _, value in read(measures).samples() if name in QUEUE_GAUGES}

    measures.queue_seen(STATS)
    measures.slots_seen(1, 4)
    clock.now_s += STALE_AFTER_S
    assert shown() == QUEUE_GAUGES
    clock.now_s += 0.001
    assert shown() == {}
    assert read(measures).value("docugen_worker_slots", state="free") == 3.0
    measures.queue_seen(STATS)
    assert shown() == QUEUE_GAUGES


def test_a_gauge_keeps_its_value_from_scrape_to_scrape() -> None:
    measures = OtelMeasures()
    measures.slots_seen(1, 4)
    assert [read(measures).value("docugen_worker_slots", state="busy") for _ in range(3)] == [1.0] * 3


def test_a_callback_that_fails_costs_its_own_gauge_alone(caplog: pytest.LogCaptureFixture) -> None:
    failing = [True]

    def broken() -> float:
        if failing[0]:
            raise RuntimeError("a clock that is broken")
        return 0.0

    measures = OtelMeasures(broken)
    measures.slots_seen(1, 4)
    failing[0] = False
    measures.queue_seen(STATS)
    failing[0] = True
    with caplog.at_level(logging.CRITICAL, logger="opentelemetry"):
        during = read(measures)
    assert during.value("queue_bundle_generate_depth") is None
    assert during.value("docugen_worker_slots", state="busy") == 1.0
    assert during.value("queue_bundle_generate_enqueued_total") == 0.0
    failing[0] = False
    assert read(measures).value("queue_bundle_generate_depth") == 7.0


def test_bounds_are_floats_that_grow_so_that_series_keep_their_names() -> None:
    histograms = [i for i in INSTRUMENTS if i.kind is Kind.HISTOGRAM]
    assert histograms
    for instrument in histograms:
        assert all(isinstance(bound, float) for bound in instrument.bounds), instrument.name
        assert list(instrument.bounds) == sorted(set(instrument.bounds))
    measures = OtelMeasures()
    measures.attempt_begun(900)
    bucket = "queue_bundle_generate_wait_duration_seconds_bucket"
    assert (read(measures).value(bucket, le="0.5"), read(measures).value(bucket, le="1.0")) == (0.0, 1.0)


def test_every_instrument_says_what_it_is_in_a_sentence_with_its_unit_in_its_name() -> None:
    for instrument in INSTRUMENTS:
        assert instrument.sentence.endswith("."), instrument.name
        suffix = {"s": "_seconds", "By": "_bytes", "": ""}[instrument.unit]
        assert instrument.name.endswith(suffix)
        assert instrument.name.endswith("_total") is (instrument.kind is Kind.COUNTER)


def test_promtool_finds_nothing_to_say() -> None:
    measures = OtelMeasures()
    assert lint(read(measures)) == ""
    record_everything(measures)
    assert lint(read(measures)) == ""


def test_two_services_in_one_process_do_not_share_a_count() -> None:
    one, other = OtelMeasures(), OtelMeasures()
    one.run_enqueued(5)
    assert read(one).value("queue_bundle_generate_enqueued_total") == 5.0
    assert read(other).value("queue_bundle_generate_enqueued_total") == 0.0


def test_an_attempt_that_broke_the_promise_counts_as_a_violation() -> None:
    measures = OtelMeasures()
    measures.attempt_ended(AttemptOutcome.FAILED, 0.1, errors.DeterminismViolation.code)
    assert read(measures).value("queue_bundle_generate_determinism_violations_total") == 1.0


def test_every_code_that_can_end_an_attempt_has_a_reason_of_its_own() -> None:
    """A new error code that nobody listed would hide under OTHER."""
    raised = {
        code
        for module in ATTEMPT_PATHS
        for code in re.findall(r'\bcode(?:: ClassVar\[str\])? ?= ?"([A-Z_]+)"', inspect.getsource(module))
    }
    kinds = (
        *(errors.RenderFailed, errors.LimitExceeded, errors.Unavailable, errors.RenderInterrupted),
        *(errors.DeterminismViolation, errors.DocugenError, errors.InvalidRequest, errors.NotFound),
    )
    codes = raised | {kind.code for kind in kinds}
    assert sorted(codes - NO_ATTEMPTS - FailureReason.__members__.keys()) == []


def test_a_process_that_measures_nothing_can_record_everything() -> None:
    record_everything(UNMEASURED)


def test_the_reference_page_is_what_the_declarations_say() -> None:
    assert metrics_markdown() == (ROOT / "docs" / "reference" / "metrics.md").read_text()
    assert all(f"## {name}\n" in metrics_markdown() for name in NAMES)
