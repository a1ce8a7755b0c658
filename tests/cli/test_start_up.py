"""What a command does not need is not imported: a help page waits for no engine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import INVOICE, environment

ENGINES = ("typst", "minijinja", "xlsxwriter", "pypdfium2")
HEAVY = (
    "grpc",
    "google.protobuf",
    "rich",
    "typst",
    "minijinja",
    "xlsxwriter",
    "babel",
    "structlog",
    "jsonschema_rs",
    "asyncio",
)
NEVER = ("opentelemetry", "prometheus_client", "redis")  # what a service needs, and no command that works by itself

PROGRAM = """
import json, sys
from docugen.cli import run
code = run(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    json.dump({"code": code, "modules": sorted(sys.modules)}, file)
"""


def imported(tmp_path: Path, *arguments: str) -> set[str]:
    """The modules in memory after `docugen ARGUMENTS`, which succeeds."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-c", PROGRAM, str(report), *arguments]
    subprocess.run(command, cwd=tmp_path, env=environment(), check=True, capture_output=True, timeout=100)
    result = json.loads(report.read_text())
    assert result["code"] == 0
    return set(result["modules"])


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], HEAVY),
        (["config"], HEAVY),
        (["version"], HEAVY),
        (["render", "--help"], ("grpc", "rich", *ENGINES)),
        (["templates", "ls"], ("grpc", "google.protobuf", "rich", *ENGINES)),
        (["validate", str(INVOICE)], ("grpc", "google.protobuf", "rich", *ENGINES)),
        (["render", str(INVOICE)], ("grpc", "google.protobuf", "rich", "urllib.request", *ENGINES)),
        (["runs", "--help"], ("rich", "structlog", *ENGINES)),
    ],
)
def test_a_command_imports_only_what_it_needs(tmp_path: Path, arguments: list[str], absent: tuple[str, ...]) -> None:
    modules = imported(tmp_path, *arguments)
    assert [name for name in (*absent, *NEVER) if name in modules] == []


@pytest.mark.parametrize("service", ["docugen_scheduler", "docugen_worker"])
def test_a_service_that_logs_does_not_import_what_draws_tracebacks(service: str) -> None:
    program = (
        f"import {service}.__main__, json, sys; print(json.dumps([n in sys.modules for n in ('structlog', 'rich')]))"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=100)
    assert json.loads(ended.stdout) == [True, False]
