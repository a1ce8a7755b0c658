"""QueueService, and KEDA's ExternalScaler, of a server without a queue: every method says so, and what to do about it.

The methods come from the contracts' descriptors, so a method added there is answered here without being forgotten.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from docugen.keda import external_scaler_pb2
from docugen.v1 import queue_service_pb2
from docugen_core.errors import NotPossibleNow
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

SERVICES = (
    queue_service_pb2.DESCRIPTOR.services_by_name["QueueService"],
    external_scaler_pb2.DESCRIPTOR.services_by_name["ExternalScaler"],
)


def queue_disabled_handlers() -> tuple[grpc.GenericRpcHandler, ...]:
    """Handlers for all methods; each ends with FAILED_PRECONDITION QUEUE_DISABLED."""
    return tuple(
        grpc.method_handlers_generic_handler(
            service.full_name, {method.name: _handler(method) for method in service.methods}
        )
        for service in SERVICES
    )


def _handler(method: MethodDescriptor) -> grpc.RpcMethodHandler[Any, Any]:
    make: Any = grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
    refuse = _refuse_stream if method.server_streaming else _refuse
    return make(  # type: ignore[no-any-return]
        refuse,
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=GetMessageClass(method.output_type).SerializeToString,
    )


async def _refuse(_: Any, __: Any) -> Any:
    raise _queue_disabled()


async def _refuse_stream(request: Any, context: Any) -> AsyncIterator[Any]:
    yield await _refuse(request, context)  # a generator, as gRPC wants it, that never comes to its first message


def _queue_disabled() -> NotPossibleNow:
    return NotPossibleNow(
        "this server has no queue: bundles render in its own process tree",
        code="QUEUE_DISABLED",
        hint="Runs are listed by ListBundleRuns; a failed one is started again by RetryBundleRun.",
        details={"mode": "INLINE"},
    )
