"""After the storm: is everything as promised? Looks at Redis, at the store and at what the callers were told.

Each finding names a run and a broken promise; none is the proof. Reads only.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.callers import Receipt
from chaos.chronicle import Chronicle
from chaos.orders import GOOD, Kind, key
from chaos.stage import Stage
from docugen_core.adapters.keys import LANES
from docugen_core.domain.job import JobRecord
from docugen_core.domain.lease import WORKER_LOST
from docugen_core.domain.run import RunState


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise that was broken. run_id: empty where it is nobody's. kind: lost, stuck, twice or wrong."""

    kind: str
    what: str
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """findings: empty when all promises were kept."""

    findings: tuple[Finding, ...]
    states: Counter[str]
    redelivered: int

    def count(self, kind: str) -> int:
        return sum(finding.kind == kind for finding in self.findings)


async def audit(
    stage: Stage, chronicle: Chronicle, receipts: Mapping[str, Receipt], goldens: Mapping[str, bytes]
) -> Verdict:
    """The verdict on a storm that is over: nothing is waiting, every process has ended."""
    findings = await _leftovers(stage)
    records = await _records(stage, tuple(receipts))
    states: Counter[str] = Counter()
    for run_id, receipt in receipts.items():
        record = records[run_id]
        states[record.state.value if record else "unknown"] += 1
        findings += [Finding(kind, what, run_id) for kind, what in _of_run(receipt, record, stage, chronicle, goldens)]
    published = {path.stem for path in (stage.store / "manifests").iterdir()}
    findings += [Finding("wrong", "published, and nobody ordered it", run) for run in published - set(receipts)]
    redelivered = sum(record.attempt > 1 for record in records.values() if record)
    return Verdict(tuple(findings), states, redelivered)


def _of_run(
    receipt: Receipt, record: JobRecord | None, stage: Stage, chronicle: Chronicle, goldens: Mapping[str, bytes]
) -> list[tuple[str, str]]:
    """Broken promises about one run, as kind and what."""
    order = receipt.order
    if not receipt.accepted:
        return [("wrong", "its submit was never answered")]
    if record is None:
        return [("lost", "accepted, and the queue does not know it")]
    if not record.state.is_terminal:
        return [("stuck", f"still {record.state.value}")]
    found = [("wrong", receipt.wrong)] if receipt.wrong else []
    if len(chronicle.ended[order.run_id]) > 1 or chronicle.told_done[order.run_id] > 1:
        found.append(
            ("twice", f"ended as {chronicle.ended[order.run_id]}, done {chronicle.told_done[order.run_id]} times")
        )
    expected = {RunState.SUCCEEDED} if order.kind in GOOD else {RunState.FAILED}
    if order.cancel_s is not None:
        expected = {RunState.CANCELLED} if receipt.cancelled else expected | {RunState.CANCELLED}
    if record.state not in expected:
        found.append(("wrong", f"ended {record.state.value}: {record.failure}"))
    if record.state is RunState.FAILED and order.kind not in GOOD:
        found += [
            ("wrong", what)
            for what in _poison(record, order.kind, order.max_attempts, chronicle.rendered[record.run_id])
        ]
    return found + [("wrong", what) for what in _stored(record, stage.store, goldens.get(key(order.bundle), b""))]


def _poison(record: JobRecord, kind: Kind, max_attempts: int, rendered: Set[int]) -> list[str]:
    """A poison is rendered exactly in its attempts. Deliveries beyond them render nothing: they bury what took its last worker
    with it, and may be lost themselves."""
    assert record.failure is not None
    own = [a.failure.code for a in record.attempts if a.failure.code != WORKER_LOST.code]
    by_worker = record.failure.code == WORKER_LOST.code
    bounded = max(rendered, default=0) <= max_attempts and (by_worker or record.attempt <= max_attempts)
    spent = record.attempt >= max_attempts or (kind is Kind.BROKEN and len(own) == 1)
    return (
        []
        if bounded and spent
        else [f"{kind.value}: attempt {record.attempt}, rendered {rendered}, {own}, bound {max_attempts}"]
    )


def _stored(record: JobRecord, store: Path, golden: bytes) -> list[str]:
    """What the store has of a run: everything, with the golden bytes, or no manifest."""
    manifest, claim = (store / folder / f"{record.run_id}.json" for folder in ("manifests", "claims"))
    if record.state is not RunState.SUCCEEDED:
        return [f"ended {record.state.value}, and a manifest stands"] if manifest.exists() else []
    if not manifest.exists():
        return ["succeeded, and has no manifest"]
    raw = manifest.read_bytes()
    found = []
    if raw != golden:
        found.append("its manifest is not the one inline rendering gives")
    if not claim.exists() or claim.read_bytes() != raw:
        found.append("its claim is not its manifest")
    if hashlib.sha256(raw).hexdigest() != record.manifest_digest:
        found.append("the queue has another digest of its manifest")
    listed = {a["name"]: a["sha256"] for a in json.loads(raw)["artefacts"] if a["status"] == "rendered"}
    folder = store / "artefacts" / record.run_id
    there = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
    if listed != there:
        found.append(f"its artefacts are not those of its manifest: {sorted(there)} for {sorted(listed)}")
    return found


async def _records(stage: Stage, run_ids: Sequence[str]) -> dict[str, JobRecord | None]:
    found: dict[str, JobRecord | None] = {}
    for start in range(0, len(run_ids), 500):
        page = run_ids[start : start + 500]
        found |= dict(zip(page, await stage.queue.get(page), strict=True))
    return found


async def _leftovers(stage: Stage) -> list[Finding]:
    """Streams, their pending lists and the index are empty."""
    keys, found = stage.queue.keys, []
    for lane in LANES:
        length = await stage.redis.execute("XLEN", keys.lane(lane))
        pending: Any = await stage.redis.execute("XPENDING", keys.lane(lane), "workers") if length else [0]
        count = pending["pending"] if isinstance(pending, dict) else pending[0]
        if length or count:
            found.append(Finding("stuck", f"lane {lane}: {length} entries, {count} pending"))
    due = await stage.redis.execute("ZCARD", keys.key("due"))
    return [*found, Finding("stuck", f"{due} entries in the index of due times")] if due else found
