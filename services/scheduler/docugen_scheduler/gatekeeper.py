"""The interceptor that asks callers who they are, before their request is read.

It stands within `CallInterceptor`, which turns its refusals into statuses, counts and logs them. A refused request is not even
decoded. Services outside of docugen.v1 are open by the list in `authorisation` or not at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import structlog
from docugen_core.errors import NotAuthenticated, NotPermitted

from docugen_scheduler.authorisation import OPEN_SERVICES, Gate, answer_for

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Gatekeeper(grpc.aio.ServerInterceptor):
    """Says, for the rest of a call, whom it answers, and puts refusals in place of handlers. One a server."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        # The type stubs describe handlers of the synchronous server; these are coroutine functions and async generators.
        handler: Any = await continuation(handler_call_details)
        path = handler_call_details.method
        if handler is None or path.startswith(OPEN_SERVICES):
            return handler  # type: ignore[no-any-return]
        try:
            caller = self._gate.admit(path, handler_call_details.invocation_metadata)
        except (NotAuthenticated, NotPermitted) as error:
            return _refusing(handler, error)
        # The handler runs in the task that asks for it, so it finds the caller there.
        answer_for(caller)
        if not self._gate.is_open:
            structlog.contextvars.bind_contextvars(tenant=caller.tenant, caller=caller.name)
        return handler  # type: ignore[no-any-return]


def _refusing(handler: Any, error: Exception) -> grpc.RpcMethodHandler[Any, Any]:
    """A handler that leaves the request as it came, and raises `error`."""

    async def refuse(_: Any, __: Context) -> Any:
        raise error

    async def refuse_stream(request: Any, context: Context) -> AsyncIterator[Any]:
        yield await refuse(request, context)  # a generator, as gRPC wants it, that never comes to its first message

    if handler.response_streaming:
        streaming: Any = refuse_stream
        return grpc.unary_stream_rpc_method_handler(streaming, None, handler.response_serializer)
    unary: Any = refuse
    return grpc.unary_unary_rpc_method_handler(unary, None, handler.response_serializer)
