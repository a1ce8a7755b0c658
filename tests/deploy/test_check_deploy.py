"""`make check-deploy` fails when a tool finds fault, and never passes over a check in silence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import ROOT, environment

TOOLS = ("promtool", "amtool", "docker-compose", "hadolint", "helm", "kubernetes-validate")


def check_deploy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The tool as a process whose PATH is `folder`, and whose virtualenv has none of the tools."""
    python = folder / "python"
    python.symlink_to(sys.executable)
    return subprocess.run(
        [python, ROOT / "tools" / "check_deploy.py", *arguments],
        env=environment() | {"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def tool(folder: Path, name: str, code: int = 0) -> None:
    """A tool that says what it is asked, and ends with `code`."""
    script = folder / name
    script.write_text(f'#!/bin/sh\necho "$0 $*"\nexit {code}\n')
    script.chmod(0o755)


def test_without_tools_every_check_is_said_to_be_skipped_and_where_its_tool_comes_from(tmp_path: Path) -> None:
    done = check_deploy(tmp_path)
    assert done.returncode == 0
    assert all(f"no {name} here (" in done.stdout for name in TOOLS)
    assert done.stdout.endswith("0 ok, 0 failed, 8 skipped\n")


def test_strict_does_not_pass_what_was_skipped(tmp_path: Path) -> None:
    assert check_deploy(tmp_path, "--strict").returncode == 1


def test_with_every_tool_content_it_passes(tmp_path: Path) -> None:
    for name in TOOLS:
        if name != "helm":  # contentment is not enough of it: it has to render what is committed
            tool(tmp_path, name)
    done = check_deploy(tmp_path)
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("7 ok, 0 failed, 1 skipped\n")


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("promtool", "test rules deploy/prometheus/tests/queue_alerts_test.yml"),
        ("amtool", "check-config deploy/alertmanager/alertmanager.yml"),
        ("docker-compose", "--profile * config --quiet"),
        ("hadolint", "services/scheduler/Dockerfile services/worker/Dockerfile"),
        ("helm", "lint --strict"),
        ("kubernetes-validate", "--strict --quiet tests/deploy/manifests/core/bucket.yaml"),
    ],
)
def test_a_tool_that_finds_fault_fails_it_with_what_the_tool_said(tmp_path: Path, name: str, asked: str) -> None:
    tool(tmp_path, name, code=3)
    done = check_deploy(tmp_path)
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert asked in done.stdout
