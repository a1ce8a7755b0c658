"""Commands and their replies over a connection of the library's pool, without the rest of its client.

The client of redis.asyncio (8.1) puts a repetition, measures and callbacks around each command, of which a script needs none,
and a pipeline does so again: where a worker was idle and its caches are cold that was a tenth of a millisecond between the
bytes of a job and its start. Connecting, TLS, passwords, time-outs and health checks are the connection's, and stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import ResponseError

from docugen_core.adapters.redis_clients import RedisClient


class Exchange:
    """Implements scripts.ScriptClient. A cluster's commands go through its client: which node has a slot is its to know."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def execute_command(self, *command: Any) -> Any:
        """The reply of one command. Raises what the library raises."""
        if isinstance(self._client, RedisCluster):
            return await self._client.execute_command(*command)
        (reply,) = await self.replies(command)
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    async def replies(self, *commands: Sequence[Any]) -> list[Any]:
        """The reply of each command, an error of the server's among them as a value; all are sent at once.

        Raises what the connection raises. It is closed then, and when this is cancelled: replies may be on their way.
        """
        if isinstance(self._client, RedisCluster):
            pipeline: Any = self._client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            return list(await pipeline.execute(raise_on_error=False))
        pool: Any = self._client.connection_pool
        connection = await pool.get_connection()
        try:
            await connection.send_packed_command(connection.pack_commands(commands))
            return [await _reply(connection) for _ in commands]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        finally:
            await pool.release(connection)


async def _reply(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
