"""Whether the queue's Redis answers, and is fit to keep jobs: asked every two seconds, known at once.

    UNREACHABLE   no answer: not ready; submits are refused at once, or rendered inline; asked again every 250 ms
    UNFIT         it answers, but may evict or forget jobs: not ready, submits are refused, until somebody changes it
    FIT           ready

At the start of a process UNFIT is a wrong configuration and ends it (exit code 78). UNREACHABLE is not: Redis may be the one
that starts late, and a scheduler that ended instead could not even say so. Later, UNFIT (another Redis behind the
same name, a setting changed while running) only turns readiness off: ending the process would help nobody.

A look is one PING (a server that still loads its file refuses it) and one INFO, about 0.1 ms of Redis.
"""

from __future__ import annotations

import asyncio
from enum import Enum

import structlog

from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.errors import ConfigurationError, DocugenError, Unavailable
from docugen_core.ports import Clock

LOOK_EVERY_MS = 2_000
LOOK_AGAIN_MS = 250
LOOK_TIMEOUT_S = 3.0

log = structlog.get_logger(__name__)


class Fitness(Enum):
    """See the module."""

    UNREACHABLE = "unreachable"
    UNFIT = "unfit"
    FIT = "fit"


class QueueHealth:
    """Looks after one connection. Use as `async with`: entering looks once, leaving ends the looking.

    Entering raises ConfigurationError for a Redis that is not fit, naming every flaw and its remedy.
    """

    def __init__(
        self, connection: RedisConnection, clock: Clock, *, allow_volatile: bool = False, every_ms: int = LOOK_EVERY_MS
    ) -> None:
        self._redis = connection
        self._clock = clock
        self._allow_volatile = allow_volatile
        self._every_ms = every_ms
        self._looking: asyncio.Task[None] | None = None
        self.fitness = Fitness.UNREACHABLE
        self.flaw: ConfigurationError | None = None

    async def __aenter__(self) -> QueueHealth:
        await self._look()
        if self.flaw is not None:
            raise self.flaw
        if self.fitness is not Fitness.FIT:
            log.warning(
                "queue_unreachable",
                redis=self._redis.address.public(),
                hint="Not ready, and trying again. Is Redis up, and DOCUGEN_REDIS_URL right?",
            )
        self._looking = asyncio.create_task(self._keep_looking(), name="queue health")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    def check(self) -> None:
        """Raises Unavailable unless Redis is fit: QUEUE_UNAVAILABLE, QUEUE_UNFIT. Without asking: as it was found last."""
        match self.fitness:
            case Fitness.UNREACHABLE:
                raise Unavailable(
                    "the queue does not answer",
                    code="QUEUE_UNAVAILABLE",
                    hint="Come back after the delay in RetryInfo. For operators: is Redis up, and DOCUGEN_REDIS_URL right?",
                )
            case Fitness.UNFIT:
                raise Unavailable(
                    "the queue's Redis may lose jobs, so it is given none",
                    code="QUEUE_UNFIT",
                    hint="The scheduler's log says what to change on the Redis server.",
                    retry_after_ms=5_000,
                )

    async def _keep_looking(self) -> None:
        while True:
            await self._clock.sleep_ms(self._every_ms if self.fitness is Fitness.FIT else LOOK_AGAIN_MS)
            before = self.fitness
            await self._look()
            if self.fitness is not before:
                line = log.info if self.fitness is Fitness.FIT else log.error
                facts = {"flaws": self.flaw.message} if self.flaw else {}
                line("queue_fitness_changed", fitness=self.fitness.value, before=before.value, **facts)

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                await self._redis.execute("PING")
                await self._redis.check_server(allow_volatile=self._allow_volatile)
        except ConfigurationError as error:
            self.fitness, self.flaw = Fitness.UNFIT, error
        except (TimeoutError, DocugenError):
            self.fitness, self.flaw = Fitness.UNREACHABLE, None
        except Exception:
            # A bug must not end the looking: readiness would stay what it was for ever.
            log.exception("queue_look_crashed")
            self.fitness, self.flaw = Fitness.UNREACHABLE, None
        else:
            self.fitness, self.flaw = Fitness.FIT, None
