"""What a service's metrics say: read over HTTP as Prometheus reads them, parsed by its client's parser, linted by promtool.

promtool is used where it is on the path; without it the parser, which is strict too, is the judge.
"""

from __future__ import annotations

import asyncio
import http.client
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from worker_world import until

READ_S = 20.0


@dataclass(frozen=True, slots=True)
class Scrape:
    """One answer of /metrics."""

    text: str

    def families(self) -> list[Metric]:
        return list(text_string_to_metric_families(self.text))

    def samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        """Name, labels and value of every line."""
        return ((s.name, dict(s.labels), s.value) for family in self.families() for s in family.samples)

    def value(self, name: str, **labels: str) -> float | None:
        """Of the one series with exactly these labels; None where there is none."""
        found = [value for sample, its, value in self.samples() if (sample, its) == (name, labels)]
        assert len(found) <= 1, f"{name}{labels} is there {len(found)} times"
        return found[0] if found else None

    def by(self, label: str, name: str) -> dict[str, float]:
        """Every value of a counter that is not 0, by its one label."""
        return {its[label]: value for sample, its, value in self.samples() if sample == name and value}


def get(address: str, path: str = "/metrics") -> tuple[int, str, str]:
    """Status, content type and body."""
    connection = http.client.HTTPConnection(address, timeout=READ_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
    finally:
        connection.close()


async def scrape(address: str) -> Scrape:
    status, _, body = await asyncio.to_thread(get, address)
    assert status == 200, body
    return Scrape(body)


async def scraped(address: str, what: str, holds: Callable[[Scrape], bool]) -> Scrape:
    """The first scrape for which `holds` is true."""
    found: list[Scrape] = []

    async def true() -> bool:
        found[:] = [await scrape(address)]
        return holds(found[0])

    await until(what, true)
    return found[0]


def lint(scrape: Scrape) -> str:
    """What `promtool check metrics` has to say; empty when all is well."""
    promtool = shutil.which("promtool")
    if promtool is None:
        return "" if scrape.families() else "no metric at all"
    done = subprocess.run(
        [promtool, "check", "metrics"], input=scrape.text, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"exit code {done.returncode}")
