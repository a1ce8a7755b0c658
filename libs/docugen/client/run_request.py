"""What a caller asks for -> the CreateBundleRunRequest that asks for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from docugen.client.bundle_message import bundle_message
from docugen.v1.bundle_pb2 import BundleSpec, ExecutionPolicy
from docugen.v1.bundle_run_service_pb2 import CreateBundleRunRequest


def create_request(
    bundle: Mapping[str, Any] | BundleSpec,
    bundle_run_id: str = "",
    *,
    labels: Mapping[str, str] | None = None,
    max_attempts: int = 0,
    not_before: dt.datetime | None = None,
) -> CreateBundleRunRequest:
    """The request for a run of `bundle`; what is not given is not in it. not_before: a time without zone is local.

    Raises Refused (INVALID_SPEC) with every unknown field and every value of a wrong type, as `bundle_message` does.
    """
    policy = ExecutionPolicy(labels=dict(labels or {}), max_attempts=max_attempts)
    if not_before is not None:
        policy.not_before.FromDatetime(not_before.astimezone(dt.UTC))
    request = CreateBundleRunRequest(bundle_run_id=bundle_run_id, spec=bundle_message(bundle))
    if policy.ByteSize():
        request.execution_policy.CopyFrom(policy)
    return request
