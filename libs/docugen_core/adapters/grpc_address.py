"""Where a gRPC server of ours listens: loopback unless told otherwise, and never on a port that another one has."""

from __future__ import annotations

import ipaddress

import grpc

from docugen_core.errors import ConfigurationError


def bind(server: grpc.aio.Server, address: str, *, insecure: bool, setting: str) -> tuple[str, int]:
    """Take `address` (`host:port`, port 0 for a free one) for `server`: (host, port in fact).

    setting: the environment name it came from, for messages. insecure: whether an address that other machines reach is
    allowed. The server needs the option `grpc.so_reuseport` 0, or two of them share a port silently. Raises ConfigurationError.
    """
    host, _, asked = address.rpartition(":")
    if not insecure and not is_loopback(host):
        raise ConfigurationError(
            f"{setting}={address!r} is reachable from other machines, and this server has no TLS",
            hint="Listen on 127.0.0.1, or set DOCUGEN_INSECURE=true where the network itself is trusted (a pod, a VPN).",
        )
    try:
        port = server.add_insecure_port(f"{host}:{asked}")
    except RuntimeError as error:
        raise ConfigurationError(
            f"{setting}={address!r} cannot be listened on: it is in use, or not of this machine",
            hint="Stop the other process, or choose another port; port 0 picks a free one.",
        ) from error
    return host, port


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`. Names other than localhost count as reachable."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
