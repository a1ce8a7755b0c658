"""The typed asyncio client. Start here:

    from docugen.client import DocugenClient

    async with DocugenClient("127.0.0.1:50051") as client:
        run = await client.submit(bundle, wait=True)
        await client.download(run, "out/march")

A bundle is the JSON object the command line reads, or a `docugen.v1.bundle_pb2.BundleSpec`. What comes back are small frozen
dataclasses (`results`): states are enums, times are aware datetimes, `to_json` turns any of them into plain JSON.
What can go wrong is one small tree (`errors`). Every call has a deadline, and every call may safely be repeated:
the client itself repeats what met a restarting or a busy server.

A server with TLS and tokens: `DocugenClient(address, access=Access(ca="ca.pem", token=token))`.

In here: `client` (the calls), `queue_client` (the operators'), `connection` (channel, retry policy, keepalive), `access`,
`bundle_message`, `run_request` (JSON to protobuf), `results` and `decode` (protobuf to results), `fetching` and `download`
(bytes to verified files), `patience` (how long to try again).
Nothing in here knows how documents are made.
"""

from __future__ import annotations

from docugen.client.access import Access
from docugen.client.client import DocugenClient
from docugen.client.download import Download
from docugen.client.errors import CorruptDownload, DocugenClientError, Refused, TryAgain
from docugen.client.queue_results import Attempt, DeadLetter, Drop, QueueStats, Redrive, Worker
from docugen.client.results import (
    Artefact,
    BundleRun,
    Capabilities,
    DocumentProgress,
    DocumentState,
    Manifest,
    RunError,
    RunState,
    SignedUrl,
    Template,
    TemplatePack,
    Verdict,
    Verification,
    Violation,
    to_json,
)

__all__ = [
    "Access",
    "Artefact",
    "Attempt",
    "BundleRun",
    "Capabilities",
    "CorruptDownload",
    "DeadLetter",
    "DocugenClient",
    "DocugenClientError",
    "DocumentProgress",
    "DocumentState",
    "Download",
    "Drop",
    "Manifest",
    "QueueStats",
    "Redrive",
    "Refused",
    "RunError",
    "RunState",
    "SignedUrl",
    "Template",
    "TemplatePack",
    "TryAgain",
    "Verdict",
    "Verification",
    "Violation",
    "Worker",
    "to_json",
]
