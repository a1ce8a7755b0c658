"""Bundles as callers send them: each number another bundle, so that none is a run that is known already.

certificate   one PDF, 0.9 KB of data: the request of the themes that call
letter        one text file: next to no rendering, for the themes that count jobs
else          the example bundle of that name, all its documents
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from docugen.client.bundle_message import bundle_message
from docugen.v1.bundle_run_pb2 import BundleRun
from docugen.v1.bundle_run_service_pb2 import (
    BatchCreateBundleRunsRequest,
    CreateBundleRunRequest,
    CreateBundleRunResponse,
)
from google.protobuf.message import DecodeError

from benchmarks.stage import ROOT

EXAMPLES = ROOT / "examples" / "bundles"
TEMPLATES = ROOT / "libs" / "docugen_core" / "templates"
SMALL = {"certificate": ("certificate.pdf", "pdf"), "letter": ("letter.txt", "txt")}


def bundle(name: str, number: int) -> dict[str, Any]:
    """The bundle `name` as JSON, told apart from all others by its seed, and where its data have a number by that."""
    raw = _raw(name)
    varied = raw | {"seed": f"{raw['seed']}-{number}", "data": dict(raw.get("data", {}))}
    for field in ("number", "serial"):
        if field in varied["data"]:
            varied["data"][field] = f"SPECIMEN-{number:06d}"
    return varied


def create_request(name: str, number: int) -> bytes:
    """A CreateBundleRunRequest as it travels."""
    return _request(name, number).SerializeToString()


def batch_request(name: str, first: int, count: int) -> bytes:
    """A BatchCreateBundleRunsRequest of `count` bundles, numbered from `first`."""
    requests = [_request(name, number) for number in range(first, first + count)]
    return BatchCreateBundleRunsRequest(requests=requests).SerializeToString()


def tells_of_finished(answer: bytes) -> bool:
    """Whether an answer to CreateBundleRun is of a run that was there before and has succeeded; the echo's are not."""
    try:
        response = CreateBundleRunResponse.FromString(answer)
    except DecodeError:
        return False
    return response.deduplicated and response.bundle_run.state == BundleRun.STATE_SUCCEEDED


def _request(name: str, number: int) -> CreateBundleRunRequest:
    return CreateBundleRunRequest(spec=bundle_message(bundle(name, number)))


@cache
def _raw(name: str) -> dict[str, Any]:
    if name not in SMALL:
        found: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text())
        return found
    document, format_name = SMALL[name]
    return {
        "seed": name,
        "locale": "en-GB",
        "time_zone": "Europe/London",
        "document_date": "2026-10-02",
        "specimen": True,
        "data": json.loads((TEMPLATES / name / f"{name}.sample.json").read_text()),
        "documents": [{"name": document, "format": format_name, "template": f"{name}/{name}"}],
    }
