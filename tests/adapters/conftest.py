"""A local store of its own for each test that asks for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from docugen_core.adapters.local_store import LocalStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where `store` keeps everything."""
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> LocalStore:
    return LocalStore(root)
