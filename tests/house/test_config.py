"""Settings: every mistake at once, each with its name and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from docugen_core.config import Settings, declarations, printable
from docugen_core.environment import given, load
from docugen_core.errors import ConfigurationError


def test_an_empty_environment_gives_the_declared_defaults_and_other_names_are_not_ours() -> None:
    assert load({"PATH": "/bin", "DOCUGEN_TEST_REDIS_URL": "redis://x"}) == Settings()


def test_every_mistake_is_reported_at_once_with_its_name_and_remedy() -> None:
    wrong = {
        "DOCUGEN_QUE_ENABLED": "true",
        "DOCUGEN_MAX_PAGES": "0",
        "DOCUGEN_REFLECTION_ENABLED": "maybe",
        "DOCUGEN_LOG_LEVEL": "loud",
        "DOCUGEN_STORE_URL": "ftp://bucket",
        "DOCUGEN_GRPC_ADDRESS": "localhost",
    }
    with pytest.raises(ConfigurationError) as refused:
        load(wrong)
    assert set(refused.value.message.splitlines()) == {
        "DOCUGEN_QUE_ENABLED: no such setting; did you mean DOCUGEN_QUEUE_ENABLED?",
        "DOCUGEN_MAX_PAGES='0': must be a whole number from 1 to 1000000",
        "DOCUGEN_REFLECTION_ENABLED='maybe': must be true or false",
        "DOCUGEN_LOG_LEVEL='loud': must be one of debug, info, warning, error",
        "DOCUGEN_STORE_URL='ftp://bucket': must start with file://, or with s3://, gs:// or az://",
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


# --- secrets ------------------------------------------------------------------------------------------------------------


def test_a_secret_may_come_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "redis-url"
    file.write_text("redis://ada:s3cret@cache:6379/0\n")
    assert load({"DOCUGEN_REDIS_URL_FILE": str(file)}).redis_url == "redis://ada:s3cret@cache:6379/0"
    assert "DOCUGEN_REDIS_URL" in given({"DOCUGEN_REDIS_URL_FILE": str(file)})
    file.write_text("\n")
    assert load({"DOCUGEN_REDIS_URL_FILE": str(file)}) == Settings()


def test_a_secret_in_two_places_or_in_no_readable_file_is_refused_without_showing_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"\xff\xfe")
    wrong = {
        "DOCUGEN_TOKEN_FILE": str(file),
        "DOCUGEN_REDIS_URL": "redis://:s3cret@cache",
        "DOCUGEN_REDIS_URL_FILE": str(tmp_path / "missing"),
        "DOCUGEN_MAX_PAGES_FILE": "x",
    }
    with pytest.raises(ConfigurationError) as refused:
        load(wrong)
    assert refused.value.message.splitlines() == [
        "DOCUGEN_REDIS_URL_FILE: DOCUGEN_REDIS_URL is set too; unset one of them",
        f"DOCUGEN_TOKEN_FILE='{file}': is not text",
        "DOCUGEN_MAX_PAGES_FILE: no such setting; did you mean DOCUGEN_MAX_PAGES?",
    ]


@pytest.mark.parametrize(
    ("env", "value", "printed"),
    [
        ("DOCUGEN_REDIS_URL", "redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("DOCUGEN_REDIS_URL", "rediss://ada:s3c@ret@cache:6380", "rediss://[redacted]@cache:6380"),
        ("DOCUGEN_REDIS_URL", "s3cret", "[redacted]"),
        ("DOCUGEN_TOKEN", "dgt_s3cret", "[redacted]"),
        ("DOCUGEN_TOKEN", "", ""),
        ("DOCUGEN_TLS_KEY", "/etc/tls/key.pem", "/etc/tls/key.pem"),
    ],
)
def test_a_secret_is_never_printed(env: str, value: str, printed: str) -> None:
    declaration = next(d for d in declarations() if d.env == env)
    assert printable(declaration, value) == printed


def test_a_certificate_and_its_key_come_together() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load({"DOCUGEN_TLS_KEY": "k", "DOCUGEN_CLIENT_CERT": "c", "DOCUGEN_TLS_CLIENT_CA": "ca"})
    assert refused.value.message.splitlines() == [
        "DOCUGEN_TLS_CERT and DOCUGEN_TLS_KEY: set both or neither",
        "DOCUGEN_CLIENT_CERT and DOCUGEN_CLIENT_KEY: set both or neither",
        "DOCUGEN_TLS_CLIENT_CA: callers can only show certificates where DOCUGEN_TLS_CERT is set",
    ]
