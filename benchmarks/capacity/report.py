"""The tables of docs/explanation/scaling.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from benchmarks.capacity.checks import Check, cores_bound, utilisation, waits
from benchmarks.capacity.parameters import Parameters
from benchmarks.capacity.runs import Run, arrivals, backlog

NODES = (1, 2, 4, 8, 16, 32, 64, 128)
PARTITIONS = (1, 2, 4, 8)
WORKS_MS = (0.0, 5.0, 50.0, 300.0)
BACKLOGS = (100_000, 1_000_000, 10_000_000)
LATENCY_HEADS = ("p50", "p99", "server busy", "takes that find nothing, a job")
RATES = (500, 2_000, 8_000, 20_000)
LOADS = (0.5, 0.7, 0.9, 0.95)
Curves = dict[tuple[float, int], list[tuple[int, float, float]]]
"""By job size and partitions: nodes, jobs a second, busy part of the servers."""


def curves(parameters: Parameters, nodes: Sequence[int] = NODES, partitions: Sequence[int] = PARTITIONS) -> Curves:
    found: Curves = {}
    for work_ms in WORKS_MS:
        for parts in partitions:
            runs = [(k, backlog(parameters, parts, k, work_ms)) for k in nodes if k >= parts]
            found[work_ms, parts] = [(k, run.per_s, run.busy) for k, run in runs]
    return found


def throughput_table(found: Curves) -> str:
    """Jobs a second at the largest number of nodes, and where a server takes over as the limit."""
    rows = []
    for (work_ms, parts), points in found.items():
        _, per_s, busy = points[-1]
        full = next((str(k) for k, _, part in points if part >= 0.95), "not reached")
        rows.append((f"{work_ms:g} ms", str(parts), _grouped(per_s), f"{busy:.0%}", full))
    most = max(k for points in found.values() for k, _, _ in points)
    return markdown(
        ("job", "partitions", f"jobs/s, {most} nodes", "servers busy", "nodes at which a server is full"), rows
    )


def latency_table(parameters: Parameters, nodes: int, work_ms: float) -> str:
    """Submit to start as the load comes near what the cores carry."""
    most = backlog(parameters, 1, nodes, work_ms).per_s
    rows = []
    for load in LOADS:
        run = arrivals(parameters, 1, nodes, work_ms, load * most, seconds=max(2.0, work_ms / 5))
        rows.append((f"{load:.0%}", _grouped(load * most), *_latencies(run)))
    return markdown(("load", "jobs/s", *LATENCY_HEADS), rows)


def _latencies(run: Run) -> tuple[str, ...]:
    starts = sorted(run.starts)
    p50, p99 = (starts[int(len(starts) * part)] / 1e3 for part in (0.5, 0.99))
    return f"{p50:.2f} ms", f"{p99:.2f} ms", f"{run.busy:.0%}", f"{run.empty_takes / max(1, len(starts)):.1f}"


def idle_table(parameters: Parameters, per_s: float, work_ms: float) -> str:
    """Few jobs, many nodes: each job wakes all that are idle."""
    rows = []
    for nodes in (4, 16, 64, 128):
        run = arrivals(parameters, 1, nodes, work_ms, per_s, seconds=10.0)
        rows.append((str(nodes), *_latencies(run)))
    return markdown(("nodes", *LATENCY_HEADS), rows)


def failure_table(parameters: Parameters, nodes: int, work_ms: float) -> str:
    """A node gets SIGKILL at half load."""
    rows = []
    for lease_s in (15.0, 5.0):
        given = replace(parameters, lease_s=lease_s)
        rate = 0.5 * nodes * given.cores / (work_ms / 1e3)
        run = arrivals(given, 1, nodes, work_ms, rate, seconds=lease_s + 10, dies_at_s=(lease_s + 10) / 4 + 2)
        last = max(run.again, default=0.0) / 1e6
        rows.append((f"{lease_s:g} s", str(len(run.again)), f"{last:.2f} s", f"{run.wasted_s:.2f} s", f"1/{nodes}"))
    return markdown(
        ("lease", "jobs that began again", "the last after", "core time lost", "capacity lost until it is back"), rows
    )


def memory_table(parameters: Parameters) -> str:
    each = parameters.queued_bytes + parameters.payload_bytes
    rows = [(_grouped(jobs), f"{jobs * each / (1 << 30):.2f} GiB") for jobs in BACKLOGS]
    return markdown(("queued jobs", f"memory of their servers together ({each:.0f} bytes a job)"), rows)


def beside_table(parameters: Parameters) -> str:
    """What is not simulated has to carry this much, by multiplication. A document a job: its artefact and the manifest."""
    rows = []
    for per_s in RATES:
        cores = per_s * parameters.scheduler_us / 1e6
        traffic = per_s * 2 * parameters.payload_bytes * 8 / 1e6
        rows.append((_grouped(per_s), f"{cores:.1f}", _grouped(2 * per_s), f"{traffic:.0f} Mbit/s"))
    heads = ("jobs/s", "cores of schedulers", "new objects in the store a second", "payloads to and from the queue")
    return markdown(heads, rows)


def checks_table(parameters: Parameters) -> str:
    return markdown(
        ("check", "expected", "simulated", "off"),
        [(c.what, f"{c.expected:,.3g}", f"{c.simulated:,.3g}", f"{c.off:+.1%}") for c in checks(parameters)],
    )


def checks(parameters: Parameters) -> Iterable[Check]:
    yield waits(100.0, 0.5)
    yield waits(100.0, 0.9)
    yield utilisation(replace(parameters, cores=1), 50.0, 64)
    yield cores_bound(parameters, 300.0, 8)
    yield measured_drain(parameters)
    yield measured_burn(parameters)


def measured_drain(parameters: Parameters) -> Check:
    """performance.md: no-op jobs in batches, nothing submitted meanwhile, 28 843 a second on one server."""
    cost_us = sum(parameters.server[name].us(128) / 128 for name in ("take", "settle"))
    return Check("measured: drain of no-op jobs, jobs/s", 28_843.0, 1e6 / cost_us)


def measured_burn(parameters: Parameters) -> Check:
    """performance.md: 5 ms jobs, 303 a second where the same work without a queue gave 346, all of it on two shared cores.

    There everything shares the cores, so a job costs them its work, the worker's loop and the server's scripts.
    """
    work_us = 2 / 346.0 * 1e6
    server_us = sum(parameters.server[name].us(1) for name in ("take", "settle"))
    cost_us = work_us + 2 * parameters.worker.us(1) + server_us
    return Check("measured: 5 ms jobs on two cores, jobs/s", 303.0, 2 / cost_us * 1e6)


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _grouped(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")
