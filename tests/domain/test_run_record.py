"""Run records: JSON and back."""

from __future__ import annotations

import json

import pytest
from docugen_core.domain.run import BundleRun
from docugen_core.domain.run_record import decode_run, encode_run
from hypothesis import given
from run_examples import a_run, any_runs


@given(any_runs)
def test_a_run_survives_its_record_without_loss(run: BundleRun) -> None:
    assert decode_run(encode_run(run)) == run
    assert decode_run(encode_run(run).encode()) == run


def test_a_record_of_another_schema_is_refused_by_name() -> None:
    record = json.loads(encode_run(a_run())) | {"schema": "docugen.run/v9"}

    with pytest.raises(ValueError, match=r"docugen\.run/v9"):
        decode_run(json.dumps(record))
