"""What happens around every call to docugen.v1: one interceptor for decoding, bounds, errors and the log.

    bytes -> request       malformed protobuf is the caller's error (gRPC alone would answer INTERNAL)
    handler                raises DocugenError, never touches the status itself
    error -> status        `status.rpc_error`; anything else is INTERNAL with an id, the log has where it was
    log                    one line for each change and each error, without request or response
    trace                  a span for each call, below the caller's (metadata `traceparent`, `tracestate`) where it names one
    measure                duration by method and status; a caller that went away is CANCELLED, one that was out of time
                           DEADLINE_EXCEEDED

The id of a call is the caller's `x-request-id`, if it has the form of one, else a new one. It is sent back in a trailer of that
name, bound to every log line of the call and of the run it starts, and is the id INTERNAL errors name.

Services that are not ours (health, reflection) pass untouched.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple, NoReturn, TypeAlias

import grpc
import structlog
from docugen_core.domain.tenant import is_kept_id
from docugen_core.domain.trace import NO_TRACE, TraceContext
from docugen_core.errors import DocugenError, InvalidRequest, RenderFailed, Unavailable
from docugen_core.measures import UNMEASURED, Measures
from docugen_core.tracing import UNTRACED, Span, Step, Tracer
from google.protobuf.message import DecodeError

from docugen_scheduler.call_limits import CallGroup, CallLimits
from docugen_scheduler.status import RpcError, internal_error, rpc_error

log = structlog.get_logger(__name__)

OUR_SERVICES = ("/docugen.v1.", "/externalscaler.ExternalScaler/")
REQUEST_ID = "x-request-id"
FIELDS_LOGGED_MAX = 20
DEADLINE_SLACK_S = 0.1
"""A deadline passes at the caller first, by the time that the call took to get here."""

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Unary: TypeAlias = Callable[[Any, Context], Awaitable[Any]]
Streaming: TypeAlias = Callable[[Any, Context], AsyncIterator[Any]]

_ID_MAX = 2**64 - 1
_NEW_IDS = count(int.from_bytes(os.urandom(8)))
"""Ids name calls in logs; no document can see them. Random where a process begins, counted from there: to ask the system for
each would hand the interpreter's lock to another thread in the middle of every call."""
_CALLERS_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CUSTOMERS = re.compile(r"(?:^|\.)(?:data|params|labels)(?:_json)?(?![a-z_])")
_QUIET = ("Get", "IsActive", "List", "Read", "StreamIsActive", "Wait", "Watch")
_SERVER_FAULTS = frozenset(
    {
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A request that could not be decoded, in place of the message."""

    error: InvalidRequest


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of all docugen.v1 services, and of KEDA's. One a server."""

    def __init__(
        self, limits: CallLimits, request_bytes_max: int, measures: Measures = UNMEASURED, tracer: Tracer = UNTRACED
    ) -> None:
        self._limits = limits
        self._measures = measures
        self._tracer = tracer
        self._request_bytes_max = request_bytes_max
        self._wrapped: dict[str, _Wrapped] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        # The type stubs describe handlers of the synchronous server; these are coroutine functions and async generators.
        handler: Any = await continuation(handler_call_details)
        path = handler_call_details.method
        if handler is None or not path.startswith(OUR_SERVICES):
            return handler  # type: ignore[no-any-return]
        if handler.request_deserializer is None:  # a refusal: one call's own, and nothing to keep
            return self._wrap(handler, path)
        wrapped = self._wrapped.get(path)
        if wrapped is None or wrapped.inner is not handler:
            wrapped = self._wrapped[path] = _Wrapped(handler, self._wrap(handler, path))
        return wrapped.outer

    def _wrap(self, handler: Any, path: str) -> grpc.RpcMethodHandler[Any, Any]:
        group = self._limits.group(path.rpartition("/")[2])
        decode = guarded(handler.request_deserializer, self._request_bytes_max)
        if handler.response_streaming:
            streaming: Any = _streaming(path, group, handler.unary_stream, self._measures, self._tracer)
            return grpc.unary_stream_rpc_method_handler(streaming, decode, handler.response_serializer)
        unary: Any = _unary(path, group, handler.unary_unary, self._measures, self._tracer)
        return grpc.unary_unary_rpc_method_handler(unary, decode, handler.response_serializer)


class _Wrapped(NamedTuple):
    """The handler of a method, and the one that stands around it."""

    inner: object
    outer: grpc.RpcMethodHandler[Any, Any]


def guarded(deserialise: Callable[[bytes], Any] | None, bytes_max: int) -> Callable[[bytes], Any]:
    """`deserialise`, with Malformed in place of what it raises and of messages beyond `bytes_max`."""

    def decode(data: bytes) -> Any:
        if len(data) > bytes_max:
            return Malformed(
                InvalidRequest(
                    f"the request has {len(data)} bytes; the bound is {bytes_max}",
                    code="REQUEST_TOO_LARGE",
                    hint="Make several bundles of it, or raise DOCUGEN_MAX_REQUEST_BYTES on the server.",
                    details={"request_bytes": str(len(data)), "max_request_bytes": str(bytes_max)},
                )
            )
        try:
            return deserialise(data) if deserialise else data
        except DecodeError:
            return Malformed(
                InvalidRequest(
                    "the request is not a message of this method: malformed protobuf, or text that is not UTF-8",
                    code="MALFORMED_REQUEST",
                    hint="Encode it by the .proto files of docugen.v1; reflection offers them.",
                )
            )

    return decode


def _unary(path: str, group: CallGroup, handler: Unary, measures: Measures, tracer: Tracer) -> Unary:
    method = path.rpartition("/")[2]

    async def answer(request: Any, context: Context) -> Any:
        with tracer.span(Step.CALL, parent=_callers_trace(context), method=path[1:]) as span:
            call = _Call(method, request, context, measures, span)
            try:
                _refuse_malformed(request)
                with group.entered():
                    response = await _in_time(handler(request, context), group.deadline_ms)
            except asyncio.CancelledError:
                call.abandoned()
                raise
            except Exception as error:  # noqa: BLE001 - the outermost: nothing may leave as it is
                ending = call.failed(error)
            else:
                call.succeeded(response)
                return response
        return await call.abort(ending)

    return answer


def _streaming(path: str, group: CallGroup, handler: Streaming, measures: Measures, tracer: Tracer) -> Streaming:
    method = path.rpartition("/")[2]

    async def answer(request: Any, context: Context) -> AsyncIterator[Any]:
        with tracer.span(Step.CALL, parent=_callers_trace(context), method=path[1:]) as span:
            call = _Call(method, request, context, measures, span)
            try:
                _refuse_malformed(request)
                # A caller that goes away ends this at a `yield`: all contexts are left then.
                with group.entered():
                    async with aclosing(handler(request, context)) as responses:  # type: ignore[type-var]
                        async for response in responses:
                            yield response
            except (asyncio.CancelledError, GeneratorExit):
                call.left()
                raise
            except Exception as error:  # noqa: BLE001 - the outermost: nothing may leave as it is
                ending = call.failed(error)
            else:
                call.succeeded(None)
                return
        await call.abort(ending)

    return answer


def _refuse_malformed(request: Any) -> None:
    if isinstance(request, Malformed):
        raise request.error


async def _in_time(work: Awaitable[Any], deadline_ms: int) -> Any:
    try:
        async with asyncio.timeout(deadline_ms / 1_000) as deadline:
            return await work
    except TimeoutError:
        if not deadline.expired():
            raise
        raise Unavailable(
            f"no answer within {deadline_ms} ms, the longest this server works on such a call",
            code="SERVER_DEADLINE_EXCEEDED",
            hint="Ask again; a run that was started goes on meanwhile.",
            details={"deadline_ms": str(deadline_ms)},
        ) from None


class _Call:
    """One call: its id, its log line, its measure."""

    def __init__(self, method: str, request: Any, context: Context, measures: Measures, span: Span) -> None:
        self._method = method
        self._request = request
        self._context = context
        self._measures = measures
        self._span = span
        self._started = time.monotonic_ns()
        self._id = _request_id(context)
        # Every call has a task, hence a context, of its own: nothing to unbind.
        run_id = loggable_run_id(request)
        structlog.contextvars.bind_contextvars(request_id=self._id, **({"run_id": run_id} if run_id else {}))
        context.set_trailing_metadata(((REQUEST_ID, self._id),))

    def succeeded(self, response: Any) -> None:
        self._ended("OK")
        if not self._method.startswith(_QUIET):
            log.info("rpc_answered", code="OK", **self._facts(response))

    def abandoned(self) -> None:
        """The caller cancelled, or its deadline passed."""
        log.info("rpc_abandoned", code=self.left(), **self._facts())

    def left(self) -> str:
        """Nobody waits for the answer any more: the name of the status that the caller has of it."""
        left_s: Any = self._context.time_remaining()  # None without a deadline, whatever the stubs say
        code = "CANCELLED" if left_s is None or left_s > DEADLINE_SLACK_S else "DEADLINE_EXCEEDED"
        self._ended(code)
        return code

    def failed(self, error: Exception) -> RpcError:
        """Log `error`; the status to end the call with."""
        if isinstance(error, DocugenError):
            ending, facts = rpc_error(error, self._id), _loggable(error)
        else:
            ending, facts = internal_error(self._id), {"reason": "INTERNAL"}
        self._ended(ending.code.name)
        bug = ending.code is grpc.StatusCode.INTERNAL
        line = log.error if bug else log.warning if ending.code in _SERVER_FAULTS else log.info
        line("rpc_failed", code=ending.code.name, exc_info=error if bug else None, **facts, **self._facts())
        if ending.code in _SERVER_FAULTS:
            self._span.failed(ending.code.name)
        return ending

    def _ended(self, code: str) -> None:
        self._span.note(rpc_status=code)
        self._measures.call_ended(self._method, code, (time.monotonic_ns() - self._started) / 1e9)

    async def abort(self, ending: RpcError) -> NoReturn:
        trailers = (*ending.trailers, (REQUEST_ID, self._id))
        await self._context.abort(ending.code, ending.message, trailers)

    def _facts(self, response: Any = None) -> dict[str, object]:
        facts: dict[str, object] = {
            "method": self._method,
            "duration_ms": (time.monotonic_ns() - self._started) // 1_000_000,
        }
        run_id = loggable_run_id(response) or loggable_run_id(self._request)
        return facts | {"run_id": run_id} if run_id else facts


def _loggable(error: DocugenError) -> dict[str, object]:
    """What the log may know of an error: messages about fields and documents may quote a customer's data."""
    facts: dict[str, object] = {"reason": error.reason}
    if isinstance(error, InvalidRequest | RenderFailed) and error.violations:
        return facts | {"fields": [_field(violation.path) for violation in error.violations[:FIELDS_LOGGED_MAX]]}
    return facts if isinstance(error, RenderFailed) else facts | {"error": error.message}


def _field(path: str) -> str:
    """As much of a field's path as the contract names: below data, params and labels the names are the customer's."""
    found = _CUSTOMERS.search(path)
    return path[: found.end()] if found else path


def loggable_run_id(message: Any) -> str:
    """The run a message is about, as far as it says so. What cannot be the id of a run may be anything, and is left out."""
    run_id = getattr(getattr(message, "bundle_run", None), "bundle_run_id", "") or getattr(message, "bundle_run_id", "")
    name = str(getattr(message, "name", "") or getattr(message, "parent", ""))
    if not run_id and name.startswith("bundleRuns/"):
        run_id = name.split("/")[1]
    return str(run_id) if is_kept_id(str(run_id)) else ""


def _callers_trace(context: Context) -> TraceContext:
    """The caller's own span, if it names one, and only one."""
    found: dict[str, list[str]] = {"traceparent": [], "tracestate": []}
    for key, value in context.invocation_metadata() or ():
        if key in found and isinstance(value, str):
            found[key].append(value)
    parents = found["traceparent"]
    return TraceContext.parse(parents[0], ",".join(found["tracestate"])) if len(parents) == 1 else NO_TRACE


def _request_id(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID and isinstance(value, str) and _CALLERS_ID.fullmatch(value):
            return value
    return f"{next(_NEW_IDS) & _ID_MAX:016x}"
