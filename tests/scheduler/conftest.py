"""A scheduler whose renders a test directs, and everything that is logged."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from docugen_core.adapters.logs import configure_logs
from fakes import ScriptedRenderer
from scheduler_server import Scheduler, note_settings, scripted_scheduler


@pytest.fixture
def renderer() -> ScriptedRenderer:
    return ScriptedRenderer()


@pytest.fixture
async def scheduler(tmp_path: Path, renderer: ScriptedRenderer) -> AsyncIterator[Scheduler]:
    """Everything real but the renderer."""
    async with scripted_scheduler(note_settings(tmp_path), renderer) as running:
        yield running


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, as JSON lines."""
    lines = io.StringIO()
    configure_logs("info", "json", lines)
    yield lines
    configure_logs("info", "json")


def events(log: io.StringIO) -> list[dict[str, object]]:
    """What `log` holds, line by line."""
    return [json.loads(line) for line in log.getvalue().splitlines()]
