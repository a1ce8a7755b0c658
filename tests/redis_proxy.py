"""A TCP proxy in front of a Redis that misbehaves on request: `async with Proxy(url) as proxy: RedisConnection(proxy.url)`.

proxy.lose_replies = n    the next n commands are executed, and instead of their replies the connection is reset
proxy.lose_reply_to = b   the next command with b in it is executed, and instead of its reply the connection is reset:
                          then proxy.reply_lost is set. What else goes on over the proxy does not come between
proxy.silent = True       bytes vanish and sockets stay open: a pulled cable
proxy.refuse = True       new connections are reset
await proxy.cut()         every live connection is reset
"""

from __future__ import annotations

import asyncio
import socket
import struct
from urllib.parse import urlsplit


class Proxy:
    """One proxy. upstream: redis://host:port or unix:///path."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._upstreams: dict[asyncio.StreamWriter, asyncio.StreamReader] = {}
        self._doomed: asyncio.StreamReader | None = None
        self.lose_replies = 0
        self.lose_reply_to = b""
        self.reply_lost = asyncio.Event()
        self.silent = False
        self.refuse = False
        self.url = ""

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cut(self) -> None:
        for writer in list(self._writers):
            self._reset(writer)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        if self.refuse:
            self._reset(writer)
            return
        try:
            up_reader, up_writer = await self._connect()
        except OSError:
            self._reset(writer)
            return
        self._writers.add(up_writer)
        self._upstreams[up_writer] = up_reader
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, up_writer, replies=False))
                both.create_task(self._pump(up_reader, writer, replies=True))
        except* OSError:
            pass  # one side ended, or a reply was lost: both end
        finally:
            del self._upstreams[up_writer]
            self._reset(writer)
            self._reset(up_writer)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._upstream.scheme == "unix":
            return await asyncio.open_unix_connection(self._upstream.path)
        return await asyncio.open_connection(self._upstream.hostname, self._upstream.port)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, replies: bool) -> None:
        while data := await reader.read(65_536):
            if self.silent:
                continue
            if replies and self.lose_replies:
                self.lose_replies -= 1
                break
            if reader is self._doomed:
                self._doomed = None
                self.reply_lost.set()
                break
            if not replies and self.lose_reply_to and self.lose_reply_to in data:
                self.lose_reply_to, self._doomed = b"", self._upstreams[writer]
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        transport = writer.transport
        if not transport.is_closing():
            raw: socket.socket = transport.get_extra_info("socket")
            if raw.family == socket.AF_INET:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
