"""Every setting, once: default, environment name, unit, sentence, bound. `environment` reads them.

The table is this file: `docugen config` prints it, docs/reference/settings.md is that output. A setting `render_timeout_ms`
is read from `DOCUGEN_RENDER_TIMEOUT_MS`.

A secret may come in a file instead, as orchestrators hand secrets out: `DOCUGEN_REDIS_URL_FILE` names one that holds what
`DOCUGEN_REDIS_URL` would. Secrets are never printed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from typing import TypeVar

PREFIX = "DOCUGEN_"
FILE_SUFFIX = "_FILE"
MASK = "[redacted]"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Declaration:
    """What `docugen config` says about a setting. unit: `ms`, `MiB`, ... or empty. secret: it is never printed, and may come in
    the file that `env` with _FILE names."""

    name: str
    env: str
    default: object
    sentence: str
    unit: str = ""
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False


def _setting(
    default: T,
    sentence: str,
    *,
    unit: str = "",
    minimum: int | None = None,
    maximum: int | None = None,
    choices: tuple[str, ...] = (),
    secret: bool = False,
) -> T:
    metadata = {
        "sentence": sentence,
        "unit": unit,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "secret": secret,
    }
    return field(default=default, metadata=metadata)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one process. Make one by `load()`; tests may construct it directly."""

    queue_enabled: bool = _setting(
        False,
        "Off: bundles render in this process tree, no Redis. On: jobs go through Redis Streams to workers.",
    )
    redis_url: str = _setting(
        "redis://127.0.0.1:6379/0",
        "Where the queue is: redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://.",
        secret=True,
    )
    redis_ca: str = _setting(
        "",
        "File with the CA certificates (PEM) that a rediss:// server must have its own from; empty takes the system's.",
    )
    redis_cert: str = _setting(
        "", "File with the certificate (PEM) this process shows to a rediss:// server that asks."
    )
    redis_key: str = _setting("", "File with the private key (PEM) of DOCUGEN_REDIS_CERT.")
    queue_name: str = _setting(
        "bundle:generate", "Name of the queue; its keys on Redis begin with {name}, its dead letters are {name}:dlq."
    )
    queue_lease_ms: int = _setting(
        15_000,
        "How long a silent worker keeps a job before it is given to another; workers renew at a third of it.",
        unit="ms",
        minimum=100,
        maximum=3_600_000,
    )
    queue_max_depth: int = _setting(
        1_000_000,
        "Unfinished jobs in the queue; beyond it submits answer RESOURCE_EXHAUSTED.",
        minimum=1,
        maximum=100_000_000,
    )
    queue_keep_ms: int = _setting(
        604_800_000,
        "How long the record of an ended run is kept on Redis; asking for the run again until then is not a new run.",
        unit="ms",
        minimum=1_000,
        maximum=31_536_000_000,
    )
    queue_dlq_keep_ms: int = _setting(
        2_592_000_000,
        "How long a dead letter is kept, and the record of its run with it; it holds the caller's data.",
        unit="ms",
        minimum=1_000,
        maximum=31_536_000_000,
    )
    queue_redrives_max: int = _setting(
        3, "How often one dead letter may be put back into the queue without force.", minimum=1, maximum=1_000
    )
    queue_inline_bytes: int = _setting(
        16_384,
        "Specs larger than this go to the store first, and travel through the queue by their digest.",
        unit="bytes",
        minimum=0,
        maximum=1 << 20,
    )
    queue_fallback: str = _setting(
        "reject",
        "While Redis cannot be reached: reject submits (UNAVAILABLE, come back), or render them inline, in the scheduler.",
        choices=("reject", "inline"),
    )
    queue_allow_volatile: bool = _setting(
        False, "Accept a Redis that may evict jobs or lose them at a restart. For tests only."
    )
    queue_concurrency: int = _setting(
        0, "Jobs one worker process renders at once; 0 means one for each core.", minimum=0, maximum=256
    )
    queue_max_attempts: int = _setting(
        5, "Attempts before a run fails for good, the first one included.", minimum=1, maximum=100
    )
    queue_backoff_ms: int = _setting(
        5_000,
        "Delay after the first failed attempt; doubles with each further one.",
        unit="ms",
        minimum=1,
        maximum=86_400_000,
    )
    queue_backoff_max_ms: int = _setting(
        300_000, "Longest delay between attempts.", unit="ms", minimum=1, maximum=86_400_000
    )
    inline_concurrency: int = _setting(
        0,
        "Bundles rendered at once without a queue; 0 means one for each core.",
        minimum=0,
        maximum=256,
    )
    inline_waiting_max: int = _setting(
        256,
        "Bundles that may wait for a slot without a queue; beyond it submits answer RESOURCE_EXHAUSTED.",
        minimum=0,
        maximum=100_000,
    )
    inline_answer_ms: int = _setting(
        30_000,
        "Without a queue, how long CreateBundleRun waits for the finished run before it answers with a running one.",
        unit="ms",
        minimum=0,
        maximum=600_000,
    )
    store_url: str = _setting(
        "file://./var/docugen",
        "Where artefacts and manifests land: file://./relative, file:///absolute, or with the extra [s3] s3://, gs://, az://.",
    )
    store_timeout_ms: int = _setting(
        60_000,
        "Time one request to an object store may take, its bytes included; without effect for file://.",
        unit="ms",
        minimum=100,
        maximum=3_600_000,
    )
    store_allow_http: bool = _setting(
        False, "Reach an object store whose endpoint has no TLS (http://); bytes then travel in the clear."
    )
    state_dir: str = _setting(
        "./var/docugen", "Folder of the run ledger where the store is a bucket; with file:// it lies in the store."
    )
    document_cache_entries: int = _setting(
        1_000_000,
        "Rendered documents that later bundles and attempts take over instead of rendering them again; 0 renders each one.",
        minimum=0,
        maximum=1_000_000_000,
    )
    signing_key_file: str = _setting(
        "",
        "File with the Ed25519 key (PEM) that signs manifests, at most readable by its group; empty signs nothing.",
    )
    template_path: str = _setting(
        "",
        "Folders with template packs besides those that ship with DocuGen or are installed, separated by ':'.",
    )
    grpc_address: str = _setting(
        "127.0.0.1:50051", "Address the scheduler listens on, host:port; port 0 picks a free one."
    )
    worker_grpc_address: str = _setting(
        "127.0.0.1:50052", "Address a worker answers health checks on, host:port; port 0 picks a free one."
    )
    metrics_address: str = _setting(
        "127.0.0.1:9464",
        "Address of the scheduler's metrics, host:port, for Prometheus at /metrics; port 0 picks a free one, empty is off.",
    )
    worker_metrics_address: str = _setting(
        "127.0.0.1:9465", "Address of a worker's metrics, host:port; port 0 picks a free one, empty is off."
    )
    insecure: bool = _setting(
        False, "Allow listening without TLS on an address other than loopback, and sending a token there without TLS."
    )
    tls_cert: str = _setting(
        "", "File with the scheduler's certificate and those between it and its CA (PEM); empty serves without TLS."
    )
    tls_key: str = _setting("", "File with the private key (PEM) of DOCUGEN_TLS_CERT, at most readable by its group.")
    tls_client_ca: str = _setting(
        "", "File with CA certificates (PEM): callers must then show a certificate from one of them (mutual TLS)."
    )
    auth_tokens_file: str = _setting(
        "",
        "File with the digests of bearer tokens, their tenants and roles (`docugen tokens new`); empty asks for none.",
    )
    reflection_enabled: bool = _setting(True, "Serve gRPC reflection, so that grpcurl works without the proto files.")
    grpc_handshake_ms: int = _setting(
        10_000,
        "A connection that has not begun to speak HTTP/2, and TLS where it is served, is closed after this time.",
        unit="ms",
        minimum=100,
        maximum=120_000,
    )
    grpc_idle_ms: int = _setting(
        600_000,
        "A connection without calls is closed after this time.",
        unit="ms",
        minimum=1_000,
        maximum=86_400_000,
    )
    grpc_age_ms: int = _setting(
        600_000,
        "A connection takes no new calls after this time, so that callers spread over new replicas.",
        unit="ms",
        minimum=1_000,
        maximum=86_400_000,
    )
    grpc_streams_max: int = _setting(
        1_000, "Calls at once on one connection; a caller's further ones wait on its side.", minimum=1, maximum=100_000
    )
    watches_max: int = _setting(
        4_096,
        "Calls that wait or watch at once; further ones answer RESOURCE_EXHAUSTED.",
        minimum=1,
        maximum=1_000_000,
    )
    grace_ms: int = _setting(
        20_000,
        "On SIGTERM, how long running calls and renders may take to end.",
        unit="ms",
        minimum=0,
        maximum=600_000,
    )
    render_processes: int = _setting(0, "Render processes; 0 means one for each core.", minimum=0, maximum=256)
    render_timeout_ms: int = _setting(
        60_000,
        "Time one document may take; its render process is killed at the deadline.",
        unit="ms",
        minimum=10,
        maximum=3_600_000,
    )
    attempt_timeout_ms: int = _setting(
        900_000,
        "Time one attempt at a whole bundle may take; beyond it the attempt fails and is retried.",
        unit="ms",
        minimum=100,
        maximum=86_400_000,
    )
    render_memory_mb: int = _setting(
        1_536, "Address space of one render process.", unit="MiB", minimum=256, maximum=1_048_576
    )
    render_recycle_rss_mb: int = _setting(
        512,
        "A render process that grew beyond this is replaced after its document.",
        unit="MiB",
        minimum=64,
        maximum=1_048_576,
    )
    render_recycle_documents: int = _setting(
        2_000, "A render process is replaced after this many documents.", minimum=1, maximum=60_000
    )
    max_request_bytes: int = _setting(4 << 20, "Largest bundle request.", unit="bytes", minimum=1_024, maximum=1 << 30)
    max_documents: int = _setting(200, "Documents in one bundle.", minimum=1, maximum=10_000)
    max_data_depth: int = _setting(32, "Nesting of data in a request.", minimum=2, maximum=200)
    max_pages: int = _setting(2_000, "Pages of one document.", minimum=1, maximum=1_000_000)
    max_rows: int = _setting(100_000, "Rows of one table.", minimum=1, maximum=1_048_575)
    max_artefact_bytes: int = _setting(64 << 20, "Size of one artefact.", unit="bytes", minimum=1_024, maximum=1 << 30)
    token: str = _setting("", "Token that commands show to a server which asks for one.", secret=True)
    ca_file: str = _setting(
        "", "File with the CA certificates (PEM) that commands trust a server by; given, they speak TLS."
    )
    client_cert: str = _setting("", "File with the certificate (PEM) that commands show to a server with mutual TLS.")
    client_key: str = _setting("", "File with the private key (PEM) of DOCUGEN_CLIENT_CERT.")
    server_name: str = _setting(
        "", "Name in the server's certificate, where commands reach it by another one (a tunnel, an address)."
    )
    log_level: str = _setting("info", "Least severe log lines to write.", choices=("debug", "info", "warning", "error"))
    log_format: str = _setting(
        "auto",
        "json, console, or auto: console on a terminal, json elsewhere.",
        choices=("auto", "json", "console"),
    )

    @property
    def inline_slots(self) -> int:
        return self.inline_concurrency or _cores()

    @property
    def queue_slots(self) -> int:
        return self.queue_concurrency or _cores()

    @property
    def render_slots(self) -> int:
        return self.render_processes or _cores()


def declarations() -> tuple[Declaration, ...]:
    """Every setting in the order of this file."""
    return tuple(Declaration(f.name, PREFIX + f.name.upper(), f.default, **f.metadata) for f in fields(Settings))


def printable(declaration: Declaration, value: object) -> object:
    """`value` as it may be printed: a secret is masked, of a URL all but its user and password is shown."""
    if not declaration.secret or not value or value == declaration.default:
        return value
    scheme, separator, rest = str(value).partition("://")
    if not separator:
        return MASK
    user, at, where = rest.rpartition("@")
    return f"{scheme}://{MASK if user else ''}{at}{where}"
