"""How methods are added to a server: to gRPC's lookup by name, and not as *registered* methods.

The generated code does both. gRPC's asynchronous server keeps a task for each registered method, which waits for the method's
next call, and after every call it waits for all of these tasks anew: with the thirty-six methods of a scheduler that was a
twentieth of a call's CPU. The lookup by name finds the same handlers, by one queue of calls for all of them. A registered
method has a queue of its own: that is for probes, which a burst of other calls must not hold up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc


def methods_by_name(server: grpc.aio.Server) -> grpc.aio.Server:
    """What to hand to the generated `add_...Servicer_to_server` in place of `server`, before it starts; no more than that."""
    table: Any = _MethodTable(server)
    return table  # type: ignore[no-any-return]


class _MethodTable:
    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """The generated code has added the same handlers by name."""
