"""Where a service's measures are read: `GET /metrics` over HTTP, in threads of its own, beside the event loop.

    with exposed_measures(address, setting=..., insecure=...) as exposed:
        exposed.measures      what the service records into; UNMEASURED where the address is empty
        exposed.address       host:port in fact; empty where there is none

Bounded: CONNECTIONS_MAX connections at once (one more is closed at once), each READ_S for a pause in its request, one answer a
connection. An answer that cannot be made is a 500 and a line in the log, and the next scrape is a new one. Plain HTTP: like
gRPC without TLS it listens on loopback only, unless DOCUGEN_INSECURE says that the network itself is trusted.

OpenTelemetry is imported here and not before an address is given. (redis-py imports it by itself wherever it is installed.)
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

import structlog

from docugen_core.adapters.grpc_address import is_loopback
from docugen_core.errors import ConfigurationError
from docugen_core.measures import UNMEASURED, Measures

PATH = "/metrics"
CONNECTIONS_MAX = 8
READ_S = 5.0

log = structlog.get_logger(__name__)

Text = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Exposed:
    """Measures, and where they are read: host:port, empty for nowhere."""

    measures: Measures
    address: str


@contextmanager
def exposed_measures(address: str, *, setting: str, insecure: bool) -> Iterator[Exposed]:
    """Measures that are read at `address` (host:port, port 0 for a free one, empty for none) until the context is left.

    setting: the environment name it came from, for messages. Raises ConfigurationError for an address that is in use, not of
    this machine, or reachable from others without `insecure`.
    """
    if not address:
        yield Exposed(UNMEASURED, "")
        return
    _check_reach(address, setting, insecure)
    from docugen_core.adapters.otel_measures import CONTENT_TYPE, OtelMeasures

    measures = OtelMeasures()
    try:
        with listening(address, measures.text, content_type=CONTENT_TYPE, setting=setting) as found:
            yield Exposed(measures, found)
    finally:
        measures.close()


@contextmanager
def listening(address: str, text: Text, *, content_type: str, setting: str) -> Iterator[str]:
    """Answer `GET /metrics` with `text()` until the context is left; host:port in fact."""
    host, _, port = address.rpartition(":")
    try:
        server = _Server(host.strip("[]"), int(port), text, content_type)
    except OSError as error:
        raise ConfigurationError(
            f"{setting}={address!r} cannot be listened on: {error.strerror or error}",
            hint="Stop the other process, or choose another port: 0 picks a free one, an empty address switches metrics off.",
        ) from error
    serving = threading.Thread(target=server.serve_forever, args=(0.1,), name="metrics", daemon=True)
    serving.start()
    try:
        yield f"{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def _check_reach(address: str, setting: str, insecure: bool) -> None:
    if not insecure and not is_loopback(address.rpartition(":")[0]):
        raise ConfigurationError(
            f"{setting}={address!r} is reachable from other machines, and metrics are served without TLS",
            hint="Listen on 127.0.0.1, or set DOCUGEN_INSECURE=true where the network itself is trusted (a pod, a VPN).",
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a reader that dawdles does not hold up the end of the service
    request_queue_size = 16
    allow_reuse_port = False  # or two services would share a port, and every other scrape be the other's

    def __init__(self, host: str, port: int, text: Text, content_type: str) -> None:
        self.text = text
        self.content_type = content_type
        self._places = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's: that one asks the resolver for this machine's name, which may take seconds.
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("metrics_reader_lost", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = READ_S
    server_version = "docugen"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self._answer(404, f"Metrics are at {PATH}.\n".encode(), "text/plain; charset=utf-8")
            return
        try:
            body = self.server.text()
        except Exception:
            log.exception("metrics_not_collected")
            self._answer(500, b"The metrics could not be collected; the log says why.\n", "text/plain; charset=utf-8")
            return
        self._answer(200, body, self.server.content_type)

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not logged."""
