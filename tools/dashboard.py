"""`python tools/dashboard.py`: write deploy/grafana/dashboards/docugen.json; with `--check` compare instead.

The first row answers "is it well?" at a glance; the rows below say why not, in the order in which one asks: traffic, latency,
errors, saturation, rendering. Alerts link to panels by their number (`dashboard_url` in deploy/prometheus/rules), so a number
is never given to another panel.

What every scheduler tells of the one queue is max(), never sum(); what happened is sum() of rate(). What an alert asks for is
taken from the same recording rule, so the panel shows what the alert saw.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from grafana_foundation_sdk.builders import common, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_values
from grafana_foundation_sdk.models import dashboard as values
from grafana_foundation_sdk.models import heatmap as heatmap_values
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "deploy" / "grafana" / "dashboards" / "docugen.json"
UID = "docugen"
Built: TypeAlias = stat.Panel | timeseries.Panel | heatmap.Panel
SOURCE = values.DataSourceRef(type_val="prometheus", uid="${datasource}")

# Colours that stay apart for any colour vision: bluish green, orange, vermilion.
GOOD, WARN, BAD = "#009E73", "#E69F00", "#D55E00"


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and the name of what it gives (`{{label}}` of the series)."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. number: for ever its own. unit: Grafana's word. warn, bad: from there on in that colour; with bad below warn,
    down from there. kind: `stat`, `graph` or `heatmap`."""

    number: int
    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str = "short"
    warn: float | None = None
    bad: float | None = None
    kind: str = "graph"
    width: int = 8


def _rate(metric: str, by: str = "", where: str = "") -> str:
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{where}[$__rate_interval]))"


def _ratio(some: str, of: str) -> str:
    """Nothing where there is nothing to divide by."""
    return f"{some} / ({of} > 0)"


def _quantile(share: float, metric: str, by: str = "") -> str:
    return f"histogram_quantile({share}, {_rate(f'{metric}_bucket', f'le, {by}' if by else 'le')})"


Q = "queue_bundle_generate"
QUANTILES = {0.5: "half", 0.95: "95 %", 0.99: "99 %"}
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")

