"""A caller with nothing but the generated stubs: submit a bundle, wait for it, write one artefact to standard output.

    python examples/clients/plain_stubs.py examples/bundles/invoice.json invoice.pdf > invoice.pdf

The server is at DOCUGEN_GRPC_ADDRESS, or at 127.0.0.1:50051. What is here is what a client in any language does.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import grpc
from docugen.v1 import artefact_service_pb2 as artefacts
from docugen.v1 import bundle_pb2, bundle_run_pb2
from docugen.v1 import bundle_run_service_pb2 as runs
from docugen.v1.artefact_service_pb2_grpc import ArtefactServiceStub
from docugen.v1.bundle_run_service_pb2_grpc import BundleRunServiceStub
from google.protobuf.duration_pb2 import Duration

TERMINAL = (
    bundle_run_pb2.BundleRun.STATE_SUCCEEDED,
    bundle_run_pb2.BundleRun.STATE_FAILED,
    bundle_run_pb2.BundleRun.STATE_CANCELLED,
)


def spec_of(path: str) -> bundle_pb2.BundleSpec:
    """The bundle in a file. Data travels as JSON text."""
    bundle = json.loads(Path(path).read_text(encoding="utf-8"))
    return bundle_pb2.BundleSpec(
        documents=[
            bundle_pb2.DocumentSpec(name=d["name"], format=d["format"], template=d["template"])
            for d in bundle["documents"]
        ],
        data_json=json.dumps(bundle["data"]),
        seed=bundle["seed"],
        locale=bundle["locale"],
        time_zone=bundle["time_zone"],
        document_date=bundle["document_date"],
        specimen=bundle["specimen"],
    )


def finished(stub: BundleRunServiceStub, spec: bundle_pb2.BundleSpec) -> bundle_run_pb2.BundleRun:
    """The run of `spec`, once it is terminal. Asking again after a broken call finds the same run."""
    run = stub.CreateBundleRun(runs.CreateBundleRunRequest(spec=spec), timeout=30).bundle_run
    while run.state not in TERMINAL:
        request = runs.WaitBundleRunRequest(name=run.name, timeout=Duration(seconds=25))
        run = stub.WaitBundleRun(request, timeout=30).bundle_run
    return run


def read(stub: ArtefactServiceStub, name: str) -> bytes:
    """The bytes of an artefact, compared with the digest that comes before them."""
    header, data = None, bytearray()
    for message in stub.ReadArtefact(artefacts.ReadArtefactRequest(name=name), timeout=60):
        if message.HasField("header"):
            header = message.header
        else:
            data += message.chunk
    if header is None or hashlib.sha256(data).hexdigest() != header.sha256:
        raise SystemExit(f"{name} arrived damaged; read it again")
    return bytes(data)


def main(path: str, artefact: str) -> None:
    address = os.environ.get("DOCUGEN_GRPC_ADDRESS", "127.0.0.1:50051")
    # A proxy in the environment cannot reach this machine's loopback.
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        run = finished(BundleRunServiceStub(channel), spec_of(path))
        if run.state != bundle_run_pb2.BundleRun.STATE_SUCCEEDED:
            raise SystemExit(f"{run.name}: {run.error.reason}: {run.error.message}")
        sys.stdout.buffer.write(read(ArtefactServiceStub(channel), f"{run.name}/artefacts/{artefact}"))


if __name__ == "__main__":
    main(*sys.argv[1:3])
