"""A certificate authority, and a scheduler that renders nothing for real."""

from __future__ import annotations

from pathlib import Path

import pytest
from certificates import Authority
from fakes import ScriptedRenderer


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def renderer() -> ScriptedRenderer:
    return ScriptedRenderer()
