"""What a monitoring system knows: a real Prometheus where one is installed, else each service asked directly.

Either way a test asks for a series by name and labels, and gets its value by service.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from metric_scrape import get, scrape
from redis_servers import free_port
from worker_world import until

CONFIGURATION = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
"""
JOB = """
  - job_name: {name}
    static_configs:
      - targets: ["{address}"]
"""


class Monitoring(Protocol):
    async def values(self, name: str, **labels: str) -> dict[str, float]:
        """The value of this series at each service that has it, by the service's name."""
        ...


class Direct:
    """Implements Monitoring by asking the services themselves."""

    def __init__(self, services: Mapping[str, str]) -> None:
        self._services = services

    async def values(self, name: str, **labels: str) -> dict[str, float]:
        found = {}
        for service, address in self._services.items():
            value = (await scrape(address)).value(name, **labels)
            if value is not None:
                found[service] = value
        return found


class Prometheus:
    """Implements Monitoring by asking a Prometheus that scrapes the services."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def values(self, name: str, **labels: str) -> dict[str, float]:
        chosen = ",".join(f'{label}="{value}"' for label, value in labels.items())
        answer = await self.query(f"{name}{{{chosen}}}")
        return {result["metric"]["job"]: float(result["value"][1]) for result in answer}

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Result of an instant query."""
        status, _, body = await asyncio.to_thread(get, self.address, f"/api/v1/query?query={quote(expression)}")
        assert status == 200, body
        result: list[dict[str, Any]] = json.loads(body)["data"]["result"]
        return result

    async def scrapes_all(self, count: int) -> bool:
        """Whether it has scraped so many services without an error."""
        try:
            up = await self.query("up")
        except (AssertionError, OSError):
            return False
        return [result["value"][1] for result in up] == ["1"] * count


@asynccontextmanager
async def monitoring(folder: Path, services: Mapping[str, str]) -> AsyncIterator[Monitoring]:
    """services: metrics addresses by name. Each has been read at least once when this begins. folder: exists, and is empty."""
    if shutil.which("prometheus") is None:
        yield Direct(services)
        return
    configuration = folder / "prometheus.yml"
    jobs = (JOB.format(name=name, address=address) for name, address in services.items())
    configuration.write_text(CONFIGURATION + "".join(jobs))
    async with prometheus(configuration) as served:
        await until("Prometheus scrapes every service", lambda: served.scrapes_all(len(services)))
        yield served


@asynccontextmanager
async def prometheus(configuration: Path) -> AsyncIterator[Prometheus]:
    """A Prometheus of its own, which has to be installed; data and log are kept beside its configuration."""
    address = free_address()
    words = [f"--config.file={configuration}", f"--storage.tsdb.path={configuration.parent / 'data'}"]
    async with daemon("prometheus", *words, f"--web.listen-address={address}", log=configuration.with_suffix(".log")):
        yield Prometheus(address)


@asynccontextmanager
async def daemon(program: str, *words: str, log: Path) -> AsyncIterator[None]:
    """A program in the background, killed at the end."""
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(program, *words, stdout=DEVNULL, stderr=stderr)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


def free_address() -> str:
    """A port of loopback that nobody else is given."""
    return f"127.0.0.1:{free_port()}"
