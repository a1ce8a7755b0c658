"""`python -m docugen_scheduler.probe ADDRESS SERVICE`: one health check, for containers without a gRPC probe of their own.

Exit code 0 if the service is SERVING, 1 if it is not or does not answer within three seconds.

Where DOCUGEN_CA_FILE is set it speaks TLS, with DOCUGEN_CLIENT_CERT and DOCUGEN_CLIENT_KEY where a server asks callers for a
certificate, and takes DOCUGEN_SERVER_NAME for the name in the server's. Health needs no token.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import grpc
from docugen_core.config import Settings
from docugen_core.environment import load
from docugen_core.errors import ConfigurationError
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT_S = 3.0


def main(arguments: Sequence[str]) -> int:
    """The exit code for `ADDRESS [SERVICE]`; without a service, the server as a whole."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m docugen_scheduler.probe HOST:PORT [SERVICE]\n")
        return 2
    address, service = arguments[0], "".join(arguments[1:])
    try:
        opened = _channel(address, load())
    except (ConfigurationError, OSError) as error:
        sys.stderr.write(f"{address} {service}: {error}\n")
        return 2
    with opened as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            sys.stderr.write(f"{address} {service}: {error.code().name}\n")
            return 1
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    sys.stderr.write(f"{address} {service}: {status}\n")
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


def _channel(address: str, settings: Settings) -> grpc.Channel:
    if not settings.ca_file:
        return grpc.insecure_channel(address)
    ca, key, cert = (
        Path(file).read_bytes() if file else None
        for file in (settings.ca_file, settings.client_key, settings.client_cert)
    )
    options = [("grpc.ssl_target_name_override", settings.server_name)] if settings.server_name else []
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(ca, key, cert), options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
