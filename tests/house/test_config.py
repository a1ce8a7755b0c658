"""Settings: every mistake at once, each with its name and the remedy."""

from __future__ import annotations

import pytest
from docugen_core.config import Settings, declarations, load
from docugen_core.errors import ConfigurationError


def test_an_empty_environment_gives_the_declared_defaults_and_other_names_are_not_ours() -> None:
    assert load({"PATH": "/bin", "DOCUGEN_TEST_REDIS_URL": "redis://x"}) == Settings()


def test_every_mistake_is_reported_at_once_with_its_name_and_remedy() -> None:
    wrong = {
        "DOCUGEN_QUE_ENABLED": "true",
        "DOCUGEN_MAX_PAGES": "0",
        "DOCUGEN_REFLECTION_ENABLED": "maybe",
        "DOCUGEN_LOG_LEVEL": "loud",
        "DOCUGEN_STORE_URL": "s3://bucket",
        "DOCUGEN_GRPC_ADDRESS": "localhost",
    }
    with pytest.raises(ConfigurationError) as refused:
        load(wrong)
    assert set(refused.value.message.splitlines()) == {
        "DOCUGEN_QUE_ENABLED: no such setting; did you mean DOCUGEN_QUEUE_ENABLED?",
        "DOCUGEN_MAX_PAGES='0': must be a whole number from 1 to 1000000",
        "DOCUGEN_REFLECTION_ENABLED='maybe': must be true or false",
        "DOCUGEN_LOG_LEVEL='loud': must be one of debug, info, warning, error",
        "DOCUGEN_STORE_URL='s3://bucket': must start with file://",
        "DOCUGEN_GRPC_ADDRESS='localhost': must be host:port",
    }


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(
        ConfigurationError, match="DOCUGEN_QUEUE_BACKOFF_MS=9 is longer than DOCUGEN_QUEUE_BACKOFF_MAX_MS=8"
    ):
        load({"DOCUGEN_QUEUE_BACKOFF_MS": "9", "DOCUGEN_QUEUE_BACKOFF_MAX_MS": "8"})


def test_a_wrong_value_is_not_compared_with_another_setting() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load({"DOCUGEN_QUEUE_BACKOFF_MS": "soon", "DOCUGEN_QUEUE_BACKOFF_MAX_MS": "8"})
    assert refused.value.message.splitlines() == [
        "DOCUGEN_QUEUE_BACKOFF_MS='soon': must be a whole number from 1 to 86400000 (ms)"
    ]


def test_every_number_has_bounds_that_hold_its_default() -> None:
    numbers = [d for d in declarations() if isinstance(d.default, int) and not isinstance(d.default, bool)]
    assert numbers
    for declaration in numbers:
        assert declaration.minimum is not None, declaration.env
        assert declaration.maximum is not None, declaration.env
        assert declaration.minimum <= int(str(declaration.default)) <= declaration.maximum, declaration.env
