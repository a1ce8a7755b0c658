"""`python -m benchmarks.capacity [--measure] [--svg PATH]`: the tables of docs/explanation/scaling.md, and its plot."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path

from benchmarks.capacity import report
from benchmarks.capacity.measuring import measured
from benchmarks.capacity.parameters import Cost, Parameters, parameters
from benchmarks.capacity.plot import plot
from benchmarks.stage import ROOT, Stage, fastest_loop

NODES, WORK_MS, FEW_PER_S = 16, 50.0, 100.0
ROUNDS = 5


def sources(of: Parameters) -> str:
    rows = [
        (f"server, {name}", f"{cost.call_us:.0f} us a call + {cost.job_us:.0f} us a job", of.sources["server"])
        for name, cost in of.server.items()
    ]
    rows += [
        (
            "event loop of a worker",
            f"{of.worker.call_us:.0f} us a call + {of.worker.job_us:.0f} us a job",
            of.sources["worker"],
        ),
        ("scheduler, one CreateBundleRun", f"{of.scheduler_us:.0f} us", of.sources["scheduler"]),
        ("round trip", f"{of.round_trip_us:.0f} us", of.sources["round trip"]),
        ("cores of a node, and its slots", str(of.cores), of.sources["cores"]),
        ("lease", f"{of.lease_s:g} s", of.sources["lease"]),
        ("memory of a queued job", f"{of.queued_bytes:.0f} + {of.payload_bytes:.0f} bytes", of.sources["queued"]),
    ]
    return report.markdown(("parameter", "value", "from"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument(
        "--measure", action="store_true", help="measure what the scripts cost the server here, half a minute"
    )
    parser.add_argument("--svg", type=Path, default=ROOT / "var" / "bench" / "scaling.svg", metavar="PATH")
    given = parser.parse_args()
    server: Mapping[str, Cost] | None = None
    if given.measure:
        with asyncio.Runner(loop_factory=fastest_loop()) as runner:
            server = runner.run(measured(Stage(ROUNDS)))
    of = parameters(server=server)
    found = report.curves(of)
    print(sources(of), report.checks_table(of), report.throughput_table(found), sep="\n\n")
    where = f"{WORK_MS:g} ms jobs, one partition"
    print(f"\nsubmit to start, {where}, {NODES} nodes:\n\n{report.latency_table(of, NODES, WORK_MS)}")
    print(f"\nsubmit to start, {where}, {FEW_PER_S:g} jobs/s:\n\n{report.idle_table(of, FEW_PER_S, WORK_MS)}")
    print(f"\none of {NODES} nodes killed:\n\n{report.failure_table(of, NODES, WORK_MS)}")
    print("", report.memory_table(of), report.beside_table(of), sep="\n\n")
    given.svg.parent.mkdir(parents=True, exist_ok=True)
    given.svg.write_text(plot(found), encoding="utf-8")


if __name__ == "__main__":
    main()
