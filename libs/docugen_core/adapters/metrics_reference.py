"""docs/reference/metrics.md, made from the declarations of the instruments.

python -m docugen_core.adapters.metrics_reference > docs/reference/metrics.md
"""

from __future__ import annotations

import sys

from docugen_core.adapters.metrics import INSTRUMENTS, OTHER, SIZE, Instrument, Kind

_INTRODUCTION = """\
# Metrics

Generated from the declarations in `docugen_core.adapters.metrics` by `make docs-reference`.

The scheduler answers `GET /metrics` at `DOCUGEN_METRICS_ADDRESS` (`127.0.0.1:9464`), a worker at
`DOCUGEN_WORKER_METRICS_ADDRESS` (`127.0.0.1:9465`), in Prometheus's text format; an empty address switches it off. The line
that a service prints at its start names the address in fact. Without a queue the scheduler records what a worker would.

- Every label has a closed list of values. No label is an id, and none is a caller's text.
- Counters stand at 0 for each of their label values from the start. They count what happened in one process: `sum()` them.
- The gauges of the queue are the same at every scheduler: take `max()` of them, never `sum()`. They are looked at every two
  seconds and vanish when that failed for ten, so `absent()` tells a queue that nobody sees from an empty one.
- An attempt is counted once: where it ended, or, when its worker was killed, where its run is taken up again.
- With `DOCUGEN_QUEUE_FALLBACK=inline` runs that the scheduler renders itself count in its counters; the gauges are Redis's.
"""


def metrics_markdown() -> str:
    """The reference page: one section an instrument."""
    return "\n".join([_INTRODUCTION, *map(_section, INSTRUMENTS)])


def _section(instrument: Instrument) -> str:
    facts = [instrument.sentence, "", f"- {_KIND[instrument.kind]}{_UNIT[instrument.unit]}"]
    facts += [f"- `{label}`: {_listed(values)}" for label, values in instrument.labels.items()]
    if instrument.bounds:
        facts.append("- buckets up to " + ", ".join(_number(bound, instrument) for bound in instrument.bounds))
    return f"## {instrument.name}\n\n" + "\n".join(facts) + "\n"


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"`{value}`" for value in values if value != OTHER) + (
        f"; else `{OTHER}`" if OTHER in values else ""
    )


def _number(bound: float, instrument: Instrument) -> str:
    return f"{bound:,.0f}" if instrument is SIZE else f"{bound:g}"


_KIND = {Kind.COUNTER: "counter", Kind.GAUGE: "gauge", Kind.HISTOGRAM: "histogram"}
_UNIT = {"": "", "s": ", in seconds", "By": ", in bytes"}


if __name__ == "__main__":
    sys.stdout.write(metrics_markdown())
