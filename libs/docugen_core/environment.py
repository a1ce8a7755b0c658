"""The only reader of the environment: DOCUGEN_ names become Settings, and standard names that concern DocuGen are looked up.

All mistakes are reported at once; an unknown DOCUGEN_ name is refused, with the nearest known one, because a misspelt setting
that silently keeps its default is found at three in the morning. A file that holds a secret is read once, at start; white space
around it is dropped, and an empty file sets nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from docugen_core.config import FILE_SUFFIX, PREFIX, Declaration, Settings, declarations
from docugen_core.errors import ConfigurationError

TEST_PREFIX = "DOCUGEN_TEST_"
STORE_SCHEMES = ("file://", "s3://", "gs://", "az://")
SECRET_BYTES_MAX = 65_536


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment (`os.environ` unless given).

    Raises ConfigurationError naming every wrong or unknown variable, what it takes, and the remedy.
    """
    environ = os.environ if environ is None else environ  # noqa: TID251 - this is the one reader
    known = {d.env: d for d in declarations()}
    types = get_type_hints(Settings)
    values: dict[str, Any] = {}
    texts, problems = _from_files(environ, known)
    for env in sorted(name for name in texts if name.startswith(PREFIX)):
        declaration = known.get(env)
        if declaration is None:
            if not env.startswith(TEST_PREFIX):
                problems.append(_unknown(env, list(known)))
            continue
        try:
            values[declaration.name] = _PARSERS[types[declaration.name]](texts[env], declaration)
        except ValueError as error:
            problems.append(f"{env}={texts[env]!r}: {error}")
    problems += _wrong_forms(Settings(**values))
    if not problems:  # a default in the place of a wrong value would be compared with what nobody set
        problems = _cross_checks(Settings(**values))
    if problems:
        raise ConfigurationError("\n".join(problems), hint="`docugen config` lists every setting with its bounds.")
    return Settings(**values)


def given(environ: Mapping[str, str] | None = None) -> frozenset[str]:
    """The environment names of all settings that are set there, whatever their value; for `docugen config`."""
    environ = os.environ if environ is None else environ  # noqa: TID251 - this is the one reader
    return frozenset(d.env for d in declarations() if d.env in environ or (d.secret and d.env + FILE_SUFFIX in environ))


