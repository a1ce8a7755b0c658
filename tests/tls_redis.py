"""A Redis that speaks TLS on a port of its own: redis-server where it can, else the embedded Valkey behind a TLS proxy."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from certificates import Authority, Pair
from docugen_core.adapters.embedded_redis import EmbeddedRedis
from docugen_core.errors import Unavailable
from redis_servers import binaries, free_port, own_server


@dataclass(frozen=True, slots=True)
class TlsRedis:
    """port: where it speaks TLS, on loopback. plain: the same server without, by socket."""

    port: int
    plain: EmbeddedRedis

    def url(self, user: str = "", host: str = "127.0.0.1") -> str:
        return f"rediss://{user}{host}:{self.port}/0"


@contextmanager
def tls_redis(authority: Authority, pair: Pair, *, ask_clients: bool = False, **settings: str) -> Iterator[TlsRedis]:
    """ask_clients: only for those with a certificate of `authority`. settings: lines of redis.conf with _ for -."""
    port = free_port()
    tls = {
        "tls_port": str(port),
        "tls_cert_file": pair.cert,
        "tls_key_file": pair.key,
        "tls_ca_cert_file": authority.ca,
        "tls_auth_clients": "yes" if ask_clients else "no",
    }
    binary = binaries().get("redis-server")
    if binary is not None and _speaks_tls(binary, tls):
        with own_server(binary, **tls, **settings) as server:
            yield TlsRedis(port, server)
    else:
        with own_server(None, **settings) as server, _proxied(server, port, authority, pair, ask_clients):
            yield TlsRedis(port, server)


def _speaks_tls(binary: Path, settings: dict[str, str]) -> bool:
    with suppress(Unavailable), own_server(binary=binary, **settings):
        return True
    return False


@contextmanager
def _proxied(server: EmbeddedRedis, port: int, authority: Authority, pair: Pair, ask_clients: bool) -> Iterator[None]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.ca)
    context.load_cert_chain(pair.cert, pair.key)
    context.verify_mode = ssl.CERT_REQUIRED if ask_clients else ssl.CERT_NONE
    socket = server.url.removeprefix("unix://")
    started: Future[Callable[[], object]] = Future()
    """How to end it."""

    async def serve() -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        async with _listening(socket, port, context):
            started.set_result(lambda: loop.call_soon_threadsafe(ended.set))
            await ended.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except OSError as error:
            if started.done():
                raise
            started.set_exception(error)

    with ThreadPoolExecutor(1) as thread:
        serving = thread.submit(run)
        end = started.result(60)
        try:
            yield
        finally:
            end()
            serving.result(60)


@asynccontextmanager
async def _listening(socket: str, port: int, context: ssl.SSLContext) -> AsyncIterator[None]:
    """Leaving it leaves no connection behind: one that is found open later would be a warning in somebody else's test."""
    connections: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        inner_reader, inner_writer = await asyncio.open_unix_connection(socket)
        try:
            await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))
        finally:
            for open_end in (writer, inner_writer):
                open_end.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=context)
    try:
        yield
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
