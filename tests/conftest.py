"""Fixtures that more than one folder of tests wants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from scheduler_server import Scheduler, note_settings, real_scheduler


@pytest.fixture
async def running_scheduler(tmp_path: Path) -> AsyncIterator[Scheduler]:
    """A real scheduler on a free port, with the shipped packs and the pack `note`; everything it keeps is in tmp_path."""
    async with real_scheduler(note_settings(tmp_path)) as scheduler:
        yield scheduler
