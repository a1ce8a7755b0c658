"""The numbers that the simulation is fed with, each with where it comes from.

The defaults are those of docs/explanation/performance.md and of docs/explanation/scaling.md. `python -m benchmarks.capacity
--measure` takes those of the server anew; what var/bench/bench.json holds from `make bench` replaces the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.stage import ROOT

BENCH = ROOT / "var" / "bench" / "bench.json"


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one call with n jobs: call_us + n * job_us."""

    call_us: float
    job_us: float

    def us(self, jobs: int) -> float:
        return self.call_us + jobs * self.job_us


SERVER: Mapping[str, Cost] = {
    "submit": Cost(47.0, 19.0),
    "take": Cost(66.0, 16.0),
    "settle": Cost(56.0, 17.0),
    "beat": Cost(46.0, 11.0),
    "empty": Cost(56.0, 0.0),
}
SOURCES: Mapping[str, str] = {
    "server": "measured by --measure",
    "worker": "performance.md: about 0.45 ms for taking and settling one job alone, 14 us a job in large batches",
    "scheduler": "performance.md: a call that brings 0.9 KB of data",
    "round trip": "an assumption: two machines of one data centre",
    "cores": "an assumption",
    "lease": "the default of DOCUGEN_QUEUE_LEASE_MS",
    "queued": "performance.md: bytes of a queued job beyond its payload; payload and `about` as in the benchmarks",
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """server: CPU of the one thread of a partition's server, by script; `empty` is a take that finds nothing. worker: CPU of a
    worker's event loop. scheduler_us: CPU of a scheduler for one CreateBundleRun. sources: where each came from."""

    server: Mapping[str, Cost] = field(default_factory=lambda: dict(SERVER))
    worker: Cost = Cost(220.0, 14.0)
    scheduler_us: float = 1_500.0
    round_trip_us: float = 200.0
    cores: int = 8
    lease_s: float = 15.0
    queued_bytes: float = 499.0
    payload_bytes: float = 488.0
    sources: Mapping[str, str] = field(default_factory=lambda: dict(SOURCES))

    @property
    def beat_s(self) -> float:
        """A lease is renewed every third of it."""
        return self.lease_s / 3

    def server_us_alone(self) -> float:
        """What one job costs the server when every call is about one job: the dearest case."""
        return sum(self.server[name].us(1) for name in ("submit", "take", "settle"))


def parameters(bench: Path = BENCH, server: Mapping[str, Cost] | None = None) -> Parameters:
    """The defaults, with what was measured here in their place. server: costs measured a moment ago."""
    found = Parameters()
    sources = dict(found.sources)
    if server is not None:
        found = replace(found, server=dict(server))
        sources["server"] = "measured now"
    rows = _rows(bench)
    if "memory of a queued job beyond its payload" in rows:
        found = replace(found, queued_bytes=rows["memory of a queued job beyond its payload"])
        sources["queued"] = bench.name
    if "drain: CPU of the worker" in rows:
        found = replace(found, worker=Cost(found.worker.call_us, rows["drain: CPU of the worker"]))
        sources["worker"] += f"; the latter from {bench.name}"
    return replace(found, sources=sources)


def _rows(bench: Path) -> dict[str, float]:
    """Medians by name; none where nothing was measured. The first of several rows of a name counts."""
    if not bench.exists():
        return {}
    rows: dict[str, float] = {}
    for row in json.loads(bench.read_text(encoding="utf-8"))["measurements"]:
        rows.setdefault(row["name"], row["median"])
    return rows
