"""How many calls of a kind may be inside at once, and how long one may take.

    submit   CreateBundleRun, BatchCreateBundleRuns    more than the executor has room for, so that it is the one to refuse
    follow   WaitBundleRun, Watch...                   cheap: a snapshot each
    render   VerifyBundleRun, PreviewDocument          as many as bundles may render
    download ReadArtefact                              lasts as long as its reader likes, so it takes nobody else's place
    operate  RedriveDeadLetters, DropDeadLetters       they work through the dead letters, as slowly as was asked for
    scale    KEDA's, which show no token: they cannot crowd out those that do
    read     everything else

Refused at once beyond the bound (RESOURCE_EXHAUSTED TOO_MANY_CALLS): a queue of calls in front of a full server only makes them
late. gRPC's own `maximum_concurrent_rpcs` is not used: it would count watchers and health checks with the rest.

A caller's deadline is enforced by gRPC, which cancels the handler. The bounds in here are for callers that set none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from docugen_core.config import Settings
from docugen_core.errors import Overloaded

WAIT_MS_MAX = 600_000
"""Longest WaitBundleRun."""

READ_MS_MAX = 30_000
QUEUED_SUBMITS_MAX = 2_048
"""With a queue a submit holds no slot: it is gone after a few milliseconds."""
SCALE_CALLS_MAX = 64
DOWNLOADS_MAX = 512
SLACK_MS = 30_000


@dataclass(slots=True)
class CallGroup:
    """Calls that share a bound. deadline_ms: longest a unary call may take."""

    name: str
    calls_max: int
    deadline_ms: int
    inside: int = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """For the time of a call. Raises Overloaded (TOO_MANY_CALLS)."""
        if self.inside >= self.calls_max:
            raise Overloaded(
                f"{self.inside} {self.name} calls are being answered; that is the bound",
                code="TOO_MANY_CALLS",
                hint="Come back after the delay in RetryInfo.",
                details={"calls": self.name, "calls_max": str(self.calls_max)},
            )
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


class CallLimits:
    """The groups of one server."""

    def __init__(self, settings: Settings) -> None:
        submits_max = settings.inline_slots + settings.inline_waiting_max + 64
        if settings.queue_enabled:
            submits_max = max(submits_max, QUEUED_SUBMITS_MAX)
        submit = CallGroup("submit", submits_max, settings.inline_answer_ms + SLACK_MS)
        follow = CallGroup("follow", settings.watches_max, WAIT_MS_MAX + SLACK_MS)
        render = CallGroup("render", settings.inline_slots, 10 * settings.render_timeout_ms)
        operate = CallGroup("operate", 8, WAIT_MS_MAX + SLACK_MS)
        scale = CallGroup("scale", SCALE_CALLS_MAX, READ_MS_MAX)
        download = CallGroup("download", DOWNLOADS_MAX, READ_MS_MAX)
        self._read = CallGroup("read", 512, READ_MS_MAX)
        self._by_method = {
            "CreateBundleRun": submit,
            "BatchCreateBundleRuns": submit,
            "WaitBundleRun": follow,
            "WatchBundleRun": follow,
            "WatchQueueStats": follow,
            "IsActive": scale,
            "StreamIsActive": scale,
            "GetMetricSpec": scale,
            "GetMetrics": scale,
            "ReadArtefact": download,
            "VerifyBundleRun": render,
            "PreviewDocument": render,
            "RedriveDeadLetters": operate,
            "DropDeadLetters": operate,
        }

    def group(self, method: str) -> CallGroup:
        """The group of a method, by its plain name."""
        return self._by_method.get(method, self._read)
