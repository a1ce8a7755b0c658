"""Real failures of real services call somebody: through Prometheus and Alertmanager as deploy/ configures them, only sooner.

One story, because the start costs most: poison, a full store, a paused queue, a killed worker, a stopped scheduler. While the
store is full every panel of the dashboard is asked of the same Prometheus.
"""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from deploy.alerting import FASTER, Alerting, Call, alerting, installed, sooner, sooner_rules
from deploy.grafana_dashboard import panels
from deploy.prometheus_rules import RULES, read_yaml, rules
from docugen.client import BundleRun, DocugenClient, Refused
from docugen_scheduler.app import Served, running_server
from redis_servers import own_server, queue_name
from worker_world import WorkerWorld, bundle, until, worker_world

FREE = "127.0.0.1:0"
FILE_BYTES = 256 << 10


def test_the_rules_are_those_of_the_deployment_and_sixty_times_as_fast() -> None:
    assert (FASTER, sooner("5m"), sooner("1h"), sooner("30s")) == (60, "5000ms", "60000ms", "500ms")
    stalled = sooner_rules(read_yaml(RULES[0]))["groups"][0]["rules"][0]
    assert (stalled["expr"], stalled["for"]) == ("queue_bundle_generate:oldest_age_seconds:max > 5", "5000ms")
    before = [rule.annotations for rule in rules()]
    after = [r.get("annotations", {}) for p in RULES for g in sooner_rules(read_yaml(p))["groups"] for r in g["rules"]]
    assert before == after


def test_without_prometheus_it_is_skipped_on_a_desk_and_fails_in_continuous_integration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Debian packages prometheus"):
        installed("prometheus")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no prometheus on PATH"):
        installed("prometheus")


@pytest.fixture
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[WorkerWorld]:
    with own_server() as redis:
        async with worker_world(redis.url, queue_name(request.node.nodeid), tmp_path, render_processes=1) as made:
            yield made


@asynccontextmanager
async def scheduler(world: WorkerWorld) -> AsyncIterator[Served]:
    async with running_server(replace(world.settings, grpc_address=FREE, metrics_address=FREE)) as served:
        yield served


async def submit(client: DocugenClient, template: str, text: str) -> BundleRun:
    return await client.submit(bundle(template, text), max_attempts=1)


async def until_called(alerts: Alerting, name: str, severity: str, client: DocugenClient, text: str) -> Call:
    """The call of an alert, while runs with this and with little data are submitted, and one is asked for that nobody knows."""
    async with asyncio.TaskGroup() as group:
        call = group.create_task(alerts.called(name, severity=severity))
        for number in count():
            for data in (text, "little"):
                await submit(client, "note", f"{data} {number}")
            with pytest.raises(Refused):
                await client.get("br-unknown")
            await asyncio.wait([call], timeout=0.3)
            if call.done():
                break
    return call.result()


@pytest.mark.slow
@pytest.mark.timeout(300)  # half a minute alone; five alerts, each of which may take longer on a busy machine
async def test_every_failure_calls_somebody_and_names_its_runbook_and_panel(
    world: WorkerWorld, tmp_path_factory: pytest.TempPathFactory
) -> None:
    told: list[Call] = []
    async with AsyncExitStack() as running:
        stopping = await running.enter_async_context(AsyncExitStack())
        served = await stopping.enter_async_context(scheduler(world))
        ada = await running.enter_async_context(world.process("ada", worker_metrics_address=FREE))
        jobs = {"docugen-scheduler": served.metrics_address, "docugen-worker": ada.metrics_address}
        folder = tmp_path_factory.mktemp("alerting")
        alerts = await running.enter_async_context(alerting(folder, jobs))
        client = await stopping.enter_async_context(DocugenClient(served.address))
        assert (await client.wait(await submit(client, "slow", "all is well"))).succeeded
        assert not {call.name for call in alerts.calls} & {"DocugenDeadLetters", "DocugenErrorBudgetBurn"}

        # Poison: its template cannot render it, ever.
        await submit(client, "broken", "poison")
        told.append(await alerts.called("DocugenDeadLetters"))

        # The store is full: no artefact of this size can be written.
        resource.prlimit(ada.process.pid, resource.RLIMIT_FSIZE, (FILE_BYTES, resource.RLIM_INFINITY))
        told.append(await until_called(alerts, "DocugenErrorBudgetBurn", "page", client, "large " * 100_000))
        await every_panel_answers(alerts)

        # Paused, and forgotten: the worker is there, and takes nothing.
        await world.queue.pause("moving")
        await submit(client, "note", "waits")
        told.append(await alerts.called("DocugenQueueStalled"))

        # The only worker is killed: that is told, and not that the queue stands still because of it.
        ada.signal(signal.SIGKILL)
        told.append(await alerts.called("DocugenWorkersAbsent"))

        # The scheduler ends, and the queue is unseen.
        await stopping.aclose()
        told.append(await alerts.called("DocugenQueueUnobserved"))
        told.append(await alerts.called("DocugenDeadLetters", firing=False))

    for call in told:
        links = [
            r.annotations for r in rules() if r.name == call.name and r.labels["severity"] == call.labels["severity"]
        ]
        assert {(one["runbook_url"], one["dashboard_url"]) for one in links} == {
            (call.annotations["runbook_url"], call.annotations["dashboard_url"])
        }
        assert call.receiver == call.labels["severity"]
    severities = {call.name: call.receiver for call in told}
    assert severities == {
        "DocugenDeadLetters": "ticket",
        "DocugenErrorBudgetBurn": "page",
        "DocugenQueueStalled": "page",
        "DocugenWorkersAbsent": "page",
        "DocugenQueueUnobserved": "page",
    }


async def every_panel_answers(alerts: Alerting) -> None:
    """No panel's question is refused, and each has an answer once runs succeeded and failed and calls were refused."""
    for panel in panels():
        for expression in panel.asks():

            async def answered(expression: str = expression) -> bool:
                return bool(await alerts.prometheus.query(expression))

            await until(f"{panel.title} has something for {expression}", answered)
