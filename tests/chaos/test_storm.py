"""A short storm on each server, as `make chaos` makes long ones. DOCUGEN_TEST_CHAOS_SEED names another seed than ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis_servers import binaries

SEED = os.environ.get("DOCUGEN_TEST_CHAOS_SEED", "weather")  # noqa: TID251 - which storm tests make is theirs to know
TESTS = Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.timeout(600)  # more than all bounds of a storm together
@pytest.mark.parametrize("server", binaries())
def test_a_storm_loses_nothing_and_commits_nothing_twice(server: str) -> None:
    """In a process of its own: a storm adopts every orphan of the processes that it kills."""
    storm = subprocess.run(
        [
            *(sys.executable, "-m", "chaos"),
            *("--seed", SEED, "--jobs", "250", "--seconds", "25", "--server", server),
        ],
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert storm.returncode == 0, storm.stdout + storm.stderr
    assert "PASSED" in storm.stdout
