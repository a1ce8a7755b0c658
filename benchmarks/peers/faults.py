"""What becomes of a job whose worker is killed, and of one whose worker is frozen and wakes up too late.

Killed: one worker has the job, another waits beside it, the first gets SIGKILL; the time until the job runs again. Frozen: the
first gets SIGSTOP, the second takes over and finishes; the first is woken, ends the job in its own way, and we look whose
result stands. Every queue has its own server, and the same short lease by its own name for it; one run, not a measurement.
"""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from benchmarks.peers.catalogue import Peer
from benchmarks.peers.subject import DOCUGEN, PeerFailed, Program, Subject
from benchmarks.stage import Stage

LEASE_MS = 3_000
AGAIN_S = 30.0
"""So long we wait for the job to run again."""
SETTLED_S = 22.0
"""Longer than the rest of the woken worker's job."""
SLOTS = 2
STARTS_S = 1.5


@dataclass(frozen=True, slots=True)
class Fate:
    """One queue's answers, in words; lease: what its setting is called."""

    label: str
    lease: str
    killed: str
    frozen: str


async def measure(stage: Stage, peers: Sequence[Peer]) -> list[Fate]:
    """All at once: they wait, they do not work."""
    subjects = [DOCUGEN, *(Subject(peer.name, peer.label, SLOTS, peer) for peer in peers)]
    return list(await asyncio.gather(*(_fate(stage, subject) for subject in subjects)))


async def _fate(stage: Stage, subject: Subject) -> Fate:
    answers = []
    for happen in (_killed, _frozen):
        async with stage.redis() as redis:
            try:
                answers.append(await happen(subject, redis.address.public()))
            except PeerFailed as error:
                answers.append(f"could not be shown: {error}")
    lease = subject.peer.lease if subject.peer else "DOCUGEN_QUEUE_LEASE_MS"
    return Fate(subject.label, lease, *answers)


def _worker(subject: Subject, url: str, mode: str, name: str) -> Program:
    slots = min(subject.slots, SLOTS)
    return subject.program("work", url, mode, 0, 0, slots, LEASE_MS, name)


async def _held(subject: Subject, url: str, stack: AsyncExitStack) -> tuple[Program, Program, Program, str]:
    """The submitter, the worker that has the job, one that waits, and the job's name."""
    submitter = await stack.enter_async_context(subject.program("submit", url))
    first = await stack.enter_async_context(_worker(subject, url, "hold", "first"))
    first.go()
    (name,) = await submitter.ask("slow", "id")
    await first.line("began")
    second = await stack.enter_async_context(_worker(subject, url, "brief", "second"))
    second.go()
    await asyncio.sleep(STARTS_S)
    return submitter, first, second, name


async def _again(second: Program) -> float | None:
    """Seconds until the job runs again; None where it does not while we wait."""
    begin = asyncio.get_running_loop().time()
    try:
        await second.line("began", AGAIN_S)
    except PeerFailed:
        return None
    return asyncio.get_running_loop().time() - begin


async def _killed(subject: Subject, url: str) -> str:
    async with AsyncExitStack() as stack:
        _, first, second, _ = await _held(subject, url, stack)
        first.signal(signal.SIGKILL)
        after_s = await _again(second)
    return f"runs again after {after_s:.1f} s" if after_s is not None else f"not again within {AGAIN_S:.0f} s"


async def _frozen(subject: Subject, url: str) -> str:
    async with AsyncExitStack() as stack:
        submitter, first, second, name = await _held(subject, url, stack)
        first.signal(signal.SIGSTOP)
        if await _again(second) is None:
            return f"not taken over within {AGAIN_S:.0f} s"
        await asyncio.sleep(1)
        before = _whose((await submitter.ask(f"result {name}", "result"))[0])
        first.signal(signal.SIGCONT)
        await asyncio.sleep(SETTLED_S)
        after = _whose((await submitter.ask(f"result {name}", "result"))[0])
    if before != "second":
        return f"after the second worker's end the result was {before}'s; in the end {after}'s"
    return "the second worker's result stands" if after == "second" else "the woken worker overwrote the result"


def _whose(result: str) -> str:
    names = {hashlib.sha256(name.encode()).hexdigest(): name for name in ("first", "second")}
    return names.get(result, "nobody" if result == "-" else result)
