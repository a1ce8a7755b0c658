"""Log lines: one event a line, JSON off a terminal, readable on one. `configure_logs` is called once, by a main().

    {"event": "rpc_answered", "level": "info", "timestamp": "2026-03-31T09:00:00.000000Z", "request_id": "f3b1...",
     "run_id": "br-...", "trace_id": "4bf9...", "span_id": "00f0...", "method": "CreateBundleRun", ...}

Event names are `noun_verbed`. What is the same for a whole call or job (request id, run id, attempt) is bound once, as a
context variable; the ids of the current span are looked up for every line. What may not be in a line is `log_safety`.

Lines go to standard error, written directly: structlog through stdlib logging costs three times as much. What libraries send to
stdlib logging is taken over as lines of the same shape, from `warning` up.
"""

from __future__ import annotations

import logging
import sys
from traceback import walk_tb
from typing import TYPE_CHECKING, TextIO

from docugen_core.adapters.lean_structlog import structlog
from docugen_core.adapters.log_safety import MASK, bare_traceback, masked
from docugen_core.tracing import current_trace

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["MASK", "configure_logs"]

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


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


def with_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A structlog processor: trace_id and span_id of the span the line was written in, where there is one."""
    trace = current_trace()
    if trace:
        event["trace_id"], event["span_id"] = trace.trace_id, trace.span_id
    return event


def redacted(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A structlog processor: masks what may not be in a line (`log_safety`)."""
    return masked(event)


def with_traceback(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A structlog processor: the traceback of `exc_info` as text, without what errors say."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = bare_traceback(error)
    return event


def _console(out: TextIO) -> list[Processor]:
    plain = structlog.dev.plain_traceback  # or the renderer wants the error itself, to draw it with its variables
    return [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)]


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    with_trace,
    with_traceback,
    redacted,
]
_JSON: list[Processor] = [structlog.processors.JSONRenderer(sort_keys=False, default=str)]


class _TakenOver(logging.Handler):
    """What libraries log, as lines like our own: the text they wrote, with `%s` where they filled something in, which may be
    anybody's data, and the kind of an error."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        if _is_caller_gone(record) or _is_lost_connection(record):
            log.debug("library_logged", logger=record.name, text=_text(record))
            return
        level = "error" if record.levelno >= logging.ERROR else "warning"
        getattr(log, level)("library_logged", logger=record.name, text=_text(record), exc_info=record.exc_info)


def _is_caller_gone(record: logging.LogRecord) -> bool:
    """gRPC reports a caller that left a stream as an error with a traceback. It is neither."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is not None and kind.__name__ == "ExecuteBatchError"


def _is_lost_connection(record: logging.LogRecord) -> bool:
    """asyncio keeps the end of a connection in a future of the stream's own, and marks it as heard when the stream goes. Where
    both are collected in one round, the future may go first and is then reported as an error, though nobody needed the
    connection: whoever did was told by an error that was raised through code of theirs.
    """
    if record.name != "asyncio" or not record.exc_info or "never retrieved" not in str(record.msg):
        return False
    error = record.exc_info[1]
    modules = (frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__ if error else None))
    return isinstance(error, ConnectionError) and all(module.startswith("asyncio.") for module in modules)


def _text(record: logging.LogRecord) -> str:
    """What the library wrote itself. asyncio fills in before it logs; there only the first line is its own."""
    text = str(record.msg)
    said = str(record.exc_info[1]) if record.exc_info else ""
    if said:
        text = text.replace(said, "%s")
    return text.partition("\n")[0] if record.name == "asyncio" else text