def callers_trace(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The trace that a command was started in, as W3C headers, where TRACEPARENT (and TRACESTATE) name one; else nothing."""
    environ = os.environ if environ is None else environ  # noqa: TID251 - this is the one reader
    parent = environ.get("TRACEPARENT", "")
    state = {"tracestate": environ["TRACESTATE"]} if parent and environ.get("TRACESTATE") else {}
    trace = {"traceparent": parent, **state} if parent else {}
    return {name: value for name, value in trace.items() if value.isascii() and value.isprintable()}


def traces_exporter(environ: Mapping[str, str] | None = None) -> str:
    """Where traces go by the standard OTEL_ variables: `otlp`, or empty for nowhere (the default).

    An endpoint alone asks for them. Everything else about them is read by OpenTelemetry's SDK itself. Raises
    ConfigurationError for an exporter or a protocol that DocuGen does not have.
    """
    environ = os.environ if environ is None else environ  # noqa: TID251 - this is the one reader
    endpoint = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    exporter = environ.get("OTEL_TRACES_EXPORTER") or ("otlp" if endpoint else "none")
    if exporter == "none" or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ""
    if exporter != "otlp":
        raise ConfigurationError(
            f"OTEL_TRACES_EXPORTER={exporter!r}: must be otlp or none",
            hint="Send traces to an OpenTelemetry collector by otlp; it passes them on in any other form.",
        )
    names = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    for name in names:
        if environ.get(name, "grpc") != "grpc":
            raise ConfigurationError(
                f"{name}={environ[name]!r}: must be grpc",
                hint="Point OTEL_EXPORTER_OTLP_ENDPOINT at the collector's gRPC port, by custom 4317.",
            )
    return exporter


def _from_files(environ: Mapping[str, str], known: Mapping[str, Declaration]) -> tuple[dict[str, str], list[str]]:
    """The environment with secrets read from the files it names, and what is wrong with those."""
    texts, problems = dict(environ), list[str]()
    for declaration in known.values():
        env = declaration.env + FILE_SUFFIX
        if not declaration.secret or env not in texts:
            continue
        file = texts.pop(env)
        if declaration.env in texts:
            problems.append(f"{env}: {declaration.env} is set too; unset one of them")
            continue
        try:
            with Path(file).open(encoding="utf-8") as opened:
                text = opened.read(SECRET_BYTES_MAX).strip()
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else "") or "is not text"
            problems.append(f"{env}={file!r}: {why}")
            continue
        if text:
            texts[declaration.env] = text
    return texts, problems


def _unknown(env: str, known: list[str]) -> str:
    near = get_close_matches(env, known, n=1)
    return f"{env}: no such setting" + (f"; did you mean {near[0]}?" if near else "")


def _cross_checks(settings: Settings) -> list[str]:
    """Rules between settings."""
    problems = []
    if settings.queue_backoff_ms > settings.queue_backoff_max_ms:
        problems.append(
            f"DOCUGEN_QUEUE_BACKOFF_MS={settings.queue_backoff_ms} is longer than "
            f"DOCUGEN_QUEUE_BACKOFF_MAX_MS={settings.queue_backoff_max_ms}"
        )
    for cert, key in (("tls_cert", "tls_key"), ("redis_cert", "redis_key"), ("client_cert", "client_key")):
        if bool(getattr(settings, cert)) is not bool(getattr(settings, key)):
            problems.append(f"{PREFIX}{cert.upper()} and {PREFIX}{key.upper()}: set both or neither")
    if settings.tls_client_ca and not settings.tls_cert:
        problems.append("DOCUGEN_TLS_CLIENT_CA: callers can only show certificates where DOCUGEN_TLS_CERT is set")
    return problems


def _wrong_forms(settings: Settings) -> list[str]:
    """Texts that are neither a URL of a store nor an address."""
    problems = []
    if not settings.store_url.startswith(STORE_SCHEMES):
        problems.append(
            f"DOCUGEN_STORE_URL={settings.store_url!r}: must start with file://, or with s3://, gs:// or az://"
        )
    problems += _bad_address("DOCUGEN_GRPC_ADDRESS", settings.grpc_address)
    problems += _bad_address("DOCUGEN_WORKER_GRPC_ADDRESS", settings.worker_grpc_address)
    if settings.metrics_address:
        problems += _bad_address("DOCUGEN_METRICS_ADDRESS", settings.metrics_address)
    if settings.worker_metrics_address:
        problems += _bad_address("DOCUGEN_WORKER_METRICS_ADDRESS", settings.worker_metrics_address)
    return problems


def _bad_address(env: str, address: str) -> list[str]:
    host, colon, port = address.rpartition(":")
    fine = colon and host and port.isdigit() and int(port) < 65_536
    return [] if fine else [f"{env}={address!r}: must be host:port"]


def _parse_bool(text: str, _: Declaration) -> bool:
    words = {
        "true": True,
        "1": True,
        "yes": True,
        "on": True,
        "false": False,
        "0": False,
        "no": False,
        "off": False,
    }
    if text.lower() not in words:
        raise ValueError("must be true or false")
    return words[text.lower()]


def _parse_int(text: str, declaration: Declaration) -> int:
    low, high = declaration.minimum, declaration.maximum
    bounds = f"a whole number from {low} to {high}" + (f" ({declaration.unit})" if declaration.unit else "")
    try:
        value = int(text.replace("_", ""))
    except ValueError:
        raise ValueError(f"must be {bounds}") from None
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(f"must be {bounds}")
    return value


def _parse_str(text: str, declaration: Declaration) -> str:
    if declaration.choices and text not in declaration.choices:
        raise ValueError(f"must be one of {', '.join(declaration.choices)}")
    return text


_PARSERS: dict[type, Callable[[str, Declaration], object]] = {
    bool: _parse_bool,
    int: _parse_int,
    str: _parse_str,
}
