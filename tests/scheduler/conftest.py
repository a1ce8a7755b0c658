"""A scheduler whose renders a test directs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
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
