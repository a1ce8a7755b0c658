"""Other processes of the benchmarks: `python -m benchmarks.child WHAT ...`.

Each says `ready`, waits for a line, works, and answers in lines of words.

    starts-bare  URL STREAM COUNT      `starts` and, for each entry, us from the time in its payload
    starts-queue URL QUEUE COUNT WORKERS
                                       the same through the queue, by so many workers, each with connections of its own;
                                       until it is killed
    burn-bare    COUNT ITERATIONS      `done` and the time at which it had burnt COUNT jobs
    burn-queue   URL QUEUE ITERATIONS  the same, until the queue is empty: fetcher, settler and heartbeat of the worker service
    sleep-queue  URL QUEUE SLOTS MS    the same with jobs that only wait; after `done` and the time its CPU in us
    render-loop  BUNDLE FIRST COUNT    `done` and the time at which it had rendered all documents of these bundles
    echo         ANSWER_BYTES          `address` and its process id: a bare server of grpc.aio; until it is killed
    call         ADDRESS BUNDLE BATCH FIRST IN_FLIGHT:COUNT ...
                                       for each level `called`, when it began, calls a second, p50 in us, own CPU in us a call,
                                       answers, bytes of one, and how many told of a run that had succeeded before; bundles
                                       numbered from FIRST, BATCH to a call, 0 for CreateBundleRun
    collector                          `endpoint` and where it takes spans over OTLP, which it drops; until it is killed
    hold         URL QUEUE LEASE_MS    takes one job, says `held`, and never lets go
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from statistics import median
from typing import Any

import structlog
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.domain.lease import Delivery, Done, Settlement
from docugen_core.domain.worker import consumer_name
from docugen_worker.fetcher import Fetcher
from docugen_worker.heartbeat import Heartbeat
from docugen_worker.jobs import Job, JobsInHand
from docugen_worker.settler import Settler

from benchmarks.jobs import GROUP, MANIFEST
from benchmarks.stage import fastest_loop, now_us

START_WANT = 8
SETTLED_S = 0.05
"""For the end of the last job."""
BURN_SLOTS = 2
"""What DOCUGEN_QUEUE_CONCURRENCY is by default on two cores."""
IDLE_S = 0.3
"""Without an end of a job for so long, the queue is empty."""
BLOCK_MS = 2_000


def burn(iterations: int) -> None:
    """Work that a renderer stands in for: pure CPU, the interpreter's lock released."""
    hashlib.pbkdf2_hmac("sha256", b"benchmark", b"benchmark", iterations)


async def starts_bare(url: str, stream: str, count: str) -> None:
    latencies: list[float] = []
    async with RedisConnection(url) as redis:
        client: Any = redis.doorbell
        await client.ping()
        begin()
        while len(latencies) < int(count):
            read = await client.xreadgroup(GROUP, "floor", {stream: ">"}, count=START_WANT, block=BLOCK_MS)
            at = now_us()
            entries = read[0][1] if read else []
            latencies += (at - float(fields[b"payload"]) for _, fields in entries)
            if entries:
                await client.xack(stream, GROUP, *(entry_id for entry_id, _ in entries))
    say("starts", *(f"{latency:.1f}" for latency in latencies))


async def starts_queue(url: str, name: str, count: str, workers: str) -> None:
    latencies: list[float] = []
    all_started = asyncio.Event()

    async def work(source: RedisJobSource) -> None:
        while True:
            deliveries = (await source.take(START_WANT)).deliveries or (await source.wait()).deliveries
            at = now_us()
            latencies.extend(at - float(delivery.payload) for delivery in deliveries)
            if len(latencies) >= int(count):
                all_started.set()
            if deliveries:
                await source.settle(_done(deliveries))

    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(RedisConnection(url)) for _ in range(int(workers))]
        sources = [RedisJobSource(redis, name, consumer=unique_name()) for redis in connections]
        for source in sources:
            await source.take(1)
            await source.wait(1)  # its second connection
        begin()
        working = [asyncio.create_task(work(source)) for source in sources]
        await all_started.wait()
        await asyncio.sleep(SETTLED_S)
        assert not any(task.done() for task in working)
        say("starts", *(f"{latency:.1f}" for latency in latencies))
        await asyncio.Event().wait()  # connections that close are no part of it: until it is killed


async def burn_bare(count: str, iterations: str) -> None:
    begin()
    for _ in range(int(count)):
        await asyncio.to_thread(burn, int(iterations))
    say("done", f"{now_us():.0f}")


async def burn_queue(url: str, name: str, iterations: str) -> None:
    await _work_until_empty(url, name, BURN_SLOTS, lambda: asyncio.to_thread(burn, int(iterations)))


async def sleep_queue(url: str, name: str, slots: str, sleep_ms: str) -> None:
    await _work_until_empty(url, name, int(slots), lambda: asyncio.sleep(int(sleep_ms) / 1_000))


