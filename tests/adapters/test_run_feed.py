"""The feed: nothing newer is missed, nothing is kept for nobody, and anyone may leave at any time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from docugen_core.adapters.run_feed import RunFeed
from docugen_core.domain.run import BundleRun, RunState
from docugen_core.errors import Overloaded
from hypothesis import given
from hypothesis import strategies as st
from run_examples import a_run


def running(revision: int, run_id: str = "run-1") -> BundleRun:
    return a_run(run_id, state=RunState.RUNNING, revision=revision)


def ended(revision: int, run_id: str = "run-1") -> BundleRun:
    return a_run(run_id, state=RunState.SUCCEEDED, revision=revision)


async def read(watch: AsyncIterator[BundleRun]) -> list[int]:
    return [run.revision async for run in watch]


async def test_the_present_snapshot_comes_first_and_the_terminal_one_last() -> None:
    feed = RunFeed()
    watch = feed.watch("run-1", running(1))
    assert await anext(watch) == running(1)

    feed.publish(running(2))
    assert await anext(watch) == running(2)

    feed.publish(ended(3))
    assert await read(watch) == [3]
    assert await read(watch) == []


async def test_a_run_that_has_ended_is_shown_once() -> None:
    assert await read(RunFeed().watch("run-1", ended(7))) == [7]


async def test_nothing_published_between_watch_and_the_first_step_is_lost() -> None:
    feed = RunFeed()
    watch = feed.watch("run-1", running(1))
    feed.publish(ended(2))

    assert await read(watch) == [2]


async def test_a_slow_reader_gets_only_the_newest_snapshot() -> None:
    feed = RunFeed()
    watch = feed.watch("run-1", running(1))
    await anext(watch)
    for revision in range(2, 100):
        feed.publish(running(revision))

    assert await anext(watch) == running(99)


async def test_a_snapshot_that_is_not_newer_is_ignored() -> None:
    feed = RunFeed()
    watch = feed.watch("run-1", running(5))
    await anext(watch)
    for revision in (4, 5, 6, 5):
        feed.publish(running(revision))

    assert await anext(watch) == running(6)


async def test_a_watcher_hears_of_its_own_run_only() -> None:
    feed = RunFeed()
    watch = feed.watch("run-1", running(1))
    feed.publish(ended(9, "run-2"))
    feed.publish(ended(2))

    assert await read(watch) == [2]


async def test_a_run_started_again_after_its_end_is_another_watch() -> None:
    feed = RunFeed()
    watch = feed.watch("run-1", running(1))
    feed.publish(ended(2))
    assert await anext(watch) == ended(2)
    feed.publish(running(3))

    assert await read(watch) == []


async def test_a_cancelled_step_takes_nothing_and_the_watch_goes_on() -> None:
    feed = RunFeed()
    watch = feed.watch("run-1", running(1))
    await anext(watch)
    step = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)

    feed.publish(running(2))
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step

    assert await anext(watch) == running(2)


@pytest.mark.parametrize("steps", [0, 1])
async def test_a_watch_that_is_dropped_is_forgotten(steps: int) -> None:
    feed = RunFeed()
    watch = feed.watch("run-1", running(1))
    for _ in range(steps):
        await anext(watch)
    assert feed.watchers == 1

    del watch
    gc.collect()

    assert feed.watchers == 0
    assert feed._seats == {}


async def test_a_generator_around_a_watch_may_be_abandoned_too() -> None:
    feed = RunFeed()

    async def outer() -> AsyncIterator[BundleRun]:
        async for run in feed.watch("run-1", running(1)):
            yield run

    async for _ in outer():
        break
    gc.collect()
    for _ in range(5):  # the loop closes the generator in a task of its own, some turns later
        await asyncio.sleep(0)

    assert feed.watchers == 0


async def test_a_watch_that_has_ended_is_forgotten_even_if_it_is_kept() -> None:
    feed = RunFeed()
    watches = [feed.watch("run-1", ended(1)) for _ in range(3)]
    for watch in watches:
        await read(watch)

    assert feed.watchers == 0
    assert feed._seats == {}


async def test_runs_nobody_watches_are_not_kept() -> None:
    feed = RunFeed()
    for n in range(1_000):
        feed.publish(running(1, f"run-{n}"))

    assert feed._seats == {}


async def test_a_closed_feed_ends_every_watcher_after_what_it_has_not_read() -> None:
    feed = RunFeed()
    waiting, behind = feed.watch("run-1", running(1)), feed.watch("run-2", running(1, "run-2"))
    await anext(waiting)
    readers = [asyncio.ensure_future(read(waiting))]
    await asyncio.sleep(0)

    feed.close()
    feed.close()

    assert await asyncio.gather(*readers, read(behind)) == [[], [1]]
    assert await read(feed.watch("run-1", running(4))) == [4]
    assert feed.watchers == 0


async def test_the_number_of_watchers_is_bounded() -> None:
    feed = RunFeed(watchers_max=2)
    kept = [feed.watch("run-1", running(1)) for _ in range(2)]

    with pytest.raises(Overloaded):
        feed.watch("run-1", running(1))

    kept.pop()
    gc.collect()
    assert await anext(feed.watch("run-1", running(1))) == running(1)


@given(
    st.lists(st.tuples(st.sampled_from(["publish", "give way"]), st.integers(0, 3)), max_size=60),
    st.lists(st.integers(0, 3), min_size=1, max_size=8),
)
def test_however_readers_and_publishers_interleave_revisions_grow_and_end_with_the_last(
    actions: list[tuple[str, int]], paces: list[int]
) -> None:
    async def slow_reader(watch: AsyncIterator[BundleRun], pace: int) -> list[BundleRun]:
        seen = []
        async for run in watch:
            seen.append(run)
            for _ in range(pace):
                await asyncio.sleep(0)
        return seen

    async def scenario() -> tuple[list[list[BundleRun]], BundleRun]:
        feed, run = RunFeed(), running(1)
        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(slow_reader(feed.watch("run-1", run), pace)) for pace in paces]
            for action, times in actions:
                for _ in range(times):
                    if action == "publish":
                        run = replace(run, revision=run.revision + 1)
                        feed.publish(run)
                    else:
                        await asyncio.sleep(0)
            run = run.moved(RunState.SUCCEEDED)
            feed.publish(run)
        assert feed.watchers == 0
        return [reader.result() for reader in readers], run

    histories, last = asyncio.run(scenario())
    for seen in histories:
        revisions = [run.revision for run in seen]
        assert revisions == sorted(set(revisions))
        assert seen[-1] == last
