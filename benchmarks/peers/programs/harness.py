"""What every Python program of a peer shares: how it is told what to do, and what its one job does.

Runs under the peer's own interpreter, so it knows the standard library alone. Lines in, lines out:

    PROGRAM submit URL                                  `ready`; then, for each line, one answer:
        one COUNT | bulk COUNT                          `took MICROSECONDS`
        paced COUNT PER_SECOND                          `sent`
        slow                                            `id NAME`: one job, whose result can be asked for
        result NAME                                     `result TEXT`, or `result -` where there is none yet
    PROGRAM work URL MODE COUNT ITERATIONS SLOTS LEASE_MS NAME
                                                        `ready`; then, after a line, it works until it is killed
        noop                                            `drained FIRST LAST`: when the first quarter, which warms up,
                                                        and all COUNT jobs had started
        stamp                                           `late US`: from the time in the payload to the start of the job
        burn                                            `burnt BEGIN END` for each job
        hold | brief                                    `began`; the job returns NAME after HOLD_S, or after BRIEF_S

Times are those of CLOCK_MONOTONIC in microseconds, one clock for every process of a machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

PAYLOAD = "0123456789abcdef" * 25
"""400 bytes, as in benchmarks.jobs."""
GATHERED = 200
HOLD_S = 20.0
BRIEF_S = 0.1


class Submitter(ABC):
    """The producing side of a peer. one: the name of the job; bulk: by its documented call for many, where it has one."""

    @abstractmethod
    async def one(self, payload: str) -> str: ...

    async def bulk(self, payloads: Sequence[str]) -> None:
        """For those that have no call for many jobs: so many are under way at once."""
        for at in range(0, len(payloads), GATHERED):
            await asyncio.gather(*(self.one(payload) for payload in payloads[at : at + GATHERED]))

    async def slow(self, payload: str) -> str:
        """A job that may run longer than the lease: with heartbeats, where they must be asked for."""
        return await self.one(payload)

    @abstractmethod
    async def result(self, name: str) -> str | None: ...


@dataclass(slots=True)
class Work:
    """What the job does, and what it says. A callable of the job's payload."""

    mode: str
    count: int
    iterations: int
    slots: int
    lease_ms: int
    name: str
    done: int = 0
    first_us: float = 0.0

    @classmethod
    def of(cls, words: Sequence[str]) -> Work:
        mode, count, iterations, slots, lease_ms, name = words
        return cls(mode, int(count), int(iterations), int(slots), int(lease_ms), name)

    async def __call__(self, payload: str) -> str:
        """For a job that is a coroutine: what burns a core does so in a thread, as everywhere here."""
        if self.mode == "burn":
            begin = now_us()
            await asyncio.to_thread(self._burn)
            say("burnt", f"{begin:.0f}", f"{now_us():.0f}")
        elif self.mode in ("hold", "brief"):
            say("began", f"{now_us():.0f}")
            await asyncio.sleep(HOLD_S if self.mode == "hold" else BRIEF_S)
        else:
            self._quick(payload)
        return self.name

    def blocking(self, payload: str) -> str:
        """For a job that is a plain function in a process of its own."""
        if self.mode == "burn":
            begin = now_us()
            self._burn()
            say("burnt", f"{begin:.0f}", f"{now_us():.0f}")
        elif self.mode in ("hold", "brief"):
            say("began", f"{now_us():.0f}")
            time.sleep(HOLD_S if self.mode == "hold" else BRIEF_S)
        else:
            self._quick(payload)
        return self.name

    def _burn(self) -> None:
        hashlib.pbkdf2_hmac("sha256", b"benchmark", b"benchmark", self.iterations)

    def _quick(self, payload: str) -> None:
        at = now_us()
        if self.mode == "stamp":
            say("late", f"{at - float(payload):.1f}")
            return
        self.done += 1
        if self.done == self.count // 4:
            self.first_us = at
        if self.done == self.count:
            say("drained", f"{self.first_us:.0f}", f"{at:.0f}")


async def answer(submitter: Submitter) -> None:
    """Do what the lines say, until there are no more."""
    say("ready")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        verb, *words = line.split()
        if verb == "slow":
            say("id", await submitter.slow(PAYLOAD))
        elif verb == "result":
            say("result", await submitter.result(words[0]) or "-")
        elif verb == "paced":
            for _ in range(int(words[0])):
                await asyncio.sleep(1 / float(words[1]))
                await submitter.one(repr(now_us()))
            say("sent")
        else:
            begin = now_us()
            if verb == "bulk":
                await submitter.bulk([PAYLOAD] * int(words[0]))
            else:
                for _ in range(int(words[0])):
                    await submitter.one(PAYLOAD)
            say("took", f"{now_us() - begin:.0f}")


def begin() -> None:
    """Everything is loaded: wait for the parent."""
    say("ready")
    sys.stdin.readline()


def now_us() -> float:
    return time.monotonic_ns() / 1_000


def say(*words: str) -> None:
    _ANSWERS.write(" ".join(words) + "\n")
    _ANSWERS.flush()


# A library that greets on standard output does so in the log instead.
_ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def main(submit: Callable[[str], Awaitable[None]], work: Callable[[str, Work], Awaitable[None]]) -> None:
    """For peers on asyncio: on uvloop, as DocuGen's services are."""
    import uvloop

    role, url, *words = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(submit(url) if role == "submit" else work(url, Work.of(words)))