async def _work_until_empty(url: str, name: str, slots: int, do: Callable[[], Awaitable[None]]) -> None:
    """Do every job of the queue, `slots` at a time, and say when the last one was settled and what CPU that took."""
    async with RedisConnection(url) as redis, asyncio.TaskGroup() as group:
        consumer, rules = unique_name(), QueueRules()
        source = RedisJobSource(redis, name, consumer=consumer, rules=rules)
        jobs = JobsInHand(slots)
        settler = Settler(source, consumer, rules.lease_ms, jobs.none_waits)
        last_us = 0.0

        async def work(job: Job) -> None:
            nonlocal last_us
            await jobs.turn(job)
            await do()
            jobs.ending(job)
            await settler.settle(job.lease, Done(MANIFEST))
            jobs.remove(job)
            last_us = now_us()

        def start(delivery: Delivery, since_s: float) -> None:
            job = Job(delivery, since_s, float("inf"))
            jobs.add(job)
            group.create_task(work(job))

        begin()
        before_ns = time.process_time_ns()
        closing = asyncio.Event()
        fetching = group.create_task(Fetcher(source, jobs, consumer, start, lease_ms=rules.lease_ms).run(closing))
        housekeeping = [
            group.create_task(settler.run()),
            group.create_task(Heartbeat(source, jobs, rules.lease_ms).run()),
        ]
        while not last_us or now_us() - last_us < IDLE_S * 1e6:  # noqa: ASYNC110 - an event a job would be measured too
            await asyncio.sleep(IDLE_S / 4)
        closing.set()
        await fetching
        for task in housekeeping:
            task.cancel()
    say("done", f"{last_us:.0f}", f"{(time.process_time_ns() - before_ns) / 1_000:.0f}")


async def render_loop(name: str, first: str, count: str) -> None:
    from docugen_core.rendering.registry import render

    from benchmarks.ending import render_tasks

    tasks = [task for number in range(int(first), int(first) + int(count)) for task in await render_tasks(name, number)]
    begin()
    for task in tasks:
        render(task)
    say("done", f"{now_us():.0f}")


async def hold(url: str, name: str, lease_ms: str) -> None:
    async with RedisConnection(url) as redis:
        source = RedisJobSource(redis, name, consumer=unique_name(), rules=QueueRules(lease_ms=int(lease_ms)))
        begin()
        while not (await source.take(1)).deliveries:
            await source.wait()
        say("held")
        await asyncio.Event().wait()


async def echo(answer_bytes: str) -> None:
    from benchmarks.echo import started_echo

    server, address = await started_echo(int(answer_bytes))
    begin()
    say("address", address, str(os.getpid()))
    await server.wait_for_termination()


async def calls(address: str, name: str, batch: str, first: str, *levels: str) -> None:
    from benchmarks.bundles import batch_request, create_request, tells_of_finished
    from benchmarks.wire import call

    plan = [(int(in_flight), int(count)) for in_flight, _, count in (level.partition(":") for level in levels)]
    number, requests = int(first), []
    for _, count in plan:
        if int(batch):
            requests.append([batch_request(name, number + n * int(batch), int(batch)) for n in range(count)])
            number += count * int(batch)
        else:
            requests.append([create_request(name, number + n) for n in range(count)])
            number += count
    method = "BatchCreateBundleRuns" if int(batch) else "CreateBundleRun"
    begin()
    for (in_flight, count), messages in zip(plan, requests, strict=True):
        begun = now_us()
        called = await call(address, f"/docugen.v1.BundleRunService/{method}", messages, in_flight)
        rate, p50 = count / called.took_us * 1e6, median(called.latencies_us)
        answers, known = called.answers, 0 if int(batch) else sum(map(tells_of_finished, called.answers))
        sizes = (len(answers), len(answers[0]) if answers else 0, known)
        say("called", f"{begun:.0f}", f"{rate:.2f}", f"{p50:.1f}", f"{called.cpu_us:.1f}", *map(str, sizes))


async def collector() -> None:
    import grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    class Dropping(traces.TraceServiceServicer):
        async def Export(self, request: object, context: object) -> ExportTraceServiceResponse:  # noqa: N802
            return ExportTraceServiceResponse()

    server = grpc.aio.server()
    traces.add_TraceServiceServicer_to_server(Dropping(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    begin()
    say("endpoint", f"127.0.0.1:{port}")
    await asyncio.Event().wait()


def unique_name() -> str:
    """The time of a process's start, in microseconds of the machine's uptime, never comes again while the server lives."""
    return consumer_name("bench", 1, "0", int(now_us()))


def begin() -> None:
    """Say that everything is loaded and connected, and wait for the parent."""
    say("ready")
    sys.stdin.readline()


def say(*words: str) -> None:
    print(*words, flush=True)


def _done(deliveries: Sequence[Delivery]) -> list[Settlement]:
    return [Settlement(delivery.lease, Done(MANIFEST)) for delivery in deliveries]


WORK: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "starts-bare": starts_bare,
    "starts-queue": starts_queue,
    "burn-bare": burn_bare,
    "burn-queue": burn_queue,
    "sleep-queue": sleep_queue,
    "render-loop": render_loop,
    "echo": echo,
    "call": calls,
    "collector": collector,
    "hold": hold,
}

if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        runner.run(WORK[sys.argv[1]](*sys.argv[2:]))
