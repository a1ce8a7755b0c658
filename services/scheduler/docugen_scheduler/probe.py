"""`python -m docugen_scheduler.probe ADDRESS SERVICE`: one health check, for containers without a gRPC probe of their own.

Exit code 0 if the service is SERVING, 1 if it is not or does not answer within three seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT_S = 3.0


def main(arguments: Sequence[str]) -> int:
    """The exit code for `ADDRESS [SERVICE]`; without a service, the server as a whole."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m docugen_scheduler.probe HOST:PORT [SERVICE]\n")
        return 2
    address, service = arguments[0], "".join(arguments[1:])
    with grpc.insecure_channel(address) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            sys.stderr.write(f"{address} {service}: {error.code().name}\n")
            return 1
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    sys.stderr.write(f"{address} {service}: {status}\n")
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
