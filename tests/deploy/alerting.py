"""Prometheus and Alertmanager as deploy/ configures them, with minutes made seconds, and somebody who is called.

Rules and configurations are the files of deploy/, read and rewritten: every `for`, window, interval and bound in seconds is
divided by FASTER; addresses are those of the test; the receivers get a webhook. Nothing else is changed.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from cli_process import ROOT, environment
from deploy.prometheus_rules import PROMETHEUS, RULES, read_yaml
from prometheus_server import Prometheus, daemon, free_address, prometheus
from worker_world import until

FASTER = 60
SCRAPE_MS_MIN = 500
"""A scrape that is due more often is missed on a busy machine."""
ALERTMANAGERS = ("alertmanager", "prometheus-alertmanager")
UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_WINDOW = re.compile(r"(?<=\[)\d+[smhd](?=\])")
_SECONDS = re.compile(r"(_seconds\S* > )(\d+)$")


def sooner(duration: str) -> str:
    """A duration of Prometheus, FASTER: `5m` is `5000ms`."""
    amount, unit = re.fullmatch(r"(\d+)(\w+)", duration).groups()  # type: ignore[union-attr]
    return f"{max(int(amount) * UNIT_MS[unit] // FASTER, 1)}ms"


def sooner_rules(document: dict[str, Any]) -> dict[str, Any]:
    """A file of rules, FASTER."""
    for group in document["groups"]:
        if "interval" in group:
            group["interval"] = f"{SCRAPE_MS_MIN}ms"
        for rule in group["rules"]:
            shorter = _WINDOW.sub(lambda window: sooner(window[0]), rule["expr"])
            rule["expr"] = _SECONDS.sub(lambda bound: f"{bound[1]}{float(bound[2]) / FASTER:g}", shorter)
            if "for" in rule:
                rule["for"] = sooner(rule["for"])
    return document


@dataclass(frozen=True, slots=True)
class Call:
    """One alert as the receiver was told of it."""

    name: str
    firing: bool
    receiver: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Alerting:
    """calls: what came, in order."""

    prometheus: Prometheus
    calls: list[Call] = field(default_factory=list)

    async def called(self, name: str, *, firing: bool = True, **labels: str) -> Call:
        """The first call of this alert, once it came."""

        def found() -> list[Call]:
            calls = (call for call in self.calls if (call.name, call.firing) == (name, firing))
            return [call for call in calls if labels.items() <= call.labels.items()]

        async def came() -> bool:
            return bool(found())

        await until(f"{name} {'fires' if firing else 'ends'} {labels or ''}, told of {self.calls}", came)
        return found()[0]


@asynccontextmanager
async def alerting(folder: Path, jobs: Mapping[str, str]) -> AsyncIterator[Alerting]:
    """jobs: metrics addresses by the job names of deploy/prometheus/prometheus.yml. Skips where the programs are not installed;
    with CI set it fails there instead."""
    manager = installed(*ALERTMANAGERS)
    installed("prometheus")
    calls: list[Call] = []
    with_webhook, address = _Webhook(calls), free_address()
    try:
        alertmanager = _write(folder / "alertmanager.yml", _alertmanager(with_webhook.url))
        configuration = _write(folder / "prometheus.yml", _prometheus(folder, address, jobs))
        words = [f"--config.file={alertmanager}", f"--storage.path={folder / 'alertmanager'}"]
        alone = [f"--web.listen-address={address}", "--cluster.listen-address="]
        async with (
            daemon(manager, *words, *alone, log=folder / "alertmanager.log"),
            prometheus(configuration) as served,
        ):
            await until("Prometheus scrapes every job", lambda: served.scrapes_all(len(jobs)))
            yield Alerting(served, calls)
    finally:
        await asyncio.to_thread(with_webhook.end)


def installed(*programs: str) -> str:
    """The first of these that is on PATH."""
    for program in programs:
        if found := shutil.which(program):
            return found
    missing = f"no {' nor '.join(programs)} on PATH: Debian packages prometheus and prometheus-alertmanager"
    if environment().get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def _prometheus(folder: Path, alertmanager: str, jobs: Mapping[str, str]) -> dict[str, Any]:
    """deploy/prometheus/prometheus.yml for services on these addresses, with rules written into the folder."""
    rules = [_write(folder / path.name, sooner_rules(read_yaml(path))) for path in RULES]
    made: dict[str, Any] = read_yaml(PROMETHEUS / "prometheus.yml")
    made["global"] = dict.fromkeys(made["global"], f"{SCRAPE_MS_MIN}ms")
    made["rule_files"] = [str(path) for path in rules]
    made["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    assert {job["job_name"] for job in made["scrape_configs"]} == jobs.keys()
    made["scrape_configs"] = [{"job_name": n, "static_configs": [{"targets": [a]}]} for n, a in jobs.items()]
    return made


def _alertmanager(webhook: str) -> dict[str, Any]:
    """deploy/alertmanager/alertmanager.yml with a webhook for every receiver."""
    made: dict[str, Any] = read_yaml(ROOT / "deploy" / "alertmanager" / "alertmanager.yml")
    for route in (made["route"], *made["route"]["routes"]):
        for name in ("group_wait", "group_interval"):
            if name in route:
                route[name] = sooner(route[name])
    for receiver in made["receivers"]:
        receiver["webhook_configs"] = [{"url": webhook}]
    return made


def _write(path: Path, document: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


class _Webhook:
    """Takes what Alertmanager sends, on a port of its own, in threads of its own."""

    def __init__(self, calls: list[Call]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in told["alerts"]:
                    labels, firing = alert["labels"], alert["status"] == "firing"
                    call = Call(labels["alertname"], firing, told["receiver"], labels, alert["annotations"])
                    calls.append(call)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *words: Any) -> None:
                """Silent: what came is in `calls`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def end(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
