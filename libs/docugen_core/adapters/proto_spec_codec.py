"""Specs and policies between protobuf and the domain. The other half, answers, is `proto_codec`.

A proto BundleSpec becomes the raw JSON of a bundle file, so that the API and the command line share one validation
(`validation.resolve_bundle`). Two things are decided here and nowhere else:

    empty field         = absent: proto3 cannot tell the difference, so no default is written out here
    broken `data_json`  = None for the rest of the check, which then knows that this data is not known: its own violations
                          are collected, and that None is no object need not be said as well (`Decoded.unread`)

Paths of violations are those of the bundle file (`documents[2].data.lines[0].quantity`); a JSON text that cannot be read at all
is named by its own field (`documents[2].data_json`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from docugen.v1 import bundle_pb2, bundle_run_service_pb2

from docugen_core.domain.bundle import (
    FIRST_PAGE,
    PPI_DEFAULT,
    GenerateSpec,
    ResolvedBundle,
    ResolvedDocument,
    ResolvedGenerator,
)
from docugen_core.domain.failure import Violation
from docugen_core.domain.identity import canonical_json
from docugen_core.domain.json import JsonObject, JsonValue
from docugen_core.domain.run import ExecutionPolicy, Priority
from docugen_core.errors import InvalidRequest
from docugen_core.strict_json.places import field_path
from docugen_core.strict_json.reading import parse_json
from docugen_core.submission import SubmitRequest
from docugen_core.validation import BundleLimits

LABELS_MAX = 16
LABEL_KEY = re.compile(r"[a-z][a-z0-9_.-]{0,62}")
LABEL_VALUE_BYTES_MAX = 128
ATTEMPTS_MAX = 100
NOT_BEFORE_MS_END = 4_102_444_800_000  # the year 2100

__all__ = ["PRIORITIES", "Decoded", "decode_policy", "decode_request", "encode_policy", "encode_spec"]

PRIORITIES: dict[Priority, bundle_pb2.ExecutionPolicy.Priority] = {
    Priority.HIGH: bundle_pb2.ExecutionPolicy.PRIORITY_HIGH,
    Priority.NORMAL: bundle_pb2.ExecutionPolicy.PRIORITY_NORMAL,
    Priority.LOW: bundle_pb2.ExecutionPolicy.PRIORITY_LOW,
}
_PRIORITIES = {number: priority for priority, number in PRIORITIES.items()} | {
    bundle_pb2.ExecutionPolicy.PRIORITY_UNSPECIFIED: Priority.NORMAL
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A request as far as it could be read. violations: all that is wrong so far; unread: paths of data that is not known."""

    request: SubmitRequest
    violations: tuple[Violation, ...] = ()
    unread: frozenset[str] = frozenset()


def decode_request(request: bundle_run_service_pb2.CreateBundleRunRequest, limits: BundleLimits) -> Decoded:
    """The submit a CreateBundleRunRequest asks for. Never raises: every violation found is in the result."""
    reader = _Reader(limits)
    policy, violations = decode_policy(request.execution_policy)
    bundle = reader.spec(request.spec)
    if not request.HasField("spec"):
        reader.violations.append(Violation("spec", "is required", "Name at least one document."))
        reader.unread.append("documents")  # that it holds no documents need not be said as well
    return Decoded(
        SubmitRequest(bundle, run_id=request.bundle_run_id, policy=policy),
        (*reader.violations, *violations),
        frozenset(reader.unread),
    )


def decode_policy(policy: bundle_pb2.ExecutionPolicy) -> tuple[ExecutionPolicy, list[Violation]]:
    """The policy, and what is wrong with it (then the policy holds the defaults in these places)."""
    found: list[Violation] = []
    if policy.priority not in _PRIORITIES:
        hint = "Use PRIORITY_HIGH, PRIORITY_NORMAL or PRIORITY_LOW."
        found.append(Violation("execution_policy.priority", f"{int(policy.priority)} is no priority", hint))
    if not 0 <= policy.max_attempts <= ATTEMPTS_MAX:
        hint = "Leave it 0 for the server's setting."
        found.append(Violation("execution_policy.max_attempts", f"must be from 0 to {ATTEMPTS_MAX}", hint))
    found.extend(_label_violations(policy))
    not_before_ms = policy.not_before.ToMilliseconds() if policy.HasField("not_before") else 0
    if not 0 <= not_before_ms < NOT_BEFORE_MS_END:
        found.append(Violation("execution_policy.not_before", "must be from 1970 to 2099", "Leave it out for at once."))
    return (
        ExecutionPolicy(
            priority=_PRIORITIES.get(policy.priority, Priority.NORMAL),
            max_attempts=policy.max_attempts,
            labels=tuple(sorted(policy.labels.items())),
            not_before_ms=not_before_ms,
        ),
        found,
    )


