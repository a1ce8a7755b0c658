"""The Helm chart, rendered: what each example of deploy/helm/examples becomes is committed, for tests and for eyes.

    python tools/helm_chart.py [--check | --digest]

    tests/deploy/manifests/core/          what Kubernetes itself has a schema for
    tests/deploy/manifests/custom/        kinds of KEDA and the Prometheus operator, rules and dashboard excepted
    tests/deploy/manifests/chart.sha256   of all that the chart is made of, so that tests without Helm see that it was rendered

Without --check they are written anew. With it nothing is: the chart is linted with each example, what it renders is compared,
and each file of deploy/helm/refused has to be refused with the words in its first line. Exit code 1 for a difference, 127 where
there is no Helm: neither `helm` on PATH nor the wheel helm-python-sdk.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy" / "helm" / "docugen"
EXAMPLES = ROOT / "deploy" / "helm" / "examples"
REFUSED = ROOT / "deploy" / "helm" / "refused"
MANIFESTS = ROOT / "tests" / "deploy" / "manifests"
DIGEST = MANIFESTS / "chart.sha256"
RELEASE, NAMESPACE = "demo", "docs"
NO_HELM = 127
"""As a shell says it."""
HELM_S = 120

_CUSTOM = re.compile(r"^apiVersion: (keda\.sh|monitoring\.coreos\.com)/", re.MULTILINE)
_FILES = re.compile(r"^kind: PrometheusRule$|^  name: \S+-dashboard$", re.MULTILINE)

# One process for all of them: the wheel takes a second to load, and speaks of symbolic links on standard error.
_BY_WHEEL = """
import json, sys, helm_python as helm
chart, release, namespace = sys.argv[1:4]
answers = []
with helm.Chart.load(chart) as loaded:
    for text in json.load(sys.stdin):
        try:
            values = helm.values_from_yaml(text)
            found = [m["error"] for m in helm.lint(chart, values, strict=True)["messages"] if m["severity"] > 1]
            loaded.validate_schema(values)
            rendered = loaded.render(values, name=release, namespace=namespace)
            manifests = [rendered[name] for name in sorted(rendered) if not name.endswith(".txt")]
            answers.append(["; ".join(found), "\\n---\\n".join(manifests)])
        except helm.HelmError as error:
            answers.append([str(error), ""])
json.dump(answers, sys.stdout)
"""


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    if "--digest" in arguments:
        print(chart_digest())
        return 0
    values = [path.read_text(encoding="utf-8") for path in (*examples(), *refused())]
    answers = rendered(values)
    if answers is None:
        print("no Helm here: neither `helm` on PATH nor the wheel helm-python-sdk")
        return NO_HELM
    good, bad = answers[: len(examples())], answers[len(examples()) :]
    problems = [f"{path.name}: {said}" for path, (said, _) in zip(examples(), good, strict=True) if said]
    problems += list(_not_refused(bad))
    files = {DIGEST: chart_digest() + "\n"}
    for path, (_, text) in zip(examples(), good, strict=True):
        core, custom = _sorted_kinds(text)
        files[MANIFESTS / "core" / path.name] = core
        if custom:
            files[MANIFESTS / "custom" / path.name] = custom
    if "--check" in arguments:
        problems += _differences(files)
    elif not problems:
        shutil.rmtree(MANIFESTS, ignore_errors=True)
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    print("\n".join(problems) or f"chart: {len(good)} examples rendered, {len(bad)} refused")
    return 1 if problems else 0


def examples() -> list[Path]:
    return sorted(EXAMPLES.glob("*.yaml"))


def refused() -> list[Path]:
    return sorted(REFUSED.glob("*.yaml"))


def chart_digest() -> str:
    """Of the chart and its examples; not of the rules and dashboards that it takes in, nor of the schema: that
    only refuses, and changes with every setting."""
    own = [
        p for p in CHART.rglob("*") if p.is_file() and "files" not in p.relative_to(CHART).parts and p.suffix != ".json"
    ]
    names = sorted((path.relative_to(ROOT).as_posix(), path) for path in (*own, *examples()))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in names]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def rendered(values: Sequence[str]) -> list[tuple[str, str]] | None:
    """For each values file what Helm says against it, and the manifests; None where there is no Helm."""
    if binary := shutil.which("helm"):
        return [_by_binary(binary, text) for text in values]
    asked = [sys.executable, "-c", _BY_WHEEL, str(CHART), RELEASE, NAMESPACE]
    done = subprocess.run(asked, input=json.dumps(values), capture_output=True, text=True, timeout=HELM_S, check=False)
    if "No module named 'helm_python'" in done.stderr:
        return None
    if done.returncode:
        raise ChildProcessError(done.stderr)
    return [(said, text) for said, text in json.loads(done.stdout)]


def _by_binary(helm: str, values: str) -> tuple[str, str]:
    linted = _run([helm, "lint", "--strict", str(CHART), "--values", "-"], values)
    asked = [helm, "template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--values", "-"]
    made = _run(asked, values)
    problems = [done.stdout + done.stderr for done in (linted, made) if done.returncode]
    return "".join(problems), "" if made.returncode else made.stdout


def _run(command: list[str], values: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=values, capture_output=True, text=True, timeout=HELM_S, check=False)


def _not_refused(answers: Sequence[tuple[str, str]]) -> Iterator[str]:
    for path, (said, _) in zip(refused(), answers, strict=True):
        expected = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# refused: ")
        if expected not in said:
            yield f"{path.name}: not refused with {expected!r}: {said or 'rendered'}"


def _sorted_kinds(text: str) -> tuple[str, str]:
    """The documents that Kubernetes has a schema for, and the others; in the order of kind and name, whoever rendered them."""
    kept: dict[bool, list[str]] = {False: [], True: []}
    for document in re.split(r"^---.*$", text, flags=re.MULTILINE):
        lines = [line.rstrip() for line in document.splitlines()]
        body = "\n".join(line for line in lines if line and not line.startswith("#"))
        if "kind:" in body and not _FILES.search(body):
            kept[_CUSTOM.search(body) is not None].append(f"---\n{body}\n")
    core, custom = ("".join(sorted(documents, key=_kind_and_name)) for documents in kept.values())
    return core, custom


def _kind_and_name(document: str) -> tuple[str, ...]:
    return tuple(re.findall(r"^kind: (.*)$|^  name: (.*)$", document, re.MULTILINE)[0]) + tuple(
        re.findall(r"^  name: (.*)$", document, re.MULTILINE)[:1]
    )


def _differences(files: dict[Path, str]) -> Iterator[str]:
    there = {path for path in MANIFESTS.rglob("*") if path.is_file()}
    for path in sorted(there | files.keys()):
        if not path.exists() or path not in files or path.read_text(encoding="utf-8") != files[path]:
            yield f"{path.relative_to(ROOT)} is not what the chart renders: run `python tools/helm_chart.py`, look at the diff"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
