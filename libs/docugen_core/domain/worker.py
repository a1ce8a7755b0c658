"""Workers as the queue knows them: their names, and what they say of themselves. Times: milliseconds by the queue's clock."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from typing import Any

CONSUMER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""Full-match pattern of a consumer name; names with `~` are the queue's own."""


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job in a worker's hands. age_ms: since it was taken. documents: of the bundle, 0 until it is read; ended: of these.
    document: one that is being rendered, empty between two."""

    run_id: str
    attempt: int
    age_ms: int
    documents: int = 0
    ended: int = 0
    document: str = ""


@dataclass(frozen=True, slots=True)
class WorkerAdvert:
    """What a worker says of itself. packs: digests of the template packs it has. bundle_runs: what it holds; jobs: what it does
    with them."""

    host: str
    process_id: int
    start_time_ms: int
    slots: int
    engine_fingerprint: str
    version: str
    packs: tuple[str, ...] = ()
    bundle_runs: tuple[str, ...] = ()
    jobs: tuple[HeldJob, ...] = ()

    def to_text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str | bytes) -> WorkerAdvert:
        """Reads adverts of other releases too: fields it does not know are passed over, those it misses are empty."""
        raw: dict[str, Any] = json.loads(text)
        return cls(
            host=raw.get("host", ""),
            process_id=raw.get("process_id", 0),
            start_time_ms=raw.get("start_time_ms", 0),
            slots=raw.get("slots", 0),
            engine_fingerprint=raw.get("engine_fingerprint", ""),
            version=raw.get("version", ""),
            packs=tuple(raw.get("packs", ())),
            bundle_runs=tuple(raw.get("bundle_runs", ())),
            jobs=tuple(HeldJob(**{k: v for k, v in job.items() if k in _HELD}) for job in raw.get("jobs", ())),
        )


_HELD = frozenset(one.name for one in fields(HeldJob))


@dataclass(frozen=True, slots=True)
class WorkerSighting:
    """A worker that announced itself, last at seen_time_ms."""

    consumer: str
    seen_time_ms: int
    draining: bool
    advert: WorkerAdvert


def consumer_name(host: str, process_id: int, boot_id: str, start_ticks: int) -> str:
    """A consumer's name: never used twice, so an old lease can never fit a new process.

    host, process id and boot alone repeat when a container restarts (always process 1 of the same boot); start_ticks, the
    process's start in clock ticks since boot, does not. Characters that a name may not have become `-`.
    """
    plain = f"{host[:64]}-{process_id}-{boot_id.replace('-', '')[:8]}-{start_ticks}"
    name = re.sub(r"[^A-Za-z0-9._-]", "-", plain).lstrip("._-")
    if CONSUMER.fullmatch(name) is None:
        raise ValueError(f"{name!r} cannot name a consumer")
    return name