def encode_policy(policy: ExecutionPolicy) -> bundle_pb2.ExecutionPolicy:
    message = bundle_pb2.ExecutionPolicy(
        priority=PRIORITIES[policy.priority], max_attempts=policy.max_attempts, labels=dict(policy.labels)
    )
    if policy.not_before_ms:
        message.not_before.FromMilliseconds(policy.not_before_ms)
    return message


def encode_spec(bundle: ResolvedBundle) -> bundle_pb2.BundleSpec:
    """The spec of a run: templates as `pack/template@version`, defaults filled in, JSON texts in canonical form."""
    return bundle_pb2.BundleSpec(
        documents=[_encode_document(d) for d in bundle.documents],
        data_json=_json_text(bundle.data),
        generate=_encode_generate(bundle.generate) if bundle.generate else None,
        seed=bundle.requested_seed,
        locale=bundle.locale,
        time_zone=bundle.time_zone,
        document_date=bundle.document_date.isoformat() if bundle.document_date else "",
        specimen=bundle.specimen,
        salt=bundle.salt,
    )


def _encode_document(document: ResolvedDocument) -> bundle_pb2.DocumentSpec:
    return bundle_pb2.DocumentSpec(
        name=document.name,
        format=document.format.value,
        template=str(document.template or ""),
        data_json=_json_text(document.data),
        optional=document.optional,
        fallback=str(document.fallback or ""),
        members=document.members,
        page=document.page if document.page != FIRST_PAGE else 0,
        ppi=document.ppi if document.ppi != PPI_DEFAULT else 0,
        attachments=document.attachments,
    )


def _encode_generate(generate: ResolvedGenerator | GenerateSpec) -> bundle_pb2.GenerateSpec:
    return bundle_pb2.GenerateSpec(name=generate.name, params_json=_json_text(generate.params))


def _json_text(value: JsonObject) -> str:
    return canonical_json(value).decode() if value else ""


def _label_violations(policy: bundle_pb2.ExecutionPolicy) -> list[Violation]:
    found = []
    if len(policy.labels) > LABELS_MAX:
        found.append(Violation("execution_policy.labels", f"holds {len(policy.labels)}, at most {LABELS_MAX}"))
    for key, value in sorted(policy.labels.items())[: LABELS_MAX + 1]:
        path = field_path(("execution_policy", "labels", key))
        if not LABEL_KEY.fullmatch(key):
            hint = "Lower-case letters, digits, '_', '.', '-', a letter first; 63 at most."
            found.append(Violation(path, "has a key that is not allowed", hint))
        if (size := len(value.encode())) > LABEL_VALUE_BYTES_MAX:
            found.append(Violation(path, f"has {size} bytes, at most {LABEL_VALUE_BYTES_MAX}"))
    return found


class _Reader:
    """One proto spec on its way to raw JSON; collects what cannot be read."""

    def __init__(self, limits: BundleLimits) -> None:
        self._limits = limits
        self.violations: list[Violation] = []
        self.unread: list[str] = []

    def spec(self, spec: bundle_pb2.BundleSpec) -> JsonObject:
        raw: dict[str, Any] = {"documents": [self._document(i, d) for i, d in enumerate(spec.documents)]}
        if spec.data_json:
            raw["data"] = self._json("data", spec.data_json)
        if spec.HasField("generate"):
            raw["generate"] = self._generate(spec.generate)
        texts = {name: getattr(spec, name) for name in ("seed", "locale", "time_zone", "document_date", "salt")}
        raw |= {name: text for name, text in texts.items() if text}
        if spec.specimen:
            raw["specimen"] = True
        return raw

    def _document(self, index: int, document: bundle_pb2.DocumentSpec) -> JsonObject:
        raw: dict[str, Any] = {
            name: text for name in ("name", "format", "template", "fallback") if (text := getattr(document, name))
        }
        if document.data_json:
            raw["data"] = self._json(f"documents[{index}].data", document.data_json)
        if document.HasField("optional"):
            raw["optional"] = document.optional
        raw |= {name: number for name in ("page", "ppi") if (number := getattr(document, name))}
        raw |= {name: list(names) for name in ("members", "attachments") if (names := getattr(document, name))}
        return raw

    def _generate(self, generate: bundle_pb2.GenerateSpec) -> JsonObject:
        raw: dict[str, Any] = {"name": generate.name} if generate.name else {}
        if generate.params_json:
            raw["params"] = self._json("generate.params", generate.params_json)
        return raw

    def _json(self, place: str, text: str) -> JsonValue:
        """The value of a JSON text; None where it cannot be read, and the reasons kept."""
        limits = self._limits
        try:
            return parse_json(text, source=f"{place}_json", bytes_max=limits.bytes_max, depth_max=limits.data_depth_max)
        except InvalidRequest as error:
            self.unread.append(place)
            self.violations.extend(Violation(_placed(place, v.path), v.description, v.hint) for v in error.violations)
            return None


def _placed(place: str, path: str) -> str:
    """A path inside a JSON text, as a path of the bundle file. `$` is the text itself: its field in the message."""
    if path == "$":
        return f"{place}_json"
    return place + path[1:] if path.startswith("$") else f"{place}.{path}"
