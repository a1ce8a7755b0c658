"""The matrix for people (a table) and for programs (JSON). Neither holds a time: the same proof prints the same report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from determinism.drawn import FAMILIES, drawn, shipped
from determinism.matrix import Row
from docugen_core.domain.bundle import Format
from docugen_core.generators.registry import GeneratorRegistry

HEADS: Mapping[str, str] = {
    "certificate": "cert",
    "invoice": "invo",
    "letter": "lett",
    "payslip": "pays",
    "quarterly-account-pack": "quar",
    "report": "repo",
    "household_account": "h_ac",
    "household_finance": "h_fi",
    "commerce": "comm",
    "corpus": "corp",
    "made of others": "made",
}
NAME = 36


def as_text(seed: str, numbers: Sequence[int], rows: Sequence[Row]) -> str:
    """Counts, the table, and below it what differs. A cell is the number of bundles, all of them equal, or `equal/all !`."""
    lines = [*_counts(seed, numbers, rows), ""]
    lines.append(f"{'':<{NAME}}" + "".join(f"{HEADS[family]:>6}" for family in FAMILIES) + "  bundles  documents")
    lines += [_line(row) for row in rows]
    lines.append("")
    lines += [f"{short}  {family}" for family, short in HEADS.items() if short != family]
    lines += [note for row in rows for note in _notes(row)]
    different = [row for row in rows if not row.holds]
    absent = [row.condition for row in rows if row.absent]
    verdict = f"{len(different)} rows DIFFER or prove nothing" if different else "every digest equal"
    if missing := coverage(seed, numbers)["missing"]:
        verdict += f", but TOO FEW BUNDLES, not one has {missing[0]}"
    lines += ["", f"{verdict}; {len(rows) - 1 - len(absent)} conditions, absent: {', '.join(absent) or 'none'}"]
    return "\n".join(lines) + "\n"


def as_json(seed: str, numbers: Sequence[int], rows: Sequence[Row]) -> str:
    """Everything the table says, and the surroundings that each process saw."""
    return (
        json.dumps(
            {
                "seed": seed,
                "bundles": len(numbers),
                "coverage": coverage(seed, numbers),
                "rows": [_plain(r) for r in rows],
            },
            indent=2,
        )
        + "\n"
    )


def coverage(seed: str, numbers: Iterable[int]) -> dict[str, Any]:
    """formats: documents of each. templates, generators: how many bundles' documents use each. missing: shipped templates and
    formats that no bundle asks for, generators that none names; empty, or the proof does not say what it claims."""
    formats, templates, generators = Counter[str](), Counter[str](), Counter[str]()
    for number in numbers:
        bundle = drawn(seed, number).bundle
        generators.update([bundle["generate"]["name"]] if "generate" in bundle else [])
        for document in bundle["documents"]:
            formats[document["format"]] += 1
            templates[f"{document.get('template', '(merged or packed)')}.{document['format']}"] += 1
    wanted = {
        f"{pack.name}/{template.name}.{format_.value}"
        for pack in shipped().values()
        for template in pack.templates.values()
        for format_ in (*template.formats, *((Format.PNG, Format.SVG) if Format.PDF in template.formats else ()))
    }
    names = set(GeneratorRegistry.load().names())
    return {
        "formats": dict(sorted(formats.items())),
        "templates": dict(sorted(templates.items())),
        "generators": dict(sorted(generators.items())),
        "missing": sorted((wanted - templates.keys()) | (names - generators.keys())),
    }


def _counts(seed: str, numbers: Sequence[int], rows: Sequence[Row]) -> list[str]:
    covered = coverage(seed, numbers)
    conditions = [row for row in rows[1:] if not row.absent]
    again = sum(sum(row.bundles.values()) for row in conditions)
    documents = sum(row.documents for row in conditions)
    shipped_count = sum(1 for name in covered["templates"] if not name.startswith(("binder/", "(")))
    return [
        f"seed {seed!r}: {len(numbers)} bundles of {rows[0].documents} documents, rendered once as the reference;",
        f"a share of them again under each of {len(conditions)} conditions: {again} bundles, {documents} documents.",
        f"Shipped templates by format: {shipped_count}, missing: {', '.join(covered['missing']) or 'none'}.",
        f"Documents by format: {', '.join(f'{n} {name}' for name, n in covered['formats'].items())}.",
        f"Bundles by generator: {', '.join(f'{n} {name}' for name, n in covered['generators'].items())}.",
        f"Reference: one bundle after another, Python {rows[0].surroundings['python']}, hash seed 0, UTC, C.UTF-8,"
        f" {rows[0].surroundings['cpus']} CPUs.",
        f"Engine fingerprint {rows[0].surroundings['engine']}.",
    ]


def _line(row: Row) -> str:
    if row.absent:
        return f"{row.condition:<{NAME}}  absent: {row.absent}"
    if not row.bundles:
        return f"{row.condition:<{NAME}}  FAILED"
    cells = "".join(f"{_cell(row.equal.get(f, 0), row.bundles.get(f, 0)):>6}" for f in FAMILIES)
    return f"{_title(row):<{NAME}}{cells}{sum(row.bundles.values()):>9}{row.documents:>11}"


def _title(row: Row) -> str:
    return row.condition if not row.condition.startswith("Python ") else f"Python {row.surroundings['python']}"


def _cell(equal: int, count: int) -> str:
    return str(count) if equal == count else f"{equal}/{count}!"


def _notes(row: Row) -> list[str]:
    notes = []
    if row.facts:
        notes.append(f"{row.condition}: {', '.join(f'{n} {what}' for what, n in sorted(row.facts.items()))}")
    if row.problem:
        notes.append(f"{row.condition}: {row.problem}")
    if row.first is not None:
        at = (
            f"byte {row.first.offset}: {row.first.here}, reference {row.first.there}"
            if row.first.offset >= 0
            else "absent"
        )
        notes.append(f"{row.condition}: bundle {row.first.number} ({row.first.family}), {row.first.artefact}, {at}")
    return notes


def _plain(row: Row) -> dict[str, Any]:
    return asdict(row) | {"holds": row.holds}
