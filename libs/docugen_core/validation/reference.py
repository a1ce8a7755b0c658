"""docs/reference/bundle.md, made from the schema of the bundle file.

python -m docugen_core.validation.reference > docs/reference/bundle.md
"""

from __future__ import annotations

import json
import sys
from typing import Any

from docugen_core.validation import bundle_schema_json

_INTRODUCTION = """\
# Fields of a bundle

Generated from `libs/docugen_core/validation/bundle.schema.json` by `make docs-reference`. The message `BundleSpec` of
[bundle.proto](../../protos/docugen/v1/bundle.proto) has the same fields; where the file has objects (`data`, `params`), the
message has their JSON text (`data_json`, `params_json`).

A field that is left out has its default. An unknown field is an error. Everything in here may decide bytes and is part of the
spec digest; how a run is executed (priority, attempts, labels) is not in the bundle. See
[seeds and identity](seeds-and-identity.md).

A document is one of three kinds:

- **made by a template**: it has a `template`, perhaps `data` and a `fallback`; a `pdf` perhaps `attachments`; a `png` or `svg`
  perhaps a `page`, a `png` its `ppi`. It has no `members`.
- **merged**: a `pdf` without a template. Its `members` are `pdf` documents, in the order of the pages.
- **archive**: a `zip`. Its `members` are documents that are no archives; left out, all of them.

Merged documents and archives take neither `data` nor `fallback` nor `attachments`.

No document may need itself, by however many others. See [merge, attach and show pages](../how-to/merge-and-attach.md).
"""


def bundle_markdown() -> str:
    """The reference page: one table for the bundle, one for what lies in it."""
    schema = bundle_schema_json()
    document = schema["$defs"]["document"]
    generate = schema["properties"]["generate"]
    parts = [
        _table("The bundle", schema, schema),
        _table("A document", document, schema),
        _table("`generate`", generate, schema),
    ]
    return "\n".join([_INTRODUCTION, *parts])


def _table(heading: str, part: dict[str, Any], schema: dict[str, Any]) -> str:
    required = part.get("required", ())
    rows = [_row(name, field, schema, is_required=name in required) for name, field in part["properties"].items()]
    return "\n".join([f"## {heading}", "", "| Field | Type | Default | Meaning |", "|---|---|---|---|", *rows, ""])


def _row(name: str, field: dict[str, Any], schema: dict[str, Any], *, is_required: bool) -> str:
    target = schema["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else {}
    whole = target | field
    default = "required" if is_required else f"`{json.dumps(whole['default'])}`" if "default" in whole else ""
    cells = (f"`{name}`", _type(whole), default, _meaning(whole))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(field: dict[str, Any]) -> str:
    """`string`, `integer 36..600`, `list of string`."""
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if field["type"] == "array":
        items = field["items"]
        return f"list of {items.get('type', 'documents')}"
    bounds = f" {field['minimum']}..{field['maximum']}" if "maximum" in field else ""
    return str(field["type"]) + bounds


def _meaning(field: dict[str, Any]) -> str:
    listed = f" One of {', '.join(f'`{value}`' for value in field['enum'])}." if "enum" in field else ""
    example = [one for one in field.get("examples", []) if one != field.get("default")][:1]
    is_worth_it = example and not listed and field.get("type") != "boolean"
    shown = f" Such as `{json.dumps(example[0], ensure_ascii=False)}`." if is_worth_it else ""
    return str(field["description"]) + listed + shown


if __name__ == "__main__":
    sys.stdout.write(bundle_markdown())
