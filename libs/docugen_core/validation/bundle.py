"""Taking a bundle request apart: everything wrong with it at once, each at its path with a remedy; else a ResolvedBundle.

One pass, lenient: a fault in one field never hides a fault in another. A document with a bad name still has its template
looked up and its data checked. Only what would make the rest meaningless ends the check early: text without a canonical
form, nesting or documents beyond the bounds, a request that is no object.

Rules that a schema can state are in `bundle.schema.json`; documents in `documents`, what they need of each other in `needs`,
surroundings in `world`. In here: the order of the checks, the generator, and the data. Nothing is rendered, stored or changed;
no clock is read.

A document's data is checked as it will be rendered: generated, shared and own data laid over each other (`composition`), and a
fault is reported where the caller wrote the value. Shared and generated data serve several documents, so a template is not
offended by a shared field it does not know; a field that *no* template knows is reported once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from docugen_core.composition import Generators, Layer, compose, generated_data, origin
from docugen_core.domain.bundle import BundleSpec, ResolvedBundle, ResolvedGenerator
from docugen_core.domain.failure import Violation
from docugen_core.domain.identity import is_bundle_run_id
from docugen_core.domain.json import JsonObject, JsonValue
from docugen_core.errors import InvalidRequest, NotFound, RenderFailed
from docugen_core.strict_json.findings import VIOLATIONS_MAX, Finding, written_out
from docugen_core.strict_json.places import Place, field_path
from docugen_core.strict_json.reading import normalised, too_deep, value_violations
from docugen_core.strict_json.schema import SCANNED_MAX, Schema, compiled
from docugen_core.validation.documents import DocumentDraft, Pinned, Templates, read_documents, resolved_documents
from docugen_core.validation.needs import take_inputs
from docugen_core.validation.world import Unfit, canonical_locale, known_time_zone, real_date, usable_seed

ENVELOPE_DEPTH = 3
"""Levels of a request around a document's data: the bundle, its list of documents, the document."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BundleLimits:
    """Bounds of one request. data_depth_max: levels of any `data` or `params`. bytes_max: of its text, for `parse_json`."""

    documents_max: int = 200
    data_depth_max: int = 32
    bytes_max: int = 4 << 20


def resolve_bundle(
    raw: JsonValue, *, catalogue: Templates, generators: Generators, limits: BundleLimits
) -> ResolvedBundle:
    """Check `raw` (the bundle file's JSON form) completely and pin everything it uses. `raw` is not changed.

    Defaults are written out, documents and members sorted, data normalised: two requests that mean the same give equal
    results. Raises InvalidRequest with every violation, in the order of the request, at most 100 and a line that counts
    the rest.
    """
    if beyond := _beyond_bounds(raw, limits):
        raise InvalidRequest.from_violations(beyond)
    check = _BundleCheck(normalised(raw), catalogue, generators)
    bundle = check.run()
    if check.found:
        raise InvalidRequest.from_violations(written_out(check.found, raw))
    return bundle


def validate_run_id(text: str) -> None:
    """Raises InvalidRequest at `bundle_run_id` unless `text` may name a bundle run."""
    if is_bundle_run_id(text):
        return
    rule = "must be 1 to 63 characters of a-z 0-9 . _ -, beginning with a letter or digit, without two dots in a row"
    hint = "leave it empty to have it derived from the bundle"
    raise InvalidRequest.from_violations([Violation("bundle_run_id", rule, hint)])


