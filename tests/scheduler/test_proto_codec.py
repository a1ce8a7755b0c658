"""Translation between protobuf and the domain, without a server."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest
from docugen.v1 import artefact_service_pb2, bundle_pb2, bundle_run_pb2, bundle_run_service_pb2
from docugen_core.adapters import proto_codec, proto_spec_codec
from docugen_core.comparison import Verdict
from docugen_core.domain.bundle import Format, PinnedTemplate, ResolvedBundle, ResolvedDocument, ResolvedGenerator
from docugen_core.domain.failure import Failure, SourceLocation, Violation
from docugen_core.domain.manifest import ArtefactEntry, ArtefactStatus
from docugen_core.domain.run import DocumentState, ExecutionPolicy, Priority, RunState
from docugen_core.ports import ExecutionMode
from docugen_core.validation import BundleLimits
from google.protobuf.timestamp_pb2 import Timestamp
from run_examples import a_run

LIMITS = BundleLimits()


@pytest.mark.parametrize(
    ("members", "table", "proto"),
    [
        (RunState, proto_codec.RUN_STATES, bundle_run_pb2.BundleRun.State),
        (DocumentState, proto_codec.DOCUMENT_STATES, bundle_run_pb2.DocumentProgress.State),
        (ArtefactStatus, proto_codec.ARTEFACT_STATUSES, artefact_service_pb2.Artefact.Status),
        (Verdict, proto_codec.VERDICTS, bundle_run_service_pb2.VerifyBundleRunResponse.Verdict),
        (ExecutionMode, proto_codec.MODES, bundle_run_service_pb2.GetCapabilitiesResponse.Mode),
        (Priority, proto_spec_codec.PRIORITIES, bundle_pb2.ExecutionPolicy.Priority),
    ],
)
def test_every_member_has_its_own_number_and_every_number_its_member(
    members: type[Enum], table: dict[Any, int], proto: Any
) -> None:
    assert set(table) == set(members)
    assert sorted(table.values()) == [number for number in sorted(proto.values()) if number]
    for member, number in table.items():
        assert proto.Name(number).endswith(f"_{member.name}")


def test_times_that_are_not_yet_are_absent() -> None:
    run = proto_codec.encode_run(a_run(create_time_ms=1_234_567))
    assert run.create_time.ToMilliseconds() == 1_234_567
    assert not any(run.HasField(name) for name in ("start_time", "finish_time", "next_attempt_time", "error", "spec"))


def test_a_failure_keeps_every_fact() -> None:
    failure = Failure(
        code="TEMPLATE_FAILED",
        message="unknown variable",
        hint="define it",
        retryable=False,
        document="a.pdf",
        where=SourceLocation("invoice.typ", 3, 14, "colour"),
        details=(("pages", "9"),),
        violations=(Violation("documents[0].data", "is wrong", "put it right"),),
    )
    error = proto_codec.encode_failure(failure)
    assert (error.reason, error.message, error.hint, error.document) == (
        "TEMPLATE_FAILED",
        "unknown variable",
        "define it",
        "a.pdf",
    )
    assert (error.location.file, error.location.line, error.location.column) == ("invoice.typ", 3, 14)
    assert error.location.expression == "colour"
    assert dict(error.details) == {"pages": "9"}
    assert [(v.field, v.description, v.hint) for v in error.violations] == [
        ("documents[0].data", "is wrong", "put it right")
    ]


def test_an_omitted_artefact_has_a_reason_and_no_bytes() -> None:
    omitted = proto_codec.encode_artefact(
        "run-1", ArtefactEntry("a.pdf", Format.PDF, ArtefactStatus.OMITTED, reason="TEMPLATE_FAILED")
    )
    assert (omitted.status, omitted.omission_reason, omitted.sha256, omitted.size_bytes) == (
        artefact_service_pb2.Artefact.STATUS_OMITTED,
        "TEMPLATE_FAILED",
        "",
        0,
    )


def test_a_resolved_spec_read_back_as_a_request_means_the_same() -> None:
    template = PinnedTemplate("invoice", "invoice", "1.0.0", "d" * 64)
    bundle = ResolvedBundle(
        documents=(
            ResolvedDocument("a.pdf", Format.PDF, template, {"total": "1.00"}, True, template, ()),
            ResolvedDocument("all.zip", Format.ZIP, None, {}, False, None, ("a.pdf",)),
            ResolvedDocument("b.pdf", Format.PDF, template, {}, False, None, (), attachments=("a.pdf", "b.png")),
            ResolvedDocument("b.png", Format.PNG, template, {}, False, None, (), page=3, ppi=72),
            ResolvedDocument("c.png", Format.PNG, template, {}, False, None, ()),
            ResolvedDocument("m.pdf", Format.PDF, None, {}, False, None, ("b.pdf", "a.pdf")),
        ),
        data={"customer": {"name": "Ottoline Farthing", "é": 1}},
        generate=ResolvedGenerator("household_account", "1", {"months": 3}),
        requested_seed="s",
        locale="fr-FR",
        time_zone="Europe/Paris",
        document_date=None,
        specimen=True,
        salt="",
    )
    request = bundle_run_service_pb2.CreateBundleRunRequest(spec=proto_spec_codec.encode_spec(bundle))
    decoded = proto_spec_codec.decode_request(request, LIMITS)
    assert decoded.violations == ()
    assert decoded.request.bundle == {
        "documents": [
            {
                "name": "a.pdf",
                "format": "pdf",
                "template": "invoice/invoice@1.0.0",
                "fallback": "invoice/invoice@1.0.0",
                "data": {"total": "1.00"},
                "optional": True,
            },
            {"name": "all.zip", "format": "zip", "members": ["a.pdf"], "optional": False},
            {
                "name": "b.pdf",
                "format": "pdf",
                "template": "invoice/invoice@1.0.0",
                "attachments": ["a.pdf", "b.png"],
                "optional": False,
            },
            {
                "name": "b.png",
                "format": "png",
                "template": "invoice/invoice@1.0.0",
                "page": 3,
                "ppi": 72,
                "optional": False,
            },
            {"name": "c.png", "format": "png", "template": "invoice/invoice@1.0.0", "optional": False},
            {"name": "m.pdf", "format": "pdf", "members": ["b.pdf", "a.pdf"], "optional": False},
        ],
        "data": {"customer": {"name": "Ottoline Farthing", "é": 1}},
        "generate": {"name": "household_account", "params": {"months": 3}},
        "seed": "s",
        "locale": "fr-FR",
        "time_zone": "Europe/Paris",
        "specimen": True,
    }


def test_every_json_field_is_read_and_named_by_its_own_path() -> None:
    spec = bundle_pb2.BundleSpec(
        documents=[bundle_pb2.DocumentSpec(data_json='{"a": [1e999]}'), bundle_pb2.DocumentSpec(data_json="}")],
        data_json='{"deep": ' + "[" * 40 + "]" * 40 + "}",
        generate=bundle_pb2.GenerateSpec(name="g", params_json='{"n": 9007199254740993}'),
    )
    decoded = proto_spec_codec.decode_request(bundle_run_service_pb2.CreateBundleRunRequest(spec=spec), LIMITS)
    paths = [violation.path for violation in decoded.violations]
    assert paths[0] == "documents[0].data.a[0]"
    assert paths[1] == "documents[1].data_json"
    assert paths[2].startswith("data.deep[0]")
    assert paths[3] == "generate.params.n"
    assert decoded.unread == {"documents[0].data", "documents[1].data", "data", "generate.params"}


def test_data_beyond_the_bound_is_refused_before_it_is_parsed() -> None:
    spec = bundle_pb2.BundleSpec(data_json='{"a": "' + "x" * 2_000 + '"}')
    request = bundle_run_service_pb2.CreateBundleRunRequest(spec=spec)
    decoded = proto_spec_codec.decode_request(request, BundleLimits(bytes_max=1_024))
    assert [v.path for v in decoded.violations] == ["data_json"]
    assert decoded.violations[0].description == "has more than 1024 bytes"


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"priority": 17}, ["execution_policy.priority"]),
        ({"max_attempts": 101}, ["execution_policy.max_attempts"]),
        ({"not_before": Timestamp(seconds=-1)}, ["execution_policy.not_before"]),
        ({"not_before": Timestamp(seconds=4_102_444_800)}, ["execution_policy.not_before"]),
        ({"not_before": Timestamp(seconds=4_102_444_799)}, []),
        ({"labels": {f"k{n}": "" for n in range(17)}}, ["execution_policy.labels"]),
        ({"labels": {"Team": "x"}}, ["execution_policy.labels.Team"]),
        ({"labels": {"team": "é" * 65}}, ["execution_policy.labels.team"]),
        ({"labels": {"team": "é" * 64}, "max_attempts": 100}, []),
    ],
)
def test_a_policy_is_held_to_its_bounds(fields: dict[str, Any], paths: list[str]) -> None:
    _, violations = proto_spec_codec.decode_policy(bundle_pb2.ExecutionPolicy(**fields))
    assert [v.path for v in violations] == paths


def test_a_policy_sent_back_is_the_policy_that_came() -> None:
    policy = bundle_pb2.ExecutionPolicy(
        priority=bundle_pb2.ExecutionPolicy.PRIORITY_LOW,
        max_attempts=7,
        labels={"team": "billing", "a.b-c": ""},
        not_before=Timestamp(seconds=1_800_000_000, nanos=5_000_000),
    )
    decoded, violations = proto_spec_codec.decode_policy(policy)
    assert violations == []
    assert proto_spec_codec.encode_policy(decoded) == policy


def test_an_unset_policy_is_the_default_one() -> None:
    policy, violations = proto_spec_codec.decode_policy(bundle_pb2.ExecutionPolicy())
    assert (policy, violations) == (ExecutionPolicy(), [])
