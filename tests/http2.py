"""As much HTTP/2 (RFC 9113) as a rude caller needs: frames by hand over a socket, headers without compression."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
MAX_CONCURRENT_STREAMS = 3
REFUSED_STREAM, ENHANCE_YOUR_CALM = 7, 11
BOUND_S = 30.0
"""What a server has not done by then it does not do: no test waits longer, and none asks how long it took."""


@dataclass(frozen=True, slots=True)
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes


class RudeCaller:
    """A connection on which everything may be sent."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), BOUND_S)

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def send_frame(self, kind: int, payload: bytes = b"", *, flags: int = 0, stream: int = 0) -> None:
        self.send(len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload)

    def begin(self) -> None:
        """What every connection begins with."""
        self.send(PREFACE)
        self.send_frame(SETTINGS)

    def call(self, method: str, stream: int, **headers: str) -> None:
        """The headers of a call; its request may follow, or not."""
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": method,
            ":authority": "localhost",
            "content-type": "application/grpc",
            "te": "trailers",
        } | headers
        block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields.items())
        self.send_frame(HEADERS, block, flags=END_HEADERS, stream=stream)

    def frames(self) -> Iterator[Frame]:
        """What the server sends, until it closes the connection. Fails when it does neither for BOUND_S."""
        while head := self._read(9):
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            payload = self._read(int.from_bytes(head[:3], "big"))
            if kind == SETTINGS and not flags & ACK:
                self._try_frame(SETTINGS, flags=ACK)
            if kind == PING and not flags & ACK:
                self._try_frame(PING, payload, flags=ACK)
            yield Frame(kind, flags, stream, payload)

    def first(self, kind: int) -> Frame:
        """The first frame of that kind. Fails if the connection ends before."""
        for frame in self.frames():
            if frame.kind == kind:
                return frame
        raise AssertionError(f"the server closed the connection without a frame of kind {kind}")

    def is_closed(self) -> bool:
        """Whether the server closes the connection; waits for it."""
        for _ in self.frames():
            pass
        return True

    def _try_frame(self, kind: int, payload: bytes = b"", *, flags: int = 0) -> None:
        with suppress(OSError):
            self.send_frame(kind, payload, flags=flags)

    def _read(self, size: int) -> bytes:
        """So many bytes; nothing at the end of the connection, however it ended."""
        data = b""
        while len(data) < size:
            try:
                more = self._socket.recv(size - len(data))
            except ConnectionError:
                return b""
            if not more:
                return b""
            data += more
        return data


@contextmanager
def rude_caller(address: str) -> Iterator[RudeCaller]:
    caller = RudeCaller(address)
    try:
        yield caller
    finally:
        caller.close()


def settings_of(frame: Frame) -> dict[int, int]:
    pairs = (frame.payload[at : at + 6] for at in range(0, len(frame.payload), 6))
    return dict(struct.unpack(">HI", pair) for pair in pairs)


def error_of(frame: Frame) -> int:
    """The error code of a GOAWAY or RST_STREAM."""
    return int.from_bytes(frame.payload[4:8] if frame.kind == GOAWAY else frame.payload[:4], "big")


def _text(text: str) -> bytes:
    raw = text.encode()
    if len(raw) < 127:
        return bytes([len(raw)]) + raw
    rest, length = len(raw) - 127, bytearray([127])
    while rest >= 128:
        length.append(rest % 128 + 128)
        rest //= 128
    length.append(rest)
    return bytes(length) + raw
