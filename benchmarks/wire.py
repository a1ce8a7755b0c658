"""The caller of every benchmark that calls: gRPC's frames by hand on one HTTP/2 connection (RFC 9113).

A client of grpc.aio spends as much CPU on a call as a server does, and one that shares two cores with its server measures
itself. This one takes a tenth of that, as h2load does, and is the same for the echo and for DocuGen. It knows what it must:
windows, settings, pings. Headers are never indexed, and of an answer's it reads none: an answer with a message was a success,
one without (trailers only) was not.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic_ns, process_time_ns
from typing import cast

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4
FRAME_MAX = 16_384
WINDOW = 65_535
WIDE_WINDOW = 1 << 30
CALLS_S = 120.0
"""How long all calls of one round may take."""


@dataclass(frozen=True, slots=True)
class Called:
    """What a round of calls gave, in the order of the answers. cpu_us: of this process, a call. answers: the messages; a call
    that failed has none."""

    took_us: float
    latencies_us: tuple[float, ...]
    cpu_us: float
    answers: tuple[bytes, ...]


async def call(address: str, path: str, messages: Sequence[bytes], in_flight: int) -> Called:
    """Send `messages` to the unary method `path` (`/package.Service/Method`), `in_flight` at a time, on a new connection."""
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    transport, caller = await loop.create_connection(lambda: _Caller(path), host, int(port))
    try:
        async with asyncio.timeout(CALLS_S):
            await caller.settled
            cpu, begin = process_time_ns(), monotonic_ns()
            await caller.send(messages, in_flight)
            took, cpu = monotonic_ns() - begin, process_time_ns() - cpu
    finally:
        transport.close()
    latencies = tuple(ns / 1_000 for ns in caller.latencies_ns)
    return Called(took / 1_000, latencies, cpu / 1_000 / len(messages), tuple(caller.answers))


@dataclass(slots=True)
class _Call:
    """One call under way. unsent: what the windows did not let through yet."""

    begun_ns: int
    unsent: bytes
    window: int
    answer: bytearray = field(default_factory=bytearray)


class _Caller(asyncio.Protocol):
    def __init__(self, path: str) -> None:
        loop = asyncio.get_running_loop()
        self.settled: asyncio.Future[None] = loop.create_future()
        self.latencies_ns: list[int] = []
        self.answers: list[bytes] = []
        self._headers = _header_block(path)
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._out: list[bytes] = []
        self._calls: dict[int, _Call] = {}
        self._blocked: deque[int] = deque()
        self._waiting: deque[bytes] = deque()
        self._next_stream = 1
        self._window, self._stream_window = WINDOW, WINDOW
        self._done: asyncio.Future[None] = loop.create_future()

    async def send(self, messages: Sequence[bytes], in_flight: int) -> None:
        self._waiting.extend(messages)
        for _ in range(min(in_flight, len(messages))):
            self._begin_call()
        self._flush()
        await self._done

    # --- asyncio.Protocol --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        ours = struct.pack(">HIHI", HEADER_TABLE_SIZE, 0, INITIAL_WINDOW_SIZE, WIDE_WINDOW)
        self._out += [
            PREFACE,
            _frame(SETTINGS, 0, 0, ours),
            _frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WIDE_WINDOW)),
        ]
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.settled, self._done):
            if not future.done():
                future.set_exception(ConnectionError("the server closed the connection"))
                future.exception()  # whoever waits is told; nobody may be waiting

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        at = 0
        while len(received) - at >= 9:
            length = int.from_bytes(received[at : at + 3], "big")
            if len(received) - at < 9 + length:
                break
            kind, flags = received[at + 3], received[at + 4]
            stream = int.from_bytes(received[at + 5 : at + 9], "big") & 0x7FFF_FFFF
            self._heard(kind, flags, stream, received[at + 9 : at + 9 + length])
            at += 9 + length
        del received[:at]
        self._flush()

    # --- frames ------------------------------------------------------------------------------------------------------

    def _heard(self, kind: int, flags: int, stream: int, payload: bytearray) -> None:
        if kind == DATA:
            self._calls[stream].answer += payload
        elif kind == RST_STREAM:
            self._calls[stream].answer.clear()
            self._end_call(stream)
        elif kind == WINDOW_UPDATE:
            self._widen(stream, int.from_bytes(payload, "big"))
        elif kind == SETTINGS and not flags & ACK:
            self._settle(payload)
        elif kind == PING and not flags & ACK:
            self._out.append(_frame(PING, ACK, 0, bytes(payload)))
        elif kind == GOAWAY and self._transport:
            self._transport.close()
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self._end_call(stream)

    def _settle(self, payload: bytearray) -> None:
        for name, value in struct.iter_unpack(">HI", payload):
            if name == INITIAL_WINDOW_SIZE:
                for open_call in self._calls.values():
                    open_call.window += value - self._stream_window
                self._stream_window = value
        self._out.append(_frame(SETTINGS, ACK, 0))
        if not self.settled.done():
            self.settled.set_result(None)

    def _widen(self, stream: int, more: int) -> None:
        if stream == 0:
            self._window += more
        elif stream in self._calls:
            self._calls[stream].window += more
        for _ in range(len(self._blocked)):
            self._push(self._blocked.popleft())

    # --- calls -------------------------------------------------------------------------------------------------------

    def _begin_call(self) -> None:
        message, stream = self._waiting.popleft(), self._next_stream
        self._next_stream += 2
        body = b"\0" + len(message).to_bytes(4, "big") + message
        self._calls[stream] = _Call(monotonic_ns(), body, self._stream_window)
        self._out.append(_frame(HEADERS, END_HEADERS, stream, self._headers))
        self._push(stream)

    def _push(self, stream: int) -> None:
        """Send as much of the stream's request as both windows allow; what is left waits for wider ones."""
        under_way = self._calls.get(stream)
        while under_way and under_way.unsent:
            size = min(FRAME_MAX, len(under_way.unsent), under_way.window, self._window)
            if size <= 0:
                self._blocked.append(stream)
                return
            part, under_way.unsent = under_way.unsent[:size], under_way.unsent[size:]
            under_way.window -= size
            self._window -= size
            self._out.append(_frame(DATA, 0 if under_way.unsent else END_STREAM, stream, part))

    def _end_call(self, stream: int) -> None:
        ended = self._calls.pop(stream)
        self.latencies_ns.append(monotonic_ns() - ended.begun_ns)
        if ended.answer:
            self.answers.append(bytes(ended.answer[5:]))
        if self._waiting:
            self._begin_call()
        elif not self._calls and not self._done.done():
            self._done.set_result(None)

    def _flush(self) -> None:
        """All that one wake-up gave rise to in one write."""
        if self._out and self._transport:
            self._transport.write(b"".join(self._out))
            self._out.clear()


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def _header_block(path: str) -> bytes:
    """The request's headers, literal and never indexed (RFC 7541, 6.2.2): the same bytes for every call."""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "localhost",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    texts = (text.encode() for pair in headers.items() for text in pair)
    lengths_and_texts = [bytes([len(text)]) + text for text in texts]  # each shorter than 127
    return b"".join(b"\0" + n + v for n, v in zip(lengths_and_texts[::2], lengths_and_texts[1::2], strict=True))
