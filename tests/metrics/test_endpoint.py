"""The metrics endpoint of a service: where it listens, what it answers, what it refuses, and that nothing waits for it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from docugen_core.adapters.metrics_endpoint import CONNECTIONS_MAX, exposed_measures, listening
from docugen_core.config import Settings
from docugen_core.environment import load
from docugen_core.errors import ConfigurationError
from docugen_core.measures import UNMEASURED
from docugen_scheduler.app import running_server
from metric_scrape import get, lint, scrape
from prometheus_server import free_address
from redis_servers import own_server
from scheduler_server import note_settings
from worker_world import environment, until

SETTING = "DOCUGEN_METRICS_ADDRESS"
FREE = "127.0.0.1:0"

WITHOUT_OTEL = """
import sys
from importlib.abc import MetaPathFinder

class WithoutOtel(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("opentelemetry", "prometheus_client"):
            raise ImportError(f"{name} must not be imported without a metrics address")

sys.meta_path.insert(0, WithoutOtel())
from docugen_%s.__main__ import main
main([])
"""


def text() -> bytes:
    return b"# HELP up Whether it is.\n# TYPE up gauge\nup 1\n"


def metrics_threads() -> int:
    return sum(thread.name == "metrics" for thread in threading.enumerate())


def test_a_free_port_is_picked_and_said() -> None:
    with exposed_measures(FREE, setting=SETTING, insecure=False) as exposed:
        assert not exposed.address.endswith(":0")
        exposed.measures.run_enqueued(2)
        status, content_type, body = get(exposed.address)
        assert (status, content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert "queue_bundle_generate_enqueued_total 2.0" in body
        assert metrics_threads() == 1
    assert metrics_threads() == 0


def test_a_port_is_free_again_afterwards() -> None:
    address = free_address()  # one that the system picked might be somebody else's the moment it is left
    for _ in range(2):
        with listening(address, text, content_type="text/plain", setting=SETTING) as exposed:
            assert get(exposed)[0] == 200
        with pytest.raises(ConnectionRefusedError):
            get(address)


def test_an_address_in_use_is_a_configuration_error_that_names_setting_and_remedy() -> None:
    with (
        exposed_measures(FREE, setting=SETTING, insecure=False) as first,
        pytest.raises(ConfigurationError, match=SETTING) as refused,
        exposed_measures(first.address, setting=SETTING, insecure=False),
    ):
        pass
    assert "in use" in refused.value.message
    assert "port" in refused.value.hint


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "metrics.example:0"])
def test_an_address_that_others_reach_needs_insecure(address: str) -> None:
    with (
        pytest.raises(ConfigurationError, match=SETTING) as refused,
        exposed_measures(address, setting=SETTING, insecure=False),
    ):
        pass
    assert "DOCUGEN_INSECURE=true" in refused.value.hint


def test_with_insecure_it_listens_for_all() -> None:
    with exposed_measures("0.0.0.0:0", setting=SETTING, insecure=True) as exposed:
        assert get(f"127.0.0.1:{exposed.address.rpartition(':')[2]}")[0] == 200


def test_an_empty_address_is_off() -> None:
    with exposed_measures("", setting=SETTING, insecure=False) as exposed:
        assert (exposed.measures, exposed.address) == (UNMEASURED, "")
    assert metrics_threads() == 0


@pytest.mark.parametrize("name", ["DOCUGEN_METRICS_ADDRESS", "DOCUGEN_WORKER_METRICS_ADDRESS"])
def test_an_address_without_a_port_is_refused_with_all_other_mistakes(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        load({name: "localhost"})
    assert isinstance(load({name: ""}), Settings)


def test_other_paths_are_not_found_and_say_where_metrics_are() -> None:
    with listening(FREE, text, content_type="text/plain", setting=SETTING) as address:
        status, _, body = get(address, "/")
        assert (status, body) == (404, "Metrics are at /metrics.\n")
        assert get(address, "/metrics?x=1")[0] == 200


def test_a_collection_that_fails_is_a_500_and_the_next_scrape_is_a_new_one() -> None:
    answers: Iterator[bytes | Exception] = iter([RuntimeError("internal detail"), b"up 1\n"])

    def failing_once() -> bytes:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with listening(FREE, failing_once, content_type="text/plain", setting=SETTING) as address:
        status, _, body = get(address)
        assert status == 500
        assert "internal detail" not in body
        assert get(address)[0] == 200


async def test_a_scrape_that_takes_long_holds_up_neither_the_event_loop_nor_other_scrapes() -> None:
    begun, release = threading.Event(), threading.Event()
    turns = iter([True])

    def slow_once() -> bytes:
        if next(turns, False):
            begun.set()
            assert release.wait(60)
        return text()

    with listening(FREE, slow_once, content_type="text/plain", setting=SETTING) as address:
        slow = asyncio.create_task(asyncio.to_thread(get, address))

        async def has_begun() -> bool:
            return begun.is_set()

        await until("the slow scrape has begun", has_begun)
        assert (await asyncio.to_thread(get, address))[0] == 200
        assert not slow.done()
        release.set()
        assert (await slow)[0] == 200


def test_connections_beyond_the_bound_are_closed_at_once_and_served_again_when_others_have_left() -> None:
    with listening(FREE, text, content_type="text/plain", setting=SETTING) as address, ExitStack() as silent:
        host, _, port = address.rpartition(":")
        for _ in range(CONNECTIONS_MAX):
            silent.enter_context(socket.create_connection((host, int(port)), timeout=20))
        with socket.create_connection((host, int(port)), timeout=20) as late:
            assert late.recv(1) == b""
        silent.close()
        served = False
        while not served:  # the endpoint notices by itself that they left
            try:
                served = get(address)[0] == 200
            except (ConnectionError, OSError):
                served = False


def test_scrapes_side_by_side_each_get_everything_once() -> None:
    """The exporter keeps what it collects in one list: two scrapes at once got all of it twice, and nothing."""
    with exposed_measures(FREE, setting=SETTING, insecure=False) as exposed:
        bodies: list[str] = []
        readers = [threading.Thread(target=lambda: bodies.append(get(exposed.address)[2])) for _ in range(6)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        assert [body.count("# TYPE queue_bundle_generate_enqueued_total ") for body in bodies] == [1] * 6


async def test_a_scheduler_says_where_its_metrics_are_and_serves_them_until_it_has_ended(tmp_path: Path) -> None:
    async with running_server(note_settings(tmp_path, metrics_address=free_address())) as served:
        found = await scrape(served.metrics_address)
        assert found.value("docugen_worker_slots", state="free") == 2.0
        assert lint(found) == ""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(get, served.metrics_address)


async def test_a_scheduler_whose_metrics_address_is_taken_touches_nothing(tmp_path: Path) -> None:
    with listening(FREE, text, content_type="text/plain", setting=SETTING) as taken:
        settings = note_settings(tmp_path, metrics_address=taken)
        with pytest.raises(ConfigurationError, match=SETTING):
            async with running_server(settings):
                pass
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
@pytest.mark.parametrize("service", ["scheduler", "worker"])
def test_without_an_address_a_service_does_not_need_opentelemetry_at_all(service: str, tmp_path: Path) -> None:
    with own_server() as redis:
        settings = note_settings(tmp_path, worker_grpc_address=FREE, queue_enabled=True, redis_url=redis.url)
        started = started_line([sys.executable, "-c", WITHOUT_OTEL % service], environment(settings))
    assert started["metrics_address"] == ""


@pytest.mark.slow
@pytest.mark.parametrize("service", ["scheduler", "worker"])
def test_a_service_says_on_its_first_line_where_its_metrics_are(service: str, tmp_path: Path) -> None:
    with own_server() as redis:
        settings = note_settings(
            tmp_path,
            worker_grpc_address=FREE,
            queue_enabled=True,
            redis_url=redis.url,
            metrics_address=FREE,
            worker_metrics_address=FREE,
        )
        started = started_line([sys.executable, "-m", f"docugen_{service}"], environment(settings))
    assert started["metrics_address"].startswith("127.0.0.1:")
    assert int(started["metrics_address"].rpartition(":")[2]) > 0


def started_line(command: list[str], env: dict[str, str]) -> dict[str, str]:
    """What a service says at its start; it is ended then, gracefully."""
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        os.kill(child.pid, signal.SIGTERM)
        _, said = child.communicate(timeout=60)
    assert line, said
    assert child.returncode == 0, said
    document: dict[str, str] = json.loads(line)
    return document
