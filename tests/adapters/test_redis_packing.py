"""What hiredis writes is what redis-py writes, byte for byte."""

from __future__ import annotations

import pytest
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_packing import SocketConnection, TcpConnection, TlsConnection
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.asyncio.connection import Connection

arguments = st.lists(
    st.one_of(st.text(), st.binary(max_size=20_000), st.integers(), st.floats(allow_nan=False)), max_size=20
)


@given(st.sampled_from(["EVALSHA", "CONFIG GET", b"XADD", b"CLIENT SETINFO"]), arguments)
def test_a_command_is_packed_to_the_bytes_of_the_library(
    name: str | bytes, rest: list[str | bytes | int | float]
) -> None:
    ours, theirs = TcpConnection(), Connection()
    assert b"".join(ours.pack_command(name, *rest)) == b"".join(theirs.pack_command(name, *rest))
    assert b"".join(ours.pack_commands([(name, *rest)] * 3)) == b"".join(theirs.pack_commands([(name, *rest)] * 3))


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://localhost", TcpConnection),
        ("rediss://localhost", TlsConnection),
        ("unix:///run/redis.sock", SocketConnection),
    ],
)
async def test_every_connection_to_one_server_packs_that_way(url: str, kind: type[Connection]) -> None:
    async with RedisConnection(url) as connection:
        for client in (connection.commands, connection.doorbell):
            assert isinstance(client, Redis)
            assert client.connection_pool.connection_class is kind
