"""The floor of every call: a server of grpc.aio that answers any unary method with so many bytes, and does nothing else."""

from __future__ import annotations

from typing import Any

import grpc


async def started_echo(answer_bytes: int) -> tuple[grpc.aio.Server, str]:
    """A server on a loopback port, and its address. Messages are bytes to it: it decodes and encodes none."""
    answer = bytes(answer_bytes)

    async def echo(request: bytes, context: object) -> bytes:
        return answer

    handler: Any = echo

    class Everything(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
            return grpc.unary_unary_rpc_method_handler(handler)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Everything(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, f"127.0.0.1:{port}"