def bundle_schema_json() -> dict[str, Any]:
    """The JSON Schema of the bundle file as shipped: for editors, `docugen` and the reference pages."""
    text = (files("docugen_core.validation") / "bundle.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def bundle_schema() -> Schema:
    """The same schema, compiled."""
    return Schema(bundle_schema_json(), name="bundle.schema.json")


class _BundleCheck:
    """One request under examination. `found` grows; nothing is raised before the end."""

    def __init__(self, raw: JsonValue, catalogue: Templates, generators: Generators) -> None:
        self.found = bundle_schema().findings(raw)
        self._misshapen = frozenset(f.place for f in self.found)
        self._raw: dict[str, Any] = raw if isinstance(raw, dict) else {}
        self._catalogue = catalogue
        self._generators = generators

    def run(self) -> ResolvedBundle:
        """The bundle made of everything that is well formed: of the whole request, if nothing was found."""
        documents = self._raw.get("documents")
        drafts, found = read_documents(
            documents if isinstance(documents, list) else [], misshapen=self._misshapen, catalogue=self._catalogue
        )
        self.found += found
        self.found += take_inputs(drafts, self._misshapen)
        shared = self._raw.get("data", {})
        bundle = ResolvedBundle(
            documents=resolved_documents(drafts),
            data=shared if isinstance(shared, dict) else {},
            generate=self._generator(),
            requested_seed=self._read("seed", usable_seed, ""),
            locale=self._read("locale", canonical_locale, _DEFAULT.locale),
            time_zone=self._read("time_zone", known_time_zone, _DEFAULT.time_zone),
            document_date=self._read("document_date", real_date, None),
            specimen=self._specimen(),
            salt=self._read("salt", str, _DEFAULT.salt),
        )
        self.found += _DataCheck(bundle, self._generated(bundle), shared_known=shared is bundle.data).findings(drafts)
        return bundle

    def _read(self, field: str, reader: Callable[[str], T], default: T) -> T:
        """The field's canonical value, or `default` where it is absent or wrong."""
        text = self._raw.get(field)
        if not isinstance(text, str) or (field,) in self._misshapen:
            return default
        try:
            return reader(text)
        except Unfit as unfit:
            self.found.append(Finding((field,), unfit.description, unfit.hint))
            return default

    def _specimen(self) -> bool:
        generates = "generate" in self._raw
        if generates and self._raw.get("specimen") is False:
            problem = "must be true for generated data, which always carries the SPECIMEN mark"
            self.found.append(Finding(("specimen",), problem, "leave it out"))
        return generates or self._raw.get("specimen") is True

    def _generator(self) -> ResolvedGenerator | None:
        """The pinned generator, if its name is known and its parameters fit."""
        wanted = self._raw.get("generate")
        if not isinstance(wanted, dict) or not isinstance(wanted.get("name"), str):
            return None
        if ("generate", "name") in self._misshapen:
            return None
        try:
            generator = self._generators.get(wanted["name"])
        except NotFound as error:
            self.found.append(Finding(("generate", "name"), error.message, error.hint))
            return None
        params = wanted.get("params", {})
        if not isinstance(params, dict):
            return None
        wrong = [f.under("generate", "params") for f in compiled(generator.params_schema).findings(params)]
        self.found += wrong
        return None if wrong else ResolvedGenerator(generator.name, generator.version, params)

    def _generated(self, bundle: ResolvedBundle) -> JsonObject | None:
        """What the generator makes, or None where it was asked for but cannot make it."""
        if bundle.generate is None:
            return None if "generate" in self._raw else {}
        try:
            return generated_data(bundle, self._generators)
        except RenderFailed as error:
            self.found.append(Finding(("generate",), error.message, error.hint))
            return None


class _DataCheck:
    """Whether every document's data fits its template. generated: None where it is not known."""

    def __init__(self, bundle: ResolvedBundle, generated: JsonObject | None, *, shared_known: bool) -> None:
        self._shared = bundle.data
        self._generated = generated or {}
        # With a layer missing, nobody can say that a field is missing.
        self._is_complete = generated is not None and shared_known

    def findings(self, drafts: Sequence[DocumentDraft]) -> list[Finding]:
        found: list[Finding] = []
        schemas = []
        for draft in drafts:
            # Shared data with a fault in every row has it for every document; the first one shows it.
            if len(found) >= SCANNED_MAX:
                return found
            for field, pinned in (("template", draft.template), ("fallback", draft.fallback)):
                if pinned is not None:
                    schema = compiled(pinned.template.schema)
                    schemas.append(schema)
                    found += self._of_document(draft, pinned, schema, is_fallback=field == "fallback")
        everything_known = all(d.is_assembled or d.template for d in drafts)
        return found + (self._of_no_document(schemas) if schemas and everything_known else [])

    def _of_document(self, draft: DocumentDraft, pinned: Pinned, schema: Schema, *, is_fallback: bool) -> list[Finding]:
        own = draft.own
        if own is None:
            return []
        data = compose(self._shared, self._generated, own)
        found = []
        for finding in schema.findings({key: data[key] for key in data if key in own or schema.admits(key)}):
            mapped = self._where_written(finding, draft, pinned, own)
            if mapped is not None and is_fallback:
                hint = f"the fallback template {pinned.reference} asks for it"
                mapped = replace(mapped, hint=mapped.hint or hint)
            if mapped is not None:
                found.append(mapped)
        return found

    def _where_written(self, finding: Finding, draft: DocumentDraft, pinned: Pinned, own: JsonObject) -> Finding | None:
        """The finding at the place of the request that holds the value; None if it only follows from a missing layer."""
        at_own = finding.under(*draft.place, "data")
        if not finding.place:
            return at_own
        match origin(str(finding.place[0]), self._shared, self._generated, own):
            case Layer.SHARED:
                return finding.under("data")
            case Layer.GENERATED:
                problem = f"makes data that {pinned.reference} does not take: {field_path(finding.place)}"
                remedy = f"replace {field_path(finding.place[:1])} in the bundle's data, or use another template"
                return Finding(("generate",), f"{problem} {finding.description}", remedy)
            case Layer.NOWHERE if not self._is_complete:
                return None
            case _:
                return at_own

    def _of_no_document(self, schemas: Sequence[Schema]) -> list[Finding]:
        """Shared fields that no template knows: most likely misspelt."""
        known = tuple(sorted({name for schema in schemas for name in schema.field_names}))
        return [
            Finding(("data", key), "unknown field, no document takes it", "remove it", wrong=key, known=known)
            for key in self._shared
            if not any(schema.admits(key) for schema in schemas)
        ]


_DEFAULT = BundleSpec(documents=())


def _beyond_bounds(raw: JsonValue, limits: BundleLimits) -> list[Violation]:
    """What would make every further check meaningless or too expensive."""
    depth_max = limits.data_depth_max
    # One walk says of nearly every request that it is well formed, even if its envelope is counted.
    found = _misformed(raw, depth_max) if value_violations(raw, depth_max=depth_max) else {}
    if isinstance(raw, dict):
        documents = raw.get("documents")
        if isinstance(documents, list) and len(documents) > limits.documents_max:
            problem = f"has {len(documents)} documents, at most {limits.documents_max} are allowed"
            remedy = "make several bundles, or raise DOCUGEN_MAX_DOCUMENTS"
            found["documents"] = Violation("documents", problem, remedy)
    return list(found.values())[:VIOLATIONS_MAX]


def _misformed(raw: JsonValue, depth_max: int) -> dict[str, Violation]:
    """What has no canonical form, or is nested too deep, by its path."""
    found = {v.path: v for v in value_violations(raw, depth_max=depth_max, envelope_depth=ENVELOPE_DEPTH)}
    if isinstance(raw, dict):
        # The same walk again for each part, because only from its own root does it count the depth the caller knows.
        for place, value in _data_parts(raw):
            found |= {v.path: v for v in value_violations(value, depth_max=depth_max, place=place)}
        # What the first walk saw below a place that is too deep for the second.
        too_deep_there = [path for path, v in found.items() if v.description == too_deep(depth_max)]
        below = tuple(path + mark for path in too_deep_there for mark in ".[")
        found = {path: v for path, v in found.items() if not path.startswith(below)}
    return found


def _data_parts(raw: dict[str, Any]) -> Iterator[tuple[Place, object]]:
    """Every part of a request that is data: free in shape, bounded in depth."""
    yield ("data",), raw.get("data")
    generate, documents = raw.get("generate"), raw.get("documents")
    if isinstance(generate, dict):
        yield ("generate", "params"), generate.get("params")
    for index, document in enumerate(documents if isinstance(documents, list) else ()):
        if isinstance(document, dict):
            yield ("documents", index, "data"), document.get("data")
