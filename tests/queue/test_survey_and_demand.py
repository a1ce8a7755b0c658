"""The numbers of a queue, on every kind of server: its stats, the survey of its lanes, and the demand for workers."""

from __future__ import annotations

from docugen_core.adapters.keys import LANES
from docugen_core.domain.demand import Demand
from docugen_core.domain.lease import Bury, Done, Retry, Settlement
from docugen_core.domain.run import Priority
from docugen_core.domain.survey import UPCOMING_MAX, Lane, QueueSurvey, Upcoming
from queue_world import BROKEN, START_MS, TORN, QueueWorld


async def test_the_numbers_of_the_queue_add_up(everywhere: QueueWorld) -> None:
    assert (await everywhere.queue.stats()).depth == 0
    await everywhere.submit("a", "b", "c", "d", "e")
    await everywhere.submit("later", not_before_ms=START_MS + 99_999)
    ada = everywhere.worker("ada")
    first, second, third = (d.lease for d in (await ada.take(3)).deliveries)
    await ada.settle([Settlement(first, Retry(TORN, 5_000)), Settlement(second, Bury(BROKEN))])
    await everywhere.pass_time(1_000)
    stats = await everywhere.queue.stats()
    assert (stats.depth, stats.in_flight, stats.parked, stats.dead_letters) == (4, 1, 2, 1)
    assert (stats.oldest_age_ms, stats.observe_time_ms) == (1_000, START_MS + 1_000)
    await everywhere.queue.cancel("d", "")  # an undelivered one: where XINFO's lag would be nil
    assert (await everywhere.queue.stats()).depth == 3
    assert (await ada.beat([third])).lost == ()


async def test_a_survey_tells_the_lanes_apart_and_what_is_due_next(everywhere: QueueWorld) -> None:
    assert await everywhere.queue.survey() == QueueSurvey(0, tuple(Lane(name, 0, 0, 0) for name in LANES), ())
    await everywhere.submit("a", "b", "c", "d")
    await everywhere.submit("urgent", priority=Priority.HIGH)
    await everywhere.submit("later", not_before_ms=START_MS + 99_999)
    ada = everywhere.worker("ada")
    urgent, first, second = (d.lease for d in (await ada.take(3)).deliveries)
    await ada.settle([Settlement(first, Retry(TORN, 5_000)), Settlement(urgent, Done("m"))])
    survey = await everywhere.queue.survey()
    assert survey.entered == 6
    assert survey.lanes == (
        Lane("high", 0, 0, 0),
        Lane("normal", 2, 1, 1),
        Lane("low", 0, 0, 0),
        Lane("later", 0, 0, 1),
    )
    assert survey.upcoming == (
        Upcoming("a", START_MS + 5_000, 1, TORN.code),
        Upcoming("later", START_MS + 99_999, 0, ""),
    )
    await ada.settle([Settlement(second, Bury(BROKEN))])
    (letter,) = (await everywhere.queue.letters()).letters
    await everywhere.queue.redrive([(letter.letter_id, letter.run_id)])
    assert (await everywhere.queue.survey()).entered == 7, "what ended and is redriven enters once more"


async def test_a_survey_names_the_soonest_runs_and_no_more_than_its_bound(everywhere: QueueWorld) -> None:
    for number in reversed(range(UPCOMING_MAX + 2)):
        await everywhere.submit(f"r{number}", not_before_ms=START_MS + 1_000 * (number + 1))
    named = [run.run_id for run in (await everywhere.queue.survey()).upcoming]
    assert named == [f"r{number}" for number in range(UPCOMING_MAX)]


async def test_demand_is_what_waits_what_runs_and_what_is_due_soon(everywhere: QueueWorld) -> None:
    assert await everywhere.queue.demand(60_000) == Demand(0, 0, 0)
    await everywhere.submit("a", "b", "c", "d")
    await everywhere.submit("in an hour", not_before_ms=START_MS + 3_600_000)
    ada = everywhere.worker("ada")
    first, second, _ = (d.lease for d in (await ada.take(3)).deliveries)
    await ada.settle([Settlement(first, Retry(TORN, 30_000)), Settlement(second, Retry(TORN, 90_000))])
    assert await everywhere.queue.demand(60_000) == Demand(waiting=1, in_flight=1, due_soon=1)
    assert await everywhere.queue.demand(120_000) == Demand(waiting=1, in_flight=1, due_soon=2)
    assert await everywhere.queue.demand(0) == Demand(1, 1, 0), "within a lease, as every lease is among what is due"
    await everywhere.pass_time(31_000)  # the lease has lapsed: its job still has to be done
    assert await everywhere.queue.demand(60_000) == Demand(waiting=1, in_flight=1, due_soon=2)
    await everywhere.pass_time(60_000)
    assert (await everywhere.queue.demand(60_000)).jobs == 4, "the one in an hour needs nobody yet"
