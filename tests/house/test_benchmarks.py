"""The benchmarks measure with parts of their own: a caller that speaks HTTP/2 by hand, bundles, curves. These are right."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from docugen.v1.bundle_run_service_pb2 import BatchCreateBundleRunsRequest, CreateBundleRunRequest
from docugen_core.adapters.proto_spec_codec import decode_request
from docugen_core.assembly import assemble_intake
from docugen_core.config import Settings
from docugen_core.submission import prepare_generation_job

from benchmarks.__main__ import ONLY_WHEN_NAMED, THEMES
from benchmarks.bundles import SMALL, batch_request, bundle, create_request
from benchmarks.echo import started_echo
from benchmarks.measurement import Bound, Curve, Measurement, point
from benchmarks.table import table, write_json
from benchmarks.wire import call
from tools.bench_plots import PLOTS, curves_of, drawn

ROOT = Path(__file__).parents[2]
MEASURED = Measurement(
    "submit with 1 000 queued",
    "us/job",
    (20.0, 30.0, 22.0),
    "with none queued",
    (10.0, 10.0, 11.0),
    Bound(2.5, at_most=True),
    facts=point(Curve.SUBMITS, 1_000),
)


@pytest.mark.parametrize(("size", "in_flight"), [(1, 1), (1_000, 64), (200_000, 3)])
async def test_every_call_of_the_caller_is_answered_beyond_the_windows_of_http2_too(size: int, in_flight: int) -> None:
    server, address = await started_echo(size)
    try:
        called = await call(address, "/any.Service/Method", [bytes(size)] * 70, in_flight)
    finally:
        await server.stop(0)
    assert [len(answer) for answer in called.answers] == [size] * 70
    assert len(called.latencies_us) == 70


async def test_a_refused_call_has_no_answer() -> None:
    server, address = await started_echo(8)
    try:
        called = await call(address, "/any.Service/Method", [bytes(8 << 20)], 1)  # more than gRPC lets in
    finally:
        await server.stop(0)
    assert called.answers == ()


@pytest.mark.parametrize("name", [*SMALL, "invoice"])
def test_numbered_bundles_pass_every_check_and_are_different_runs(name: str) -> None:
    intake = assemble_intake(Settings())
    requests = [CreateBundleRunRequest.FromString(create_request(name, number)) for number in (1, 2)]
    jobs = [prepare_generation_job(decode_request(request, intake.limits).request, intake) for request in requests]
    assert jobs[0].run_id != jobs[1].run_id
    assert bundle(name, 1) == bundle(name, 1)
    assert list(BatchCreateBundleRunsRequest.FromString(batch_request(name, 1, 2)).requests) == requests


def test_every_curve_can_be_drawn() -> None:
    assert set(PLOTS) == set(Curve)


def test_a_curve_is_drawn_from_the_file_that_a_run_writes_and_always_alike(tmp_path: Path) -> None:
    write_json(tmp_path / "bench.json", {}, [MEASURED, Measurement("no point", "s", (1.0,))])
    curves = curves_of(json.loads((tmp_path / "bench.json").read_text()))
    ((name, series),) = curves.items()
    picture = drawn(PLOTS[name], series)
    assert picture == drawn(PLOTS[name], series)
    dots = ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}circle")  # noqa: S314 - our own
    assert len(list(dots)) == len(MEASURED.values) + len(MEASURED.floor_values)


def test_a_row_compares_rounds_and_not_medians() -> None:
    assert MEASURED.ratio == 2.0
    assert "| 2.00  | <= 2.5 | met |" in table([MEASURED])


def test_the_page_says_which_themes_run_only_when_they_are_named() -> None:
    page = (ROOT / "docs" / "explanation" / "performance.md").read_text()
    assert set(ONLY_WHEN_NAMED) < set(THEMES)
    assert all(f"--only {theme}" in page for theme in ONLY_WHEN_NAMED)
