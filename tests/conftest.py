"""Fixtures that more than one folder of tests wants."""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from redis_servers import default_server
from s3_server import BUCKET, environment_of, make_bucket, s3_server
from scheduler_server import Scheduler, note_settings, real_scheduler

# How long an example takes to make or to run says how busy the machine is, and no test here asserts on time.
settings.register_profile("docugen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("docugen")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control starts what it puts into the background deaf to Ctrl-C, and children inherit that; here it
    # would look like programs that do not end.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def log_setup_ends_with_its_test() -> Iterator[None]:
    """A test that sets up logging, itself or by a main(), names a stream that is closed soon after it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def queue_url() -> Iterator[str]:
    """A Redis for tests that need one and leave it alive; each takes a queue of its own (redis_servers.queue_name)."""
    with default_server() as url:
        yield url


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """An S3 server with a bucket, for tests that leave it alive; each takes a prefix of its own (s3_server.prefix_of)."""
    with s3_server() as url:
        make_bucket(url, BUCKET)
        yield url


@pytest.fixture
def s3(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, and this test's stores and processes use it."""
    for name, value in environment_of(s3_url).items():
        monkeypatch.setenv(name, value)
    return s3_url


@pytest.fixture
async def running_scheduler(tmp_path: Path) -> AsyncIterator[Scheduler]:
    """A real scheduler on a free port, with the shipped packs and the pack `note`; everything it keeps is in tmp_path."""
    async with real_scheduler(note_settings(tmp_path)) as scheduler:
        yield scheduler
