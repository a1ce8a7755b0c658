"""Any interleaving of steps, faults and clocks leaves the queue as a small model says (Hypothesis, stateful).

Faults in the alphabet: replies lost (a step executed twice, as redis-py repeats by itself; a take whose first reply nobody
saw), zombies (steps with any lease ever given), leases that lapse, a clock that jumps both ways, the index deleted, a consumer
group destroyed. After every step the streams, pending lists, index, records, letters, events and numbers are compared. At the
end everything is drained: nothing may be lost or stuck.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from itertools import count
from typing import Any, TypeVar

import hypothesis.strategies as st
import pytest
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.domain.dead_letter import Redriven
from docugen_core.domain.job import CancelVerdict, RetryVerdict, Verdict
from docugen_core.domain.lease import Bury, Cancelled, Done, Lease, Outcome, Retry, Settlement
from docugen_core.domain.run import MOVES, Priority, RunState
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from queue_model import Model, ModelRun, stream_id
from queue_world import BROKEN, IS_MUTANT, LEASE_MS, RULES, START_MS, TORN, QueueWorld, a_job
from redis_servers import own_server

T = TypeVar("T")

RUN_IDS = ["r1", "r2", "r3", "r4", "r5"]
CONSUMERS = ["ada", "bob"]
DELAY_MS = 3_000
OUTCOMES: dict[str, Outcome] = {
    "done": Done("m"),
    "retry": Retry(TORN, DELAY_MS),
    "bury": Bury(BROKEN),
    "cancelled": Cancelled(),
}
_NAMES = count()
PHASES = [Phase.generate] if IS_MUTANT else [Phase.generate, Phase.shrink]  # that a mutant fails is enough


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    with own_server(appendonly="no") as server:
        yield server.url


class QueueMachine(RuleBasedStateMachine):
    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = QueueWorld(RedisConnection(self.url), f"model:{next(_NAMES)}")
        self.do(self.world.begin())
        self.model = Model(START_MS, LEASE_MS, RULES.horizon_ms, RULES.redrives_max)
        self.given: list[Lease] = []
        self.known: dict[str, set[Lease]] = {consumer: set() for consumer in CONSUMERS}
        self.cursor = "0-0"
        self.seen: dict[str, tuple[int, RunState]] = {}

    def do(self, step: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(step)

    def again(self, make: Any, twice: bool) -> Any:
        """The answer of a step; `twice`: the first reply was lost, and the client sent it again."""
        first = self.do(make())
        return self.do(make()) if twice else first

    # --- steps --------------------------------------------------------------------------------------------------------

    @initialize(runs=st.lists(st.sampled_from(RUN_IDS), min_size=2, max_size=4, unique=True))
    def some_runs(self, runs: list[str]) -> None:
        self.submit([(run_id, "d1", Priority.NORMAL, 0) for run_id in runs], False)

    @rule(
        jobs=st.lists(
            st.tuples(
                st.sampled_from(RUN_IDS),
                st.sampled_from(["d1", "d1", "d2"]),
                st.sampled_from(Priority),
                st.sampled_from([0, 0, -5, 5_000, 10**9]),
            ),
            min_size=1,
            max_size=3,
        ),
        twice=st.booleans(),
    )
    def submit(self, jobs: list[tuple[str, str, Priority, int]], twice: bool) -> None:
        now = self.model.now
        batch = [a_job(r, digest=d, priority=p, not_before_ms=now + n if n else 0) for r, d, p, n in jobs]
        expected = []
        for job in batch:
            run = self.model.runs.get(job.run_id)
            if run is None:
                self.model.runs[job.run_id] = run = ModelRun(job.run_id, job.spec_digest, job.priority.value)
                if job.not_before_ms > now:
                    run.park(job.not_before_ms, 0)
                    run.next_ms = run.not_before = job.not_before_ms
                expected.append(Verdict.NEW)
            else:
                expected.append(Verdict.SAME if run.digest == job.spec_digest else Verdict.CONFLICT)
        answers = self.do(self.world.queue.submit(batch))
        assert [a.verdict for a in answers] == expected
        delayed = False
        for job, answer in zip(batch, answers, strict=True):
            assert answer.record is not None
            if answer.verdict is Verdict.NEW:
                self.model.runs[job.run_id].entry = answer.record.entry
                delayed = delayed or job.not_before_ms > now
        if delayed:
            self.model.park_later()
        if twice:
            repeated = self.do(self.world.queue.submit(batch))
            assert Verdict.NEW not in {a.verdict for a in repeated}

    @rule(consumer=st.sampled_from(CONSUMERS), want=st.integers(1, 4), lost=st.booleans())
    def take(self, consumer: str, want: int, lost: bool) -> None:
        if lost:  # the worker never learns of these, and takes again
            self.taken(consumer, want)
        self.known[consumer] |= set(self.taken(consumer, want))

    def taken(self, consumer: str, want: int) -> list[Lease]:
        """Take once and hold the answer against the model: late work in order, then new work, as much as there is."""
        late, fresh = self.model.late()[:want], self.model.fresh()
        takings = self.do(self.world.worker(consumer).take(want))
        leases = [d.lease for d in takings.deliveries]
        if self.model.paused:
            assert leases == []
            return []
        # A deleted group leaves late entries in the index that nobody holds any more; they use up room in one take at most.
        assert len(leases) <= want
        by_run = {d.lease.run_id: d for d in takings.deliveries}
        assert len(by_run) == len(leases), "a run was delivered twice in one take"
        expected = [*late, *fresh]
        assert [lease.run_id for lease in leases[: len(late)]] == [run.run_id for run in late]
        assert len(leases) == min(want, len(expected))
        new = [self.model.runs[lease.run_id] for lease in leases[len(late) :]]
        for lane in ("high", "normal", "low"):
            of_lane = [run for run in fresh if run.lane == lane]
            assert [run for run in new if run.lane == lane] == of_lane[: sum(run.lane == lane for run in new)]
        for delivery in takings.deliveries:
            run = self.model.runs[delivery.lease.run_id]
            was_cancelling = run.state is RunState.CANCELLING
            assert delivery.lease == self.model.deliver(run, consumer)
            assert delivery.cancelling == was_cancelling
            assert delivery.payload == b"payload of " + run.run_id.encode()
        self.given += leases
        return leases

    @rule(consumer=st.sampled_from(CONSUMERS))
    def recover(self, consumer: str) -> None:
        forgotten = [
            run
            for run in self.model.runs.values()
            if run.place == "held"
            and run.owner == consumer
            and run.entry not in {lease.entry for lease in self.known[consumer]}
        ]
        for run in forgotten:
            self.model.hand_back(run, None)
        assert self.do(self.world.worker(consumer).recover(self.known[consumer])) == len(forgotten)

    @precondition(lambda self: self.given)
    @rule(data=st.data(), outcome=st.sampled_from(["done", "retry", "retry", "bury", "cancelled"]), twice=st.booleans())
    def settle(self, data: st.DataObject, outcome: str, twice: bool) -> None:
        lease = data.draw(st.sampled_from(self.given))
        run = self.model.runs[lease.run_id]
        if outcome == "cancelled" and run.state is not RunState.CANCELLING:
            outcome = "done"  # workers confirm cancellations; they do not invent them
        was_live = run.is_live
        expected = self.model.settle(lease, outcome, DELAY_MS)
        worker = self.world.worker(lease.consumer)
        (answer,) = self.again(lambda: worker.settle([Settlement(lease, OUTCOMES[outcome])]), twice)
        assert answer is expected
        if was_live and run.state is RunState.FAILED:
            run.letter = self.do(self.world.record(run.run_id)).dead_letter

    @precondition(lambda self: self.given)
    @rule(data=st.data(), delay_ms=st.sampled_from([0, DELAY_MS]), twice=st.booleans())
    def release(self, data: st.DataObject, delay_ms: int, twice: bool) -> None:
        lease = data.draw(st.sampled_from(self.given))
        run = self.model.runs[lease.run_id]
        held = run.is_held_under(lease)
        if held:
            self.model.hand_back(run, delay_ms)
        worker = self.world.worker(lease.consumer)
        assert self.again(lambda: worker.release([lease], delay_ms), twice) == (held and not twice,)

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def beat(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self.given))
        run = self.model.runs[lease.run_id]
        pulse = self.do(self.world.worker(lease.consumer).beat([lease]))
        held = run.is_held_under(lease)
        assert pulse.lost == (() if held else (lease,))
        assert pulse.cancelled == ((lease,) if held and run.state is RunState.CANCELLING else ())
        if held:
            run.due = self.model.now + LEASE_MS

    @rule(run_id=st.sampled_from(RUN_IDS), twice=st.booleans())
    def cancel(self, run_id: str, twice: bool) -> None:
        run = self.model.runs.get(run_id)
        answer = self.again(lambda: self.world.queue.cancel(run_id, "why"), twice)
        if run is None:
            assert answer is CancelVerdict.UNKNOWN
        elif run.state in (RunState.SUCCEEDED, RunState.FAILED):
            assert answer is CancelVerdict.ENDED
        elif run.state is RunState.CANCELLED:
            assert answer is CancelVerdict.CANCELLED
        elif run.state is RunState.CANCELLING or run.place == "held":
            run.state = RunState.CANCELLING
            assert answer is CancelVerdict.CANCELLING
        else:
            run.end(RunState.CANCELLED)
            assert answer is CancelVerdict.CANCELLED

    @rule(run_id=st.sampled_from(RUN_IDS))
    def retry(self, run_id: str) -> None:
        run = self.model.runs.get(run_id)
        answer = self.do(self.world.queue.retry(run_id))
        if run is None:
            assert answer is RetryVerdict.UNKNOWN
        elif run.state is RunState.CANCELLED or (run.state is RunState.FAILED and run.letter):
            assert answer is RetryVerdict.QUEUED
            self.model.requeue(run, self.do(self.world.record(run_id)).entry)
        else:
            gone = run.state is RunState.FAILED
            assert answer is (RetryVerdict.PAYLOAD_GONE if gone else RetryVerdict.NOT_RETRYABLE)

    @rule(run_id=st.sampled_from(RUN_IDS), force=st.booleans(), twice=st.booleans())
    def redrive(self, run_id: str, force: bool, twice: bool) -> None:
        run = self.model.runs.get(run_id)
        if run is None or not run.letter:
            return
        letter = run.letter
        (answer,) = self.again(lambda: self.world.queue.redrive([(letter, run_id)], force=force), twice)
        if run.redrives >= RULES.redrives_max and not force:
            assert answer is Redriven.REFUSED
        else:
            assert answer is Redriven.REDRIVEN
            run.redrives += 1
            self.model.requeue(run, self.do(self.world.record(run_id)).entry)

    @rule(run_id=st.sampled_from(RUN_IDS))
    def drop(self, run_id: str) -> None:
        run = self.model.runs.get(run_id)
        if run is not None and run.letter:
            assert self.do(self.world.queue.drop([run.letter])) == 1
            run.letter = ""

    @rule(paused=st.booleans())
    def pause_or_resume(self, paused: bool) -> None:
        self.do(self.world.queue.pause("test") if paused else self.world.queue.resume())
        self.model.paused = paused

    # --- faults -------------------------------------------------------------------------------------------------------

    @rule(duration_ms=st.sampled_from([1, DELAY_MS, LEASE_MS, LEASE_MS, 10**9]))
    def time_passes(self, duration_ms: int) -> None:
        self.model.now += duration_ms
        self.do(self.world.set_clock(self.model.now))

    @rule(sweeps=st.booleans())
    def clock_steps_back(self, sweeps: bool) -> None:
        self.model.now -= 3_600_000
        self.do(self.world.set_clock(self.model.now))
        if sweeps:
            self.sweep()

    @rule()
    def index_is_lost(self) -> None:
        self.model.lose_index()
        self.do(self.world.redis.execute("DEL", self.world.keys.key("due")))

    @rule(lane=st.sampled_from(["high", "normal", "low", "later"]))
    def group_is_lost(self, lane: str) -> None:
        stream = self.world.keys.lane(lane)
        if self.do(self.world.redis.execute("EXISTS", stream)):
            self.do(self.world.redis.execute("XGROUP", "DESTROY", stream, "workers"))
            self.model.lose_group(lane)
            # Its index entries name entries that nobody holds. Takes pass over them, one page at a time; do away with them here
            # so that the model need not count them. test_sweep has the case where they are met.
            stale = [e for e in self.do(self.world.due()) if e.startswith(f"{lane}:")]
            if stale:
                self.do(self.world.redis.execute("ZREM", self.world.keys.key("due"), *stale))

    @rule()
    def sweep(self) -> None:
        self.model.sweep()
        self.do(self.world.queue.sweep())

    # --- what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def redis_is_as_the_model_says(self) -> None:
        live = [run for run in self.model.runs.values() if run.is_live]
        owners = {run.entry: None if run.place == "new" else (run.owner, run.count) for run in live}
        assert self.do(self.world.entries()) == owners
        assert self.do(self.world.due()) == {run.entry: run.due for run in live if run.due is not None}

    @invariant()
    def records_and_letters_are_as_the_model_says(self) -> None:
        for record in self.do(self.world.queue.get(list(self.model.runs))):
            assert record is not None
            run = self.model.runs[record.run_id]
            assert (record.state, record.attempt, record.entry) == (run.state, run.attempt, run.entry)
            assert (record.redrive_count, len(record.attempts)) == (run.redrives, min(10, run.failures))
            assert record.dead_letter == run.letter or record.state is RunState.FAILED
        letters = self.do(self.world.queue.letters()).letters
        assert {(x.letter_id, x.run_id) for x in letters} == {
            (r.letter, r.run_id) for r in self.model.runs.values() if r.letter
        }

    @invariant()
    def changes_are_told_without_gap_and_obey_the_table_of_moves(self) -> None:
        page = self.do(self.world.queue.changes(after=self.cursor))
        self.cursor = page.cursor
        for change in page.changes:
            revision, state = self.seen.get(change.run_id, (0, None))
            assert change.revision == revision + 1
            assert state is None or change.state is state or change.state in MOVES[state], f"{state} -> {change.state}"
            self.seen[change.run_id] = (change.revision, change.state)
        assert {r: s for r, (_, s) in self.seen.items()} == {r.run_id: r.state for r in self.model.runs.values()}

    @invariant()
    def numbers_add_up(self) -> None:
        stats = self.do(self.world.queue.stats())
        places = [run.place for run in self.model.runs.values() if run.is_live]
        assert stats.depth == places.count("new") + places.count("parked")
        assert (stats.in_flight, stats.parked) == (places.count("held"), places.count("parked"))
        assert stats.dead_letters == sum(bool(run.letter) for run in self.model.runs.values())
        assert (stats.pause is not None) == self.model.paused
        demand = self.do(self.world.queue.demand(LEASE_MS))
        assert (demand.waiting, demand.in_flight) == (places.count("new"), places.count("held"))
        assert demand.due_soon <= places.count("parked")

    def teardown(self) -> None:
        try:
            self.everything_can_be_finished()
        finally:
            self.do(self.world.redis.aclose())
            self.loop.close()

    def everything_can_be_finished(self) -> None:
        self.pause_or_resume(False)
        self.sweep()
        self.time_passes(10**12)
        for _ in range(2 * len(RUN_IDS)):
            for lease in self.taken("ada", 4):
                self.model.settle(lease, "done", 0)
                self.do(self.world.worker("ada").settle([Settlement(lease, Done("m"))]))
        assert [run.run_id for run in self.model.runs.values() if run.is_live] == []
        assert self.do(self.world.entries()) == {}


@pytest.mark.slow
def test_any_program_of_steps_and_faults_ends_as_the_model_says(model_url: str) -> None:
    QueueMachine.url = model_url
    run_state_machine_as_test(
        QueueMachine,
        settings=settings(
            max_examples=100,
            phases=PHASES,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )


def test_stream_ids_are_ordered_as_numbers() -> None:
    assert stream_id("high:9-10") > stream_id("low:9-9") > stream_id("low:8-11")
