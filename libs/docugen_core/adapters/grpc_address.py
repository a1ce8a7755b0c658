"""Where a gRPC server of ours listens: loopback unless told otherwise, and never on a port that another one has."""

from __future__ import annotations

import ipaddress

import grpc

from docugen_core.config import Settings
from docugen_core.errors import ConfigurationError

PENDING_CALLS_MAX = 8_192
"""Calls that wait for a server to begin them, some seconds' worth; gRPC's own bound is 1 000 and, at the latest, 3 000."""


def bind(
    server: grpc.aio.Server,
    address: str,
    *,
    insecure: bool,
    setting: str,
    credentials: grpc.ServerCredentials | None = None,
) -> tuple[str, int]:
    """Take `address` (`host:port`, port 0 for a free one) for `server`: (host, port in fact).

    setting: the environment name it came from, for messages. credentials: for TLS. insecure: whether an address that other
    machines reach is allowed without. The server needs the option `grpc.so_reuseport` 0 (connection_options), or two of them
    share a port silently. Raises ConfigurationError.
    """
    host, _, asked = address.rpartition(":")
    or_tls = ", set DOCUGEN_TLS_CERT and DOCUGEN_TLS_KEY" if setting == "DOCUGEN_GRPC_ADDRESS" else ""
    if credentials is None and not insecure and not is_loopback(host):
        raise ConfigurationError(
            f"{setting}={address!r} is reachable from other machines, and this server has no TLS",
            hint=f"Listen on 127.0.0.1{or_tls}, or set DOCUGEN_INSECURE=true where the network is trusted (a pod, a VPN).",
        )
    try:
        where = f"{host}:{asked}"
        port = server.add_secure_port(where, credentials) if credentials else server.add_insecure_port(where)
    except RuntimeError as error:
        raise ConfigurationError(
            f"{setting}={address!r} cannot be listened on: it is in use, or not of this machine",
            hint="Stop the other process, or choose another port; port 0 picks a free one.",
        ) from error
    return host, port


def connection_options(settings: Settings) -> tuple[tuple[str, int], ...]:
    """gRPC's bounds on connections: how many calls one carries, and how long one may live that does nothing, or anything.

    handshake   a connection that stays silent, or speaks TLS or HTTP/2 too slowly, is closed
    pending     calls that have come and are not begun: gRPC cancels what is beyond, without a reason
    pings       both sides ask whether the other still lives; one that asks more often than every 30 s is sent away
    idle, age   closed without calls; takes no new ones after a while, and is closed at last
    """
    return (
        ("grpc.so_reuseport", 0),
        ("grpc.max_concurrent_streams", settings.grpc_streams_max),
        ("grpc.server.max_pending_requests", PENDING_CALLS_MAX),
        ("grpc.server.max_pending_requests_hard_limit", PENDING_CALLS_MAX),
        ("grpc.server_handshake_timeout_ms", settings.grpc_handshake_ms),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
        ("grpc.max_connection_idle_ms", settings.grpc_idle_ms),
        ("grpc.max_connection_age_ms", settings.grpc_age_ms),
        ("grpc.max_connection_age_grace_ms", 660_000),  # longer than the longest WaitBundleRun
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`. Names other than localhost count as reachable."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