ROWS: dict[str, tuple[Panel, ...]] = {
    "Is it well?": (
        Panel(1, "Objective, 3 days", "Runs that did not fail through us, of those that ended. Promised: 99 %.",
              (Query(f"1 - {Q}:error_ratio:rate3d"),), "percentunit", 0.995, 0.99, "stat", 4),
        Panel(2, "Oldest waits", "How long the oldest job waits that could run. The alert begins at 5 minutes.",
              (Query(f"{Q}:oldest_age_seconds:max"),), "s", 60, 300, "stat", 4),
        Panel(3, "Dead letters", "Runs that failed for good, and wait for a decision.",
              (Query(f"{Q}:dlq_depth:max"),), "short", 1, 100, "stat", 4),
        Panel(4, "Success, 5 minutes", "Runs that succeeded of those that ended, whoever is to blame for the others.",
              (Query(_ratio(f'sum(rate({Q}_completed_total{{outcome="succeeded"}}[5m]))',
                            f'sum(rate({Q}_completed_total{{outcome=~"succeeded|failed"}}[5m]))')),),
              "percentunit", 0.99, 0.9, "stat", 4),
        Panel(5, "Free slots", "Bundles that could be taken up at this moment, by all workers.",
              (Query('sum(docugen_worker_slots{state="free"})'),), "short", 1, 0, "stat", 4),
        Panel(6, "Alerts", "Alerts of DocuGen that fire.",
              (Query('count(ALERTS{alertname=~"Docugen.*", alertstate="firing"}) or vector(0)'),), "short", 1, 2, "stat", 4),
    ),
    "Traffic": (
        Panel(10, "Runs in and out", "Accepted, and ended by outcome. Lines that part are a backlog that grows or shrinks.",
              (Query(_rate(f"{Q}_enqueued_total"), "in"),
               Query(_rate(f"{Q}_completed_total", "outcome"), "out: {{outcome}}")), "ops"),
        Panel(11, "Queue", "Jobs that could run, that wait for a retry or a start time, that are in hand.",
              (Query(f"{Q}:runnable:max", "could run"), Query(f"max({Q}_parked)", "parked"),
               Query(f"max({Q}_inflight)", "in hand")), "short"),
        Panel(12, "Calls", "Calls to the scheduler by method.",
              (Query(_rate("rpc_server_call_duration_seconds_count", "method"), "{{method}}"),), "reqps"),
    ),
    "Latency": (
        Panel(20, "Attempts by duration", "From the begin of an attempt to its end, store included.",
              (Query(_rate(f"{Q}_processing_duration_seconds_bucket", "le"), "{{le}}"),), "s", kind="heatmap"),
        Panel(21, "Waiting by duration", "From when an attempt could have begun until it did.",
              (Query(_rate(f"{Q}_wait_duration_seconds_bucket", "le"), "{{le}}"),), "s", kind="heatmap"),
        Panel(22, "Attempts and waiting", "So many attempts took, and waited, no longer than this.",
              tuple(Query(_quantile(share, f"{Q}_{what}_duration_seconds"), f"{word}: {name}")
                    for what, word in (("processing", "attempt"), ("wait", "waiting")) for share, name in QUANTILES.items()),
              "s"),
    ),
    "Errors": (
        Panel(30, "Failed attempts by reason", "By the code of the error. The runbook has a line for each.",
              (Query(_rate(f"{Q}_failures_total", "reason"), "{{reason}}"),), "ops"),
        Panel(31, "Attempts by outcome, and retries", "The alert begins where a quarter of ten minutes' attempts come back.",
              (Query(_rate(f"{Q}_attempts_total", "outcome"), "{{outcome}}"),
               Query(f"{Q}:retry_ratio:rate10m", "share that comes back")), "short"),
        Panel(32, "Failed through us", "Share of the runs that ended. 1 % is the budget; alerts begin at 14.4, 6, 3, 1 times.",
              tuple(Query(f"{Q}:error_ratio:rate{window}", window) for window in WINDOWS), "percentunit", 0.01, 0.144),
        Panel(33, "Calls that failed through us", "UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS: share of calls, and by code.",
              (Query("docugen:rpc_error_ratio:rate5m", "share"),
               Query(_rate("rpc_server_call_duration_seconds_count", "code", '{code!="OK"}'), "{{code}}")), "short", width=12),
        Panel(34, "Workers lost, bytes that differ", "Runs taken up after a worker died, and broken promises, in 15 minutes.",
              (Query(f"sum(increase({Q}_reclaimed_total[15m]))", "taken up again"),
               Query(f"sum(increase({Q}_determinism_violations_total[15m]))", "other bytes")), "short", width=12),
    ),
    "Saturation": (
        Panel(40, "Slots", "Of all workers, or of a scheduler without a queue.",
              (Query("sum by (state) (docugen_worker_slots)", "{{state}}"),), "short", width=6),
        Panel(41, "Oldest waits", "How long the oldest job waits that could run.",
              (Query(f"{Q}:oldest_age_seconds:max", "oldest"),), "s", 60, 300, width=6),
        Panel(42, "Dead letters", "They stay until each is put back or dropped.",
              (Query(f"{Q}:dlq_depth:max", "dead letters"),), "short", 1, 100, width=6),
        Panel(43, "Document cache", "Documents that were taken over and not rendered again, of those looked up.",
              (Query(_ratio(_rate("docugen_document_cache_lookups_total", where='{result="hit"}'),
                            _rate("docugen_document_cache_lookups_total")), "hits"),), "percentunit", width=6),
    ),
    "Rendering": (
        Panel(50, "Render time by format", "So long took 95 of 100 documents at most.",
              (Query(_quantile(0.95, "docugen_artefact_render_duration_seconds", "format"), "{{format}}"),), "s"),
        Panel(51, "Documents by format", "Rendered, failed ones included.",
              (Query(_rate("docugen_artefact_render_duration_seconds_count", "format"), "{{format}}"),), "ops"),
        Panel(52, "Size by format", "Mean size of the artefacts put into the store.",
              (Query(_ratio(_rate("docugen_artefact_size_bytes_sum", "format"),
                            _rate("docugen_artefact_size_bytes_count", "format")), "{{format}}"),), "bytes"),
    ),
}  # fmt: skip


