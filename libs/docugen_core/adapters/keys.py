"""The keys of a queue. One hash tag, so one slot: every script works on a cluster as on a single server.

    {q}:jobs:high|normal|low   stream   jobs that may run: run, v, payload; finished ones are deleted
    {q}:jobs:later             stream   jobs with a start time; all of them delivered to the parked consumer `~retry`
    {q}:due                    zset     entry (`lane:stream id`) -> ms: the end of a lease, the time of a retry or a start
    {q}:run:<bundleRunId>      hash     the record of a run; expires DOCUGEN_QUEUE_KEEP_MS after its end, or its letter's
    {q}:runs                   zset     `create ms:run id`, equal scores: the list of runs, in order
    {q}:dlq                    stream   dead letters, each complete in itself
    {q}:events                 stream   changes: field run id, value `revision state`; capped at about 10 000 entries
    {q}:bell                   list     rings, one a job that came or came back; each wakes a worker that waits; 1 000 at most
    {q}:workers                hash     consumer -> `seen ms` and its advert as JSON
    {q}:control                hash     paused, drain:<consumer>, turn of the lanes, swept and expired (housekeeping)

The consumer group of every lane is `workers`. The streams and their pending lists are the truth; `due` is an index that a
sweep can build again; the hash makes a submit idempotent. Nothing else writes these keys.

Queue `bundle:generate`: `{bundle:generate}:jobs:high` ... Two queues on one server share nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

QUEUE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,63}")
LANES = ("high", "normal", "low", "later")
KEY_NAMES = ("lanes", "due", "run", "runs", "dlq", "events", "bell", "workers", "control")
"""Names a script's header may ask for; `lanes` is four keys, `run` is the prefix of all records."""


@dataclass(frozen=True, slots=True)
class QueueKeys:
    """The keys of the queue `name`. Raises ValueError for a name that would not be one hash tag."""

    name: str

    def __post_init__(self) -> None:
        if QUEUE_NAME.fullmatch(self.name) is None:
            raise ValueError(f"{self.name!r} is no queue name: letters, digits and : . _ - only, 64 at most")

    def key(self, suffix: str) -> str:
        return f"{{{self.name}}}:{suffix}"

    def lane(self, lane: str) -> str:
        return self.key(f"jobs:{lane}")

    def record(self, run_id: str) -> str:
        return self.key(f"run:{run_id}")

    def named(self, name: str) -> tuple[str, ...]:
        """The keys that stand for one of KEY_NAMES in a script's KEYS."""
        if name == "lanes":
            return tuple(self.lane(lane) for lane in LANES)
        return (self.key("run:" if name == "run" else name),)
