"""What happened in a storm: one line an event on the terminal, and for each run its own timeline, shown when it went wrong.

It also hears every log line of the workers. From them it knows which worker has which run, how often a run was told done, how
long a killed worker's runs took to be taken again, and, for whoever waits for it, that a worker reached a step.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from chaos.processes import Line, Service
from docugen_core.domain.job import RunChange

EXPECTED = ("read_loop_deaf", "queue_fitness_changed")
"""Errors in the log that are no finding: they say that Redis is away, and it is."""

Reached = Callable[[Service, Line], bool]


@dataclass
class Chronicle:
    """One storm's. held: run -> the worker that has it, and its process. ended: run -> its terminal states. rendered: run ->
    its attempts that came to rendering. recoveries: seconds from a SIGKILL until each run its worker held was taken again,
    where nothing else was broken meanwhile."""

    held: dict[str, tuple[Service, int]] = field(default_factory=dict)
    told_done: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    ended: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    recoveries: list[float] = field(default_factory=list)
    rendered: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    alarms: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._begin_s = time.monotonic()
        self._timelines: dict[str, list[str]] = defaultdict(list)
        self._orphans: dict[str, float] = {}
        self._watching: list[Reached] = []

    # --- writing ----------------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """One line on the terminal, with the seconds since the beginning."""
        sys.stdout.write(f"[{self._now_s():8.3f}] {text}\n")
        sys.stdout.flush()

    def note(self, run_id: str, text: str) -> None:
        """Something that happened to a run."""
        self._timelines[run_id].append(f"[{self._now_s():8.3f}] {text}")

    def disturb(self) -> None:
        """Something other than a worker is broken from now on, or was until now: recoveries under way do not count."""
        self._orphans.clear()

    def changed(self, change: RunChange) -> None:
        """The queue says that a run came into a state."""
        self.note(change.run_id, f"queue: {change.state.value}, revision {change.revision}")
        if change.state.is_terminal:
            self.ended[change.run_id].append(change.state.value)

    def killed(self, worker: Service, calm: bool) -> None:
        """A worker was killed; its runs wait for somebody else. calm: nothing else is broken at the time."""
        for run_id in [r for r, (holder, _) in self.held.items() if holder is worker]:
            self.held.pop(run_id)
            self.note(run_id, f"{worker.name} killed with it")
            if calm:
                self._orphans[run_id] = time.monotonic()

    def hear(self, service: Service, line: Line) -> None:
        """A log line of a service."""
        event, run_id = line.get("event"), line.get("run_id", "")
        if line.get("level") in ("error", "critical") and event not in EXPECTED:
            self.alarms.append(f"{service.name}: {dict(line)}")
        if run_id:
            facts = {k: v for k, v in line.items() if k not in ("run_id", "level", "timestamp", "event")}
            self.note(run_id, f"{service.name}: {event} {facts}")
        if event == "job_step" and line.get("step") == "taken":
            self.held[run_id] = (service, service.process_id)
            since = self._orphans.pop(run_id, None)
            if since is not None:
                self.recoveries.append(time.monotonic() - since)
        elif event == "job_step" and line.get("step") == "rendering":
            self.rendered[run_id].add(line["attempt"])
        elif event == "job_settled":
            if self.held.get(run_id, (None, 0))[0] is service:
                self.held.pop(run_id)
            self.outcomes[str(line.get("outcome"))] += 1
            self.told_done[run_id] += line.get("outcome") == "succeeded"
        self._watching = [reached for reached in self._watching if not reached(service, line)]

    # --- reading ----------------------------------------------------------------------------------------------------

    def timeline(self, run_id: str) -> str:
        return "\n".join(f"    {line}" for line in self._timelines[run_id])

    async def reached(
        self, step: str, act: Callable[[Service], None], timeout_s: float, runs: str = ""
    ) -> Service | None:
        """Call `act` with the next worker that says it is at `step`, at that moment; None when there is none in time. runs: how
        the id of its run begins."""
        found: asyncio.Future[Service] = asyncio.get_running_loop().create_future()

        def look(service: Service, line: Line) -> bool:
            if found.done():
                return True
            if line.get("event") != "job_step" or line.get("step") != step or service.busy:
                return False
            if not line["run_id"].startswith(runs):
                return False
            act(service)
            found.set_result(service)
            return True

        self._watching.append(look)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(found)
        except TimeoutError:
            found.cancel()
            return None

    def _now_s(self) -> float:
        return time.monotonic() - self._begin_s
