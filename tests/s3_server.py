"""An S3 server for tests, on loopback, and a proxy in front of it that misbehaves on request.

    with s3_server() as url: ...                a moto server in a process of its own; what it holds is gone with it
    make_bucket(url, "name")
    async with S3Proxy(url) as proxy: ...       the store is told proxy.url

proxy.answers.append((matches, Answer(503, SLOW_DOWN)))   the next request that matches gets this answer instead
proxy.lost.append(matches)                                the next one is carried out, and its connection is closed
proxy.cut_after(matches)                                  the next one is carried out; its answer, and all later ones, are lost
proxy.dead = True / False                                 connections are closed without a word
proxy.forgetful = True                                    conditions of requests do not reach the server
proxy.silent = True                                       requests are read, and never answered
proxy.seen                                                `METHOD path` of all requests, in order
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from docugen_core.domain.identity import content_digest

Matches = Callable[[str], bool]
"""Of `METHOD /bucket/key`, without its query."""

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
HEAD_BYTES_MAX = 64 << 10
BUCKET = "specimen-bundles"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""


@contextmanager
def s3_server() -> Iterator[str]:
    """The URL of a server that is up."""
    command = [sys.executable, "-u", "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = ""
            for line in process.stderr:
                said += line
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    break
            else:
                raise AssertionError(f"the S3 server did not start:\n{said}")
            drained = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
            try:
                yield found[0]
            finally:
                process.terminate()
                process.wait(30)
                drained.wait(30)
        finally:
            process.kill()


def environment_of(url: str) -> dict[str, str]:
    """What a process needs to use the server, and nothing of this machine's own."""
    return {
        "AWS_ACCESS_KEY_ID": "specimen",
        "AWS_SECRET_ACCESS_KEY": "specimen-secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
    }


def prefix_of(folder: Path) -> str:
    """The URL of a store that belongs to a test's folder."""
    return f"s3://{BUCKET}/{content_digest(str(folder).encode())[:16]}"


def make_bucket(url: str, name: str) -> None:
    with urlopen(Request(f"{url}/{name}", method="PUT"), timeout=30):  # noqa: S310 - loopback
        pass


class S3Proxy:
    """One proxy. It answers each connection once."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut: Matches | None = None
        self.answers: list[tuple[Matches, Answer]] = []
        self.lost: list[Matches] = []
        self.dead = False
        self.forgetful = False
        self.silent = False
        self.seen: list[str] = []
        self.url = ""

    async def __aenter__(self) -> S3Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut_after(self, matches: Matches) -> None:
        """The next request that matches is the last one that reaches the server, and nobody hears of it."""
        self._cut = matches

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                if not self.dead:
                    writer.write(await self._answer(await reader.readuntil(b"\r\n\r\n"), reader))
                    await writer.drain()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, head: bytes, reader: asyncio.StreamReader) -> bytes:
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = f"{method} {unquote(target.partition('?')[0])}"
        self.seen.append(request)
        if self.silent:
            await asyncio.Event().wait()
        for number, (matches, answer) in enumerate(self.answers):
            if matches(request):
                del self.answers[number]
                return _response(answer, method)
        reply = await self._forward(head, body)
        if self._cut is not None and self._cut(request):
            self.dead = True
        for number, matches in enumerate(self.lost):
            if matches(request):
                del self.lost[number]
                return b""
        return b"" if self.dead else reply

    async def _forward(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        first, _, rest = head.partition(b"\r\n")
        if self.forgetful:
            rest = re.sub(rb"(?i)if-none-match:[^\r]*\r\n", b"", rest)
        writer.write(first + b"\r\nconnection: close\r\n" + rest + body)
        await writer.drain()
        reply = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        return reply


def _response(answer: Answer, method: str) -> bytes:
    head = f"HTTP/1.1 {answer.status} As Scripted\r\ncontent-length: {len(answer.body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + (b"" if method == "HEAD" else answer.body)
