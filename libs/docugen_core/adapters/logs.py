"""Log lines: one event a line, JSON off a terminal, readable on one. `configure_logs` is called once, by a main().

    {"event": "rpc_answered", "level": "info", "timestamp": "2026-03-31T09:00:00.000000Z", "method": "CreateBundleRun", ...}

Event names are `noun_verbed`; what is the same for a whole call or job (request id, run id) is bound once, as a context
variable. Two rules protect customers: a field that may hold a secret or a document's data is masked whatever the caller of the
log passed, and tracebacks never print local variables, which hold that data.

Lines go to standard error, written directly: structlog through stdlib logging costs three times as much. What libraries send to
stdlib logging is taken over as lines of the same shape, from `warning` up.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "[redacted]"

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_SECRET_PARTS = ("token", "secret", "password", "authorization")
_SECRET_NAMES = frozenset({"data", "data_json", "params", "params_json", "spec"})


def configure_logs(level: str, log_format: str, stream: TextIO | None = None) -> None:
    """Set up logging for this process. May be called again: the last call holds.

    level: debug, info, warning or error. log_format: json, console, or auto (console if `stream` is a terminal). stream:
    standard error unless given.
    """
    out = stream or sys.stderr
    console = log_format == "console" or (log_format == "auto" and out.isatty())
    structlog.configure(
        processors=[*_SHARED, *(_console(out) if console else _JSON)],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_TakenOver()], force=True)


def redacted(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A structlog processor: masks every field, at any depth of mappings, whose name says it may not be logged."""
    return _masked(event)


def is_secret(name: str) -> bool:
    """Whether a field of this name is masked: it names a secret, or holds a document's data."""
    lower = name.lower()
    return lower in _SECRET_NAMES or any(part in lower for part in _SECRET_PARTS)


def _masked(fields: Mapping[str, Any]) -> MutableMapping[str, Any]:
    return {
        name: MASK if is_secret(str(name)) else _masked(value) if isinstance(value, Mapping) else value
        for name, value in fields.items()
    }


def _console(out: TextIO) -> list[Processor]:
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)]


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    redacted,
]
_JSON: list[Processor] = [
    structlog.processors.format_exc_info,  # the stdlib's traceback: no local variables
    structlog.processors.JSONRenderer(sort_keys=False, default=str),
]


class _TakenOver(logging.Handler):
    """What libraries log, as lines like our own. Their text is kept as it is: only our fields can be masked."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        if _is_caller_gone(record):
            log.debug("library_logged", logger=record.name, text=record.getMessage())
            return
        level = "error" if record.levelno >= logging.ERROR else "warning"
        getattr(log, level)("library_logged", logger=record.name, text=record.getMessage(), exc_info=record.exc_info)


def _is_caller_gone(record: logging.LogRecord) -> bool:
    """gRPC reports a caller that left a stream as an error with a traceback. It is neither."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is not None and kind.__name__ == "ExecuteBatchError"
