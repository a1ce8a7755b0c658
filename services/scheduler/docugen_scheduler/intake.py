"""From a CreateBundleRunRequest to a submit: the violations of the whole request at once, nothing stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from docugen.v1 import bundle_run_service_pb2
from docugen_core.adapters.proto_spec_codec import Decoded, decode_request
from docugen_core.domain.failure import Violation
from docugen_core.errors import InvalidRequest
from docugen_core.submission import Intake, SubmitRequest, prepare_generation_job
from docugen_core.validation import validate_run_id


def checked_request(request: bundle_run_service_pb2.CreateBundleRunRequest, intake: Intake) -> SubmitRequest:
    """The submit `request` asks for, as far as its own fields go: its bundle is checked by `submit_generation_job`.

    Raises InvalidRequest where a field of the message cannot be read, and then with the bundle's violations as well.
    """
    decoded = decode_request(request, intake.limits)
    wrong = [*decoded.violations, *_violations(lambda: validate_run_id(request.bundle_run_id or "unset"))]
    if wrong:
        raise InvalidRequest.from_violations([*wrong, *_of_bundle(decoded, intake)])
    return decoded.request


def _of_bundle(decoded: Decoded, intake: Intake) -> list[Violation]:
    unnamed = replace(decoded.request, run_id="")
    found = _violations(lambda: prepare_generation_job(unnamed, intake))
    return [v for v in found if v.path not in decoded.unread]


def _violations(check: Callable[[], object]) -> list[Violation]:
    try:
        check()
    except InvalidRequest as error:
        return list(error.violations)
    return []