def dashboard() -> str:
    """The dashboard as Grafana reads it."""
    board = (
        build.Dashboard("DocuGen")
        .uid(UID)
        .description("Is it well, and if not, why. Made by tools/dashboard.py; alerts link to its panels.")
        .tags(["docugen"])
        .readonly()
        .refresh("30s")
        .time("now-3h", "now")
        .tooltip(values.DashboardCursorSync.CROSSHAIR)
        .with_variable(build.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .annotation(
            build.AnnotationQuery()
            .name("Alerts")
            .datasource(SOURCE)
            .enable(True)
            .icon_color(BAD)
            .expr('ALERTS{alertname=~"Docugen.*", alertstate="firing"}')
        )
    )
    for number, (title, panels) in enumerate(ROWS.items()):
        board.with_row(build.Row(title).id(1000 + number))
        for panel in panels:
            board.with_panel(_built(panel))
    return json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _built(panel: Panel) -> Built:
    make: dict[str, Callable[[Panel], Built]] = {"stat": _stat, "graph": _graph, "heatmap": _heatmap}
    made = make[panel.kind](panel)
    made.id(panel.number).title(panel.title).description(panel.about).datasource(SOURCE).span(panel.width)
    form = PromQueryFormat.HEATMAP if panel.kind == "heatmap" else PromQueryFormat.TIME_SERIES
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        target = prometheus.Dataquery().ref_id(letter).expr(query.expression).legend_format(query.legend)
        made.with_target((target.instant() if panel.kind == "stat" else target.range()).format(form))
    return made


def _stat(panel: Panel) -> stat.Panel:
    return (
        stat.Panel()
        .unit(panel.unit)
        .height(4)
        .no_value("no data")
        .thresholds(_thresholds(panel))
        .color_mode(common_values.BigValueColorMode.BACKGROUND)
        .graph_mode(common_values.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def _graph(panel: Panel) -> timeseries.Panel:
    made = timeseries.Panel().unit(panel.unit).height(8).min(0).fill_opacity(10)
    if panel.bad is not None:
        lines = common.GraphThresholdsStyleConfig().mode(common_values.GraphThresholdsStyleMode.DASHED)
        made.thresholds(_thresholds(panel)).thresholds_style(lines)
    legend = common.VizLegendOptions().show_legend(True).placement(common_values.LegendPlacement.BOTTOM)
    return made.legend(legend.display_mode(common_values.LegendDisplayMode.LIST))


def _heatmap(panel: Panel) -> heatmap.Panel:
    colours = heatmap.HeatmapColorOptions().mode(heatmap_values.HeatmapColorMode.SCHEME).scheme("Cividis").steps(64)
    return heatmap.Panel().height(8).calculate(False).color(colours).y_axis(heatmap.YAxisConfig().unit(panel.unit))


def _thresholds(panel: Panel) -> build.ThresholdsConfig:
    """Steps upwards; where less is worse, the colours stand the other way round."""
    assert panel.warn is not None
    assert panel.bad is not None
    if panel.bad > panel.warn:
        steps: Sequence[tuple[float | None, str]] = ((None, GOOD), (panel.warn, WARN), (panel.bad, BAD))
    else:
        steps = ((None, BAD), (panel.bad, WARN), (panel.warn, GOOD))
    made = [values.Threshold(value=value, color=colour) for value, colour in steps]
    return build.ThresholdsConfig().mode(values.ThresholdsMode.ABSOLUTE).steps(made)


def main(arguments: Sequence[str]) -> int:
    """The exit code. arguments: `--check` or none."""
    made = dashboard()
    if "--check" not in arguments:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(made, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == made:
        return 0
    print(f"{TARGET.relative_to(ROOT)} is not what tools/dashboard.py makes; run it, and commit the file")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
