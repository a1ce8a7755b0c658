"""What the client hands out: frozen values with the contract's names, states as enums, times as aware UTC datetimes.

Why not the protobuf messages themselves: their states are integers, their times are not datetimes, and an absent message
cannot be told from an empty one without asking. Whoever wants them uses the stubs in `docugen.v1` directly.

Standard library only: importing this costs nothing, so the command line shares it with commands that need no server.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class RunState(Enum):
    """Where a run is. UNSPECIFIED: a state of a newer server that this client does not know."""

    UNSPECIFIED = "unspecified"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


class DocumentState(Enum):
    """Where one document of a run is."""

    UNSPECIFIED = "unspecified"
    PENDING = "pending"
    RENDERING = "rendering"
    RENDERED = "rendered"
    OMITTED = "omitted"
    FAILED = "failed"


class Verdict(Enum):
    """What a second rendering showed. INPUTS_CHANGED: another edition. DETERMINISM_VIOLATION: must not happen."""

    UNSPECIFIED = "unspecified"
    IDENTICAL = "identical"
    INPUTS_CHANGED = "inputs_changed"
    DETERMINISM_VIOLATION = "determinism_violation"


@dataclass(frozen=True, slots=True)
class Violation:
    """One wrong field. path: from the bundle, e.g. `documents[2].data.lines[0].quantity`."""

    path: str
    description: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.description}" + (f" ({self.hint})" if self.hint else "")


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A place in a template pack. line and column from 1, 0 where unknown. expression: the offending source text."""

    file: str
    line: int = 0
    column: int = 0
    expression: str = ""


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run, or its last attempt, failed. reason: stable UPPER_SNAKE; message is for people."""

    reason: str
    message: str
    hint: str = ""
    retryable: bool = False
    document: str = ""
    location: SourceLocation | None = None
    violations: tuple[Violation, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DocumentProgress:
    """How far one document is. pages and size (bytes) are 0 until it is rendered; pages stay 0 where there are none."""

    name: str
    state: DocumentState
    pages: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class BundleRun:
    """One snapshot of a run. Times that have not come yet are None; attempt counts from 1."""

    id: str
    state: RunState
    spec_digest: str
    seed: str
    revision: int = 0
    attempt: int = 0
    max_attempts: int = 0
    create_time: dt.datetime | None = None
    start_time: dt.datetime | None = None
    finish_time: dt.datetime | None = None
    next_attempt_time: dt.datetime | None = None
    worker: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    documents: tuple[DocumentProgress, ...] = ()
    error: RunError | None = None
    manifest_digest: str = ""
    deduplicated: bool = False
    """Only from `submit`: the run existed before, nothing was started."""

    @property
    def succeeded(self) -> bool:
        return self.state is RunState.SUCCEEDED


@dataclass(frozen=True, slots=True)
class Artefact:
    """One document of a finished bundle. size in bytes; sha256 empty and `reason` set where it was omitted."""

    name: str
    format: str
    media_type: str
    status: str = "rendered"
    size: int = 0
    sha256: str = ""
    pages: int = 0
    document_digest: str = ""
    reason: str = ""
    fallback_reason: str = ""

    @property
    def rendered(self) -> bool:
        return self.status == "rendered"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a finished bundle consists of, and the exact bytes it was read from (RFC 8785 JSON). signature: the file that
    belongs beside it; None where it is not signed."""

    spec_digest: str
    seed: str
    engine_fingerprint: str
    artefacts: tuple[Artefact, ...]
    json_bytes: bytes = field(repr=False)
    signature: bytes | None = field(default=None, repr=False)

    @classmethod
    def from_bytes(cls, data: bytes, signature: bytes | None = None) -> Manifest:
        """Read a manifest. Raises ValueError when `data` is not one of a known schema."""
        raw = json.loads(data)
        if not isinstance(raw, dict) or raw.get("schema") != "docugen.manifest/v1":
            raise ValueError("not a docugen.manifest/v1 document")
        known = {f.name for f in dataclasses.fields(Artefact)}
        return cls(
            spec_digest=raw["spec_digest"],
            seed=raw["seed"],
            engine_fingerprint=raw["engine"]["fingerprint"],
            artefacts=tuple(Artefact(**{k: v for k, v in a.items() if k in known}) for a in raw["artefacts"]),
            json_bytes=data,
            signature=signature,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """One artefact then and now, as SHA-256; empty where it was or is omitted."""

    artefact: str
    expected_sha256: str
    actual_sha256: str
    equal: bool


@dataclass(frozen=True, slots=True)
class ChangedInput:
    """An input that is another one now, e.g. `engine.typst`; before and now are versions or digests."""

    input: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What rendering a run again showed. Inputs may have changed without changing a byte."""

    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    changed_inputs: tuple[ChangedInput, ...] = ()

    @property
    def identical(self) -> bool:
        return self.verdict is Verdict.IDENTICAL


@dataclass(frozen=True, slots=True)
class Template:
    """One document a pack can render. schema and sample are None in lists."""

    name: str
    title: str
    description: str
    formats: tuple[str, ...]
    schema: Any = None
    sample: Any = None


@dataclass(frozen=True, slots=True)
class TemplatePack:
    """Templates that belong together. digest: SHA-256 over the pack's files."""

    name: str
    version: str
    digest: str
    description: str
    templates: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A URL that leads to an artefact until `expire_time`; nobody else's permission is needed."""

    url: str
    expire_time: dt.datetime


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server can do. mode: `inline` or `queue`. limits: by the contract's names; durations in seconds."""

    version: str
    mode: str
    formats: tuple[str, ...]
    generators: tuple[str, ...]
    engine_fingerprint: str
    engine_components: Mapping[str, str]
    limits: Mapping[str, float]


def to_json(value: Any) -> Any:
    """Any of these values as plain JSON: enums as words, times as RFC 3339 UTC, a manifest as the manifest itself."""
    if isinstance(value, Manifest):
        return json.loads(value.json_bytes)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {key: to_json(value[key]) for key in value}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value
