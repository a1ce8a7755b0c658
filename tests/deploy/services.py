"""A scheduler and a worker as processes of their own, over one store and one Redis on a loopback port."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli_process import DOCUGEN, broken_pack, environment
from redis_servers import free_port
from scheduler_server import note_settings

SCHEDULER = (str(DOCUGEN), "serve")
WORKER = (sys.executable, "-m", "docugen_worker")
STOP_S = 60


@contextmanager
def service(command: tuple[str, ...], env: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """What the service said when it had started. It is ended by SIGTERM, and has to end well."""
    process = subprocess.Popen(
        command, env=environment() | dict(env), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            line = process.stdout.readline()
            assert line, f"{command[-1]} did not start: exit code {process.wait(STOP_S)}"
            yield json.loads(line)
        finally:
            process.terminate()
            code = process.wait(STOP_S)
    assert code == 0, f"{command[-1]} ended with {code}"


def settings_in(folder: Path) -> dict[str, str]:
    """Settings of both services: store and packs (`note`, `broken`) in `folder`, every address a free port of its own."""
    settings = note_settings(folder)
    packs = Path(settings.template_path)
    if not (packs / "broken").exists():
        broken_pack(packs)
    addresses = ("GRPC_ADDRESS", "WORKER_GRPC_ADDRESS", "METRICS_ADDRESS", "WORKER_METRICS_ADDRESS")
    return {
        "DOCUGEN_STORE_URL": settings.store_url,
        "DOCUGEN_TEMPLATE_PATH": settings.template_path,
        "DOCUGEN_RENDER_PROCESSES": "1",
    } | {f"DOCUGEN_{name}": f"127.0.0.1:{free_port()}" for name in addresses}


def queue_settings(redis_url: str) -> dict[str, str]:
    """What switches the queue on."""
    return {"DOCUGEN_QUEUE_ENABLED": "true", "DOCUGEN_REDIS_URL": redis_url}
