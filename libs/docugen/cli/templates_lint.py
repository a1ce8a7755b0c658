"""`docugen templates lint`: what is wrong with a pack, one finding a line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from docugen_core.authoring.lint import LintReport, lint_pack
from docugen_core.config import Settings

from docugen.cli import local
from docugen.cli.author_packs import folders_at, packs_beside
from docugen.cli.failures import DID_NOT_WORK
from docugen.cli.options import json_option
from docugen.cli.output import emit, warn


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@json_option
def lint(paths: tuple[str, ...], as_json: bool) -> int:
    """Check the template packs in PATH... (packs, or folders of packs).

    Compares the fields and labels that the templates read with schema and labels, and renders the sample: in every format and
    language, and with one field missing at a time. What reading cannot see, such as computed names of fields, rendering sees
    as far as the sample goes.

    \b
    file:line: code: what is wrong (what to do)
    Codes are listed in docs/how-to/own-template-pack.md. Errors end with exit code 1, warnings do not.

    \b
    --json: {packs: [{path, pack, errors, warnings, untried,
                      findings: [{file, line, code, severity, message, hint}]}]}
    """
    settings = local.settings()
    folders = list(dict.fromkeys(folder for path in paths for folder in folders_at(path)))
    reports = asyncio.run(_lint(folders, settings))
    emit({"packs": [_json(report) for report in reports]}, _view, as_json=as_json)
    errors = sum(report.errors for report in reports)
    if not as_json:
        warnings = sum(report.warnings for report in reports)
        untried = sum(report.untried for report in reports)
        more = f"; {untried} fields were not tried, there are too many" if untried else ""
        warn(f"{_counted(len(reports), 'pack')}: {_counted(errors, 'error')}, {_counted(warnings, 'warning')}{more}")
    return DID_NOT_WORK if errors else 0


async def _lint(folders: Sequence[Path], settings: Settings) -> list[LintReport]:
    installed = packs_beside(settings, folders)
    async with local.renderer(settings) as renderer:
        return [await lint_pack(folder, renderer, installed) for folder in folders]


def _json(report: LintReport) -> dict[str, Any]:
    return {
        "path": str(report.folder),
        "pack": f"{report.pack.name}@{report.pack.version}" if report.pack else "",
        "errors": report.errors,
        "warnings": report.warnings,
        "untried": report.untried,
        "findings": [
            {
                "file": finding.file,
                "line": finding.line,
                "code": finding.code,
                "severity": finding.severity.value,
                "message": finding.message,
                "hint": finding.hint,
            }
            for finding in report.findings
        ],
    }


def _view(document: dict[str, Any]) -> str:
    lines = []
    for pack in document["packs"]:
        for finding in pack["findings"]:
            place = str(Path(pack["path"]) / finding["file"]) + (f":{finding['line']}" if finding["line"] else "")
            code = click.style(finding["code"], fg="red" if finding["severity"] == "error" else "yellow")
            hint = f" ({finding['hint']})" if finding["hint"] else ""
            lines.append(f"{place}: {code}: {finding['message']}{hint}")
    return "\n".join(lines) or "nothing to complain of"


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"
