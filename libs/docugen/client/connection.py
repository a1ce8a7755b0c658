"""The channel and the single answer: what is retried, how a dead connection is noticed, how much a message may hold.

Retries (service config): UNAVAILABLE, four attempts, 0.1 s doubling to 2 s, throttled when a server fails mostly. Safe for
every method because every method is idempotent. Not in the list: RESOURCE_EXHAUSTED, which also means "message too large";
`answer` repeats it only where the server names a delay.

No deadline stands in the service config: Python's gRPC lets such deadlines fire more than a second early
(grpc/grpc#34547). Every call passes its own.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from docugen.client.access import Access
from docugen.client.errors import decoded

R = TypeVar("R", bound=Message)
Call = Callable[..., Awaitable[R]]

MESSAGE_BYTES_MAX = 64 << 20
STREAM_S = 3_600.0
"""Deadline of a stream. Whoever reads one comes back when it ends, so this only bounds what a lost stream may cost."""
KEEPALIVE_MS = 60_000
"""Servers answer pings that come more often than they allow with GOAWAY; ours allows one in 30 s, gRPC's default less."""

SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
        "retryThrottling": {"maxTokens": 20, "tokenRatio": 0.5},
    }
)


def open_channel(address: str, access: Access) -> grpc.aio.Channel:
    """A channel to `address` (host:port), with TLS where `access` names a CA. Connects at the first call.

    Call it inside the running event loop: the channel belongs to it. Raises Refused for files or a token that cannot be used.
    """
    credentials = access.credentials()
    access.check_token(safe=credentials is not None or _is_loopback(address))
    options: list[tuple[str, str | int]] = [
        ("grpc.service_config", SERVICE_CONFIG),
        ("grpc.enable_retries", 1),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
        (
            "grpc.max_metadata_size",
            64 << 10,
        ),  # error details travel in trailers; gRPC's own 8 KiB would lose them whole
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5_000),
    ]
    if _is_loopback(address):
        options.append(("grpc.enable_http_proxy", 0))  # no proxy can reach this machine's own loopback
    if access.server_name:
        options.append(("grpc.ssl_target_name_override", access.server_name))
    if credentials is None:
        return grpc.aio.insecure_channel(address, options=options)
    return grpc.aio.secure_channel(address, credentials, options=options)


async def answer(method: Call[R], request: Message, *, address: str, timeout: float) -> R:  # noqa: ASYNC109
    """One answer within `timeout` seconds. A server without room is asked again after the delay it names, time permitting.

    Raises DocugenClientError.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout
    while True:
        try:
            return await method(request, timeout=max(deadline - clock(), 0.001))
        except grpc.aio.AioRpcError as error:
            failure = decoded(error, address)
            busy = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and failure.retry_after is not None
        delay = max(failure.retry_after or 0.0, 0.05)
        if not busy or clock() + delay >= deadline:
            raise failure
        await asyncio.sleep(delay)


def is_interruption(error: grpc.aio.AioRpcError) -> bool:
    """Whether coming back to a stream helps: the way to the server broke, or the stream reached its own deadline."""
    return error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
