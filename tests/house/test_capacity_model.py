"""The simulation behind docs/explanation/scaling.md obeys the laws of queueing, and what its page says of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.capacity import checks, report
from benchmarks.capacity.parameters import Parameters, parameters
from benchmarks.capacity.plot import plot
from benchmarks.capacity.runs import arrivals, backlog

GIVEN = Parameters()


@pytest.mark.parametrize("busy", [0.3, 0.7])
def test_waiting_is_that_of_m_d_1(busy: float) -> None:
    assert abs(checks.waits(100.0, busy, arrivals=60_000).off) < 0.05


def test_the_formula_gives_half_a_service_when_half_busy() -> None:
    assert checks.md1_wait_us(100.0, 0.5) == 50.0


def test_a_server_is_busy_by_throughput_times_cost() -> None:
    assert abs(checks.utilisation(replace(GIVEN, cores=1), 50.0, 32).off) < 0.03


def test_far_from_full_only_the_cores_limit() -> None:
    assert abs(checks.cores_bound(GIVEN, 300.0, 4).off) < 0.03


def test_a_full_server_does_not_give_more_for_more_nodes() -> None:
    some, more = (backlog(GIVEN, 1, nodes, 5.0) for nodes in (32, 64))
    assert some.busy > 0.97
    assert more.per_s < 1.1 * some.per_s


def test_partitions_add_up_while_nodes_suffice() -> None:
    one, two = backlog(GIVEN, 1, 16, 0.0), backlog(GIVEN, 2, 32, 0.0)
    assert 1.9 < two.per_s / one.per_s < 2.1


def test_jobs_of_a_dead_node_begin_again_when_their_lease_ends() -> None:
    run = arrivals(replace(GIVEN, lease_s=2.0), 1, 4, 50.0, 300.0, seconds=6, dies_at_s=2.0)
    assert 1 <= len(run.again) <= GIVEN.cores
    assert all(2.0e6 <= late < 2.3e6 for late in run.again)
    assert run.wasted_s <= GIVEN.cores * 0.06


def test_measured_numbers_replace_the_defaults(tmp_path: Path) -> None:
    rows = [{"name": "memory of a queued job beyond its payload", "median": 700.0}, {"name": "other", "median": 1.0}]
    bench = tmp_path / "bench.json"
    bench.write_text(json.dumps({"measurements": rows}))
    assert parameters(bench).queued_bytes == 700.0
    assert parameters(tmp_path / "absent.json").queued_bytes == GIVEN.queued_bytes


def test_the_plot_is_well_formed_and_has_a_line_for_each_curve() -> None:
    found = report.curves(GIVEN, nodes=(1, 2), partitions=(1, 2))
    drawn = ElementTree.fromstring(plot(found))  # noqa: S314 - our own
    assert len(drawn.findall("{*}polyline")) == len(found)
    assert "300 ms" in report.throughput_table(found)
