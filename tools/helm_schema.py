"""The settings that the Helm chart takes under `settings`, in its values.schema.json: made from docugen_core.config.

    python tools/helm_schema.py [--check]      --check: change nothing, exit code 1 where the file is not what would be written

A setting that a template sets by itself is not among them: two places for one setting would contradict each other.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from docugen_core.config import FILE_SUFFIX, Declaration, declarations

CHART = Path(__file__).resolve().parent.parent / "deploy" / "helm" / "docugen"
SCHEMA = CHART / "values.schema.json"
OF_COMMANDS = frozenset({"DOCUGEN_TOKEN"})
"""No service reads them."""


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    written = SCHEMA.read_text(encoding="utf-8")
    schema = json.loads(written)
    schema["properties"]["settings"]["properties"] = {d.env: property_of(d) for d in offered()}
    text = json.dumps(schema, indent=2) + "\n"
    if "--check" not in arguments:
        SCHEMA.write_text(text, encoding="utf-8")
        return 0
    if text != written:
        print("deploy/helm/docugen/values.schema.json is not of these settings: run `python tools/helm_schema.py`")
    return int(text != written)


def offered() -> list[Declaration]:
    """What may stand under `settings`: all that no template sets, secrets excepted."""
    own = set_by_templates()
    return [d for d in declarations() if d.env not in own | OF_COMMANDS and not d.secret]


def set_by_templates() -> set[str]:
    """Settings whose value the chart works out. Raises ValueError for a name that is none."""
    known = {d.env for d in declarations()} | {d.env + FILE_SUFFIX for d in declarations() if d.secret}
    text = "".join(path.read_text(encoding="utf-8") for path in (CHART / "templates").glob("_*.tpl"))
    named = set(re.findall(r'"(DOCUGEN_[A-Z0-9_]+)"', text))
    if unknown := named - known:
        raise ValueError(f"templates set {', '.join(sorted(unknown))}, which are no settings")
    secret = {d.env for d in declarations() if d.secret}
    return {name.removesuffix(FILE_SUFFIX) if name.removesuffix(FILE_SUFFIX) in secret else name for name in named}


def property_of(declaration: Declaration) -> dict[str, object]:
    """Type, bounds and sentence of one setting."""
    default = declaration.default
    described: dict[str, object] = {"description": declaration.sentence, "default": default}
    if isinstance(default, bool):
        return {"type": "boolean"} | described
    if isinstance(default, int):
        return {"type": "integer", "minimum": declaration.minimum, "maximum": declaration.maximum} | described
    return ({"enum": list(declaration.choices)} if declaration.choices else {"type": "string"}) | described


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
