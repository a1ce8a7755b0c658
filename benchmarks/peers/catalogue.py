"""Which peers there are, and how each is had: pinned in peers.toml, installed below var/peers by pip or npm.

Nothing goes into DocuGen's own environment. A peer that cannot be installed is an `Absent` with the reason, and the rest goes
on without it. What was installed from the same pins before is used again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stage import ROOT

PINS = Path(__file__).parent / "peers.toml"
PROGRAMS = Path(__file__).parent / "programs"
HOMES = ROOT / "var" / "peers"
INSTALL_S_MAX = 240
STAMP = "installed"


@dataclass(frozen=True, slots=True)
class Peer:
    """packages: as pip or npm are given them, the one it is named for first."""

    name: str
    title: str
    tool: str
    packages: tuple[str, ...]
    program: str
    slots: int = 1
    configured: str = ""
    lease: str = ""
    homes: Path = HOMES

    @property
    def version(self) -> str:
        return self.packages[0].rpartition("=" if self.tool == "pip" else "@")[2]

    @property
    def label(self) -> str:
        return f"{self.title} {self.version}"

    @property
    def home(self) -> Path:
        return self.homes / self.name

    def command(self, *arguments: str | int) -> list[str]:
        """Its program with these words; run it in its home."""
        runner = str(self.home / "bin" / "python") if self.tool == "pip" else "node"
        return [runner, str(PROGRAMS / self.program), *(str(argument) for argument in arguments)]


@dataclass(frozen=True, slots=True)
class Absent:
    """A peer that cannot be had here, and why."""

    peer: Peer
    reason: str

    def __str__(self) -> str:
        return f"{self.peer.label}: absent, {self.reason}"


def peers(kind: str, pins: Path = PINS, homes: Path = HOMES) -> tuple[Peer, ...]:
    """Those of `queues` or `renderers`. Raises ValueError for a package without an exact version."""
    found = []
    for name, entry in tomllib.loads(pins.read_text(encoding="utf-8"))[kind].items():
        tool = "pip" if "pip" in entry else "npm"
        packages = tuple(entry.pop(tool))
        found.append(Peer(name, tool=tool, packages=packages, homes=homes, **entry))
        for package in packages:
            if not (package.partition("==")[2] if tool == "pip" else package[1:].partition("@")[2])[:1].isdigit():
                raise ValueError(f"{pins.name}: {name} needs {package} with an exact version")
    return tuple(found)


Run = Callable[[Sequence[str], Path], str]
"""Runs a command in a folder; returns why it failed, or nothing."""


def installed(peer: Peer, run: Run | None = None) -> Absent | None:
    """See that it is there, within some minutes. Returns None, or why it is not."""
    run = run or _run
    stamp = peer.home / STAMP
    if stamp.exists() and stamp.read_text() == _stamp(peer):
        return None
    if peer.tool == "npm" and not (shutil.which("npm") and shutil.which("node")):
        return Absent(peer, "there is no node and npm on PATH")
    shutil.rmtree(peer.home, ignore_errors=True)
    peer.home.mkdir(parents=True)
    for command in _commands(peer):
        if reason := run(command, peer.home):
            return Absent(peer, reason)
    stamp.write_text(_stamp(peer))
    return None


def _commands(peer: Peer) -> list[list[str]]:
    if peer.tool == "npm":
        quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
        return [["npm", "install", "--prefix", ".", *quiet, *peer.packages]]
    python = str(peer.home / "bin" / "python")
    pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    return [[sys.executable, "-m", "venv", "."], [python, *pip, *peer.packages]]


def _run(command: Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"
    words = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
    return f"{Path(command[0]).name} ended with {done.returncode}: {words[-1][:200]}" if done.returncode else ""


def _stamp(peer: Peer) -> str:
    return "\n".join(peer.packages) + "\n"
