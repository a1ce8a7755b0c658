"""What it costs to be watched: CPU that the metrics, the log line and the spans of one run take.

One real run of the in-process executor tells which calls there are; they are then made again, some thousand times, with
nothing in between. Spans go through the real exporter to a collector in a process of its own. The bound is 5 % of a run of one
document that takes 10 ms.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from docugen_core.adapters.inline_executor import InlineExecutor
from docugen_core.adapters.local_store import LocalStore
from docugen_core.adapters.logs import configure_logs
from docugen_core.adapters.otel_measures import OtelMeasures
from docugen_core.adapters.otel_traces import OtelTracer
from docugen_core.adapters.sqlite_ledger import SqliteLedger
from docugen_core.adapters.system_clock import SystemClock
from docugen_core.assembly import assemble_intake
from docugen_core.config import Settings
from docugen_core.domain.manifest import Engine
from docugen_core.domain.retry import RetryPolicy
from docugen_core.domain.trace import TraceContext
from docugen_core.generation import BundleRenderer
from docugen_core.measures import Measures
from docugen_core.rendering.task import Rendering, RenderLimits, Task
from docugen_core.submission import SubmitRequest, prepare_generation_job, wait_for_run
from docugen_core.tracing import UNTRACED, Fact, Span, Step, Tracer, inside
from structlog.testing import capture_logs

from benchmarks.measurement import Bound, Measurement, in_turns
from benchmarks.stage import ROOT, Child, Stage

REPEATS = 3_000
JOB_MS = 10
BOUND_US = 0.05 * JOB_MS * 1_000
CALLER = TraceContext.parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")


@dataclass
class _Told:
    """Implements Measures and Tracer by writing down what one run tells. line: its log line, with what is bound to it."""

    measured: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    traced: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    line: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **options: self.measured.append((name, arguments, options))

    @contextmanager
    def span(self, step: Step, **options: Any) -> Iterator[Span]:
        self.traced.append(("span", {"step": step, **options}))
        yield _ToldSpan(self.traced)
        self.traced.append(("end", {}))

    def past(self, step: Step, **options: Any) -> None:
        self.traced.append(("past", {"step": step, **options}))

    def measure(self, measures: Measures) -> None:
        """Tell all of it again."""
        for name, arguments, options in self.measured:
            getattr(measures, name)(*arguments, **options)

    def trace(self, tracer: Tracer) -> None:
        open_spans: list[tuple[ExitStack, Span]] = []
        for what, options in self.traced:
            match what:
                case "span":
                    stack = ExitStack()
                    open_spans.append((stack, stack.enter_context(tracer.span(**options))))
                case "past":
                    tracer.past(**options)
                case "note":
                    open_spans[-1][1].note(**options)
                case "end":
                    open_spans.pop()[0].close()

    def log(self) -> None:
        structlog.get_logger().info(**self.line)


@dataclass
class _ToldSpan:
    traced: list[tuple[str, dict[str, Any]]]

    def note(self, **facts: Fact) -> None:
        self.traced.append(("note", facts))

    def failed(self, code: str) -> None:
        raise AssertionError(f"the run failed: {code}")

    def abandon(self) -> None:
        raise AssertionError("the run was lost")


class _Idle:
    """Implements ports.Renderer by rendering nothing."""

    engine = Engine(components=(("idle", "1"),), fonts=())

    async def render(self, task: Task) -> Rendering:
        return Rendering(task.document.encode(), pages=1)


async def measure(stage: Stage) -> list[Measurement]:
    from docugen_core.adapters.otlp_exporter import OtlpExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    told, measures = await _one_run(), OtelMeasures()
    spans = sum(what in ("span", "past") for what, _ in told.traced)
    async with Child("collector") as collector:
        collector.go()
        (endpoint,) = await collector.line("endpoint")

        async def traces() -> float:
            exporter = OtlpExporter(endpoint=endpoint, insecure=True)
            tracer = OtelTracer("benchmark", BatchSpanProcessor(exporter, max_queue_size=spans * REPEATS))
            return _cpu_us(lambda: told.trace(tracer), tracer.close)

        async def nowhere() -> float:
            return _cpu_us(lambda: told.trace(UNTRACED))

        async def metrics() -> float:
            return _cpu_us(lambda: told.measure(measures))

        async def logs() -> float:
            return _cpu_us(told.log)

        with ExitStack() as stack:
            stack.enter_context(_logs_to_nowhere())
            stack.enter_context(inside(CALLER))
            taken = await in_turns(stage.rounds, metrics, logs, traces, nowhere)
    measures.close()
    of_metrics, of_logs, of_traces, of_nowhere = taken
    return [
        Measurement("metrics of a run", "us", of_metrics, note=f"CPU, {len(told.measured)} calls"),
        Measurement("log line of a run", "us", of_logs, note="CPU"),
        Measurement(
            "spans of a run, over OTLP", "us", of_traces, note=f"CPU, {spans} spans, exporter's thread included"
        ),
        Measurement(
            "metrics, log line and spans of a run",
            "us",
            tuple(map(sum, zip(of_metrics, of_logs, of_traces, strict=True))),
            bound=Bound(BOUND_US, at_most=True, of_value=True),
            note=f"the bound is 5 % of a run of {JOB_MS} ms",
        ),
        Measurement("spans of a run that go nowhere", "us", of_nowhere, note="CPU; no OTEL_ variable is set"),
    ]


def _cpu_us(tell: Callable[[], None], finish: Callable[[], None] = lambda: None) -> float:
    """CPU of this process, all its threads, for one of many tellings."""
    begin = time.process_time_ns()
    for _ in range(REPEATS):
        tell()
    finish()
    return (time.process_time_ns() - begin) / REPEATS / 1_000


@contextmanager
def _logs_to_nowhere() -> Iterator[None]:
    with Path(os.devnull).open("w") as nowhere:
        configure_logs("info", "json", nowhere)
        yield
    configure_logs("info", "auto")


async def _one_run() -> _Told:
    """What a run of one document tells, from its submit to its end."""
    told = _Told()
    bundle = json.loads((ROOT / "examples" / "bundles" / "invoice.json").read_text())
    bundle["documents"] = bundle["documents"][:1]
    with tempfile.TemporaryDirectory() as folder, capture_logs() as lines, inside(CALLER):
        async with _executor(Path(folder), told) as (executor, job):
            await wait_for_run(executor, (await executor.submit(job(bundle))).run.run_id, 60_000)
    (told.line,) = (
        {k: v for k, v in line.items() if k != "log_level"} for line in lines if line["event"] == "job_settled"
    )
    return told


@asynccontextmanager
async def _executor(folder: Path, told: Any) -> AsyncIterator[tuple[InlineExecutor, Callable[[Any], Any]]]:
    intake, store = assemble_intake(Settings()), LocalStore(folder)
    bundles = BundleRenderer(intake.catalogue, intake.generators, _Idle(), RenderLimits(), measures=told, tracer=told)
    async with (
        SqliteLedger(folder / "ledger.sqlite3") as ledger,
        InlineExecutor(
            bundles=bundles,
            store=store,
            ledger=ledger,
            clock=SystemClock(),
            policy=RetryPolicy(),
            attempt_timeout_ms=60_000,
            slots=1,
            waiting_max=1,
            measures=told,
        ) as executor,
    ):
        yield executor, lambda bundle: prepare_generation_job(SubmitRequest(bundle), intake)
