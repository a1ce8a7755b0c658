"""One code path for every deployment: addresses, the check at start, and a real Sentinel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from docugen_core.adapters.embedded_redis import EmbeddedRedis, valkey_binary
from docugen_core.adapters.redis_address import RedisAddress
from docugen_core.adapters.redis_connection import RedisConnection, server_flaws
from docugen_core.adapters.redis_errors import is_demoted, is_passing, translated
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.domain.job import Verdict
from docugen_core.errors import ConfigurationError, DocugenError, Overloaded, Unavailable
from queue_world import QueueWorld, a_job
from redis import exceptions as library
from redis_servers import free_port, own_server, wait_until
from worker_world import until


@pytest.mark.parametrize(
    ("url", "public", "secret"),
    [
        ("redis://localhost", "redis://localhost:6379", (None, None)),
        ("redis://:p%40ss@cache:7000/3", "redis://cache:7000", (None, "p@ss")),
        ("rediss://ada:pw@cache:6380", "rediss://cache:6380", ("ada", "pw")),
        ("redis://[::1]:7000", "redis://::1:7000", (None, None)),
        ("unix:///run/redis.sock?db=2", "unix:///run/redis.sock", (None, None)),
        ("redis+sentinel://u:p@a,b:26380/mine/1", "redis+sentinel://a:26379,b:26380/mine", ("u", "p")),
        ("rediss+cluster://u:p@a:7000,b:7001", "rediss+cluster://a:7000,b:7001", ("u", "p")),
    ],
)
def test_an_address_is_read_and_shown_without_its_secrets(
    url: str, public: str, secret: tuple[str | None, str | None]
) -> None:
    address = RedisAddress.parse(url)
    assert address.public() == public
    assert (address.username, address.password) == secret


@pytest.mark.parametrize(
    "url",
    [
        "http://s3cret@localhost",
        "redis://:s3cret@",
        "redis://:s3cret@a,b",
        "redis://:s3cret@a:x",
        "redis://:s3cret@a/one",
        "redis://:s3cret@a/1/2",
        "redis+sentinel://:s3cret@a",
        "redis+cluster://:s3cret@a/1",
        "unix://s3cret",
        "",
    ],
)
def test_an_address_that_cannot_be_is_refused_without_showing_its_secret(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DOCUGEN_REDIS_URL") as raised:
        RedisAddress.parse(url)
    assert "s3cret" not in f"{raised.value}{raised.value.hint}"


def test_an_old_server_is_refused_even_when_volatile_ones_are_allowed() -> None:
    old = {"redis_version": "6.2.14", "maxmemory_policy": "noeviction", "aof_enabled": 1}
    assert server_flaws(old, allow_volatile=True) == [
        "its version is 6.2.14, DocuGen needs 7.0 or later: upgrade the server"
    ]
    assert server_flaws(old | {"redis_version": "7.0.0"}, allow_volatile=False) == []
    assert server_flaws(old | {"redis_version": "10.1.0"}, allow_volatile=False) == []


@pytest.mark.parametrize(
    ("error", "kind", "code", "passing"),
    [
        (library.ConnectionError("Error 111 connecting to 10.0.0.7:6379"), Unavailable, "QUEUE_UNAVAILABLE", True),
        (library.TimeoutError("Timeout reading from 10.0.0.7:6379"), Unavailable, "QUEUE_UNAVAILABLE", True),
        (TimeoutError(), Unavailable, "QUEUE_UNAVAILABLE", True),
        (library.BusyLoadingError("Redis is loading the dataset in memory"), Unavailable, "QUEUE_UNAVAILABLE", True),
        (library.MaxConnectionsError(), Unavailable, "QUEUE_UNAVAILABLE", True),
        (library.ReadOnlyError("You can't write against a read only replica."), Unavailable, "QUEUE_UNAVAILABLE", True),
        (library.ResponseError("NOREPLICAS Not enough good replicas"), Unavailable, "QUEUE_UNAVAILABLE", True),
        (library.ResponseError("UNBLOCKED the stream key no longer exists"), Unavailable, "QUEUE_UNAVAILABLE", True),
        (library.ResponseError("BUSY Redis is busy running a script"), Unavailable, "QUEUE_UNAVAILABLE", False),
        (library.ClusterDownError("CLUSTERDOWN The cluster is down"), Unavailable, "QUEUE_UNAVAILABLE", False),
        (library.ResponseError("MISCONF Errors writing to the AOF file"), Unavailable, "QUEUE_DISK_FULL", False),
        (library.OutOfMemoryError("command not allowed"), Overloaded, "QUEUE_MEMORY_FULL", False),
        (library.AuthenticationError("WRONGPASS"), ConfigurationError, "INVALID_CONFIGURATION", False),
        (library.NoPermissionError("User ada has no permissions"), ConfigurationError, "INVALID_CONFIGURATION", False),
        (library.ResponseError("ERR wrong number of arguments"), DocugenError, "QUEUE_PROTOCOL", False),
    ],
)
def test_every_error_of_the_library_has_a_name_of_ours_and_shows_no_address(
    error: Exception, kind: type[DocugenError], code: str, passing: bool
) -> None:
    ours = translated(error, "submit")
    assert (type(ours), ours.reason) == (kind, code)
    assert "10.0.0.7" not in f"{ours}{ours.hint}"
    assert is_passing(error) is passing
    assert is_demoted(error) is ("replica" in str(error) or "UNBLOCKED" in str(error))


async def test_a_server_of_each_kind_may_keep_a_queue(everywhere: QueueWorld) -> None:
    await everywhere.redis.check_server()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with RedisConnection(f"redis://127.0.0.1:{free_port()}") as redis:
        for step in (redis.check_server(), RedisQueue(redis, "q").stats(), redis.block("XREAD", "STREAMS", "s", "0")):
            with pytest.raises(Unavailable) as raised:
                await step
            assert raised.value.reason == "QUEUE_UNAVAILABLE"


@pytest.fixture
def sentinel_url() -> Iterator[str]:
    """A Sentinel that watches one server."""
    with TemporaryDirectory(prefix="dgs-") as folder, EmbeddedRedis(Path(folder) / "r", port=free_port()) as server:
        port, config = free_port(), Path(folder) / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor mine 127.0.0.1 {server.port} 1\n"
        )
        process = subprocess.Popen([valkey_binary(), config, "--sentinel"], stdout=subprocess.DEVNULL)
        try:
            yield f"redis+sentinel://127.0.0.1:{port}/mine"
        finally:
            process.kill()
            process.wait()


async def test_a_queue_is_found_through_a_sentinel(sentinel_url: str) -> None:
    async with RedisConnection(sentinel_url) as redis:

        async def found() -> bool:
            with suppress(Unavailable):
                await redis.check_server()
                return True
            return False

        await until("Sentinel names the server", found)
        assert (await RedisQueue(redis, "q").submit([a_job("r1")]))[0].verdict is Verdict.NEW
        assert await redis.block("XREAD", "COUNT", 1, "STREAMS", "{q}:jobs:normal", "0")


# --- the embedded server --------------------------------------------------------------------------------------------------


async def test_an_embedded_server_keeps_its_data_from_one_start_to_the_next(tmp_path: Path) -> None:
    for expected in (Verdict.NEW, Verdict.SAME):
        async with EmbeddedRedis(tmp_path) as server, RedisConnection(server.url) as redis:
            await redis.check_server()
            assert (await RedisQueue(redis, "q").submit([a_job("r1")]))[0].verdict is expected


def test_an_embedded_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(Unavailable, match="no-such-policy"),
        EmbeddedRedis(tmp_path, settings={"maxmemory-policy": "no-such-policy"}),
    ):
        pass
    with pytest.raises(ConfigurationError, match="too long a path"):
        EmbeddedRedis(tmp_path / ("x" * 100)).start()
    with pytest.raises(Unavailable, match="not running"):
        _ = EmbeddedRedis(tmp_path).process_id


def test_an_embedded_server_can_be_stopped_twice_and_even_when_it_is_frozen() -> None:
    with own_server() as server:
        os.kill(server.process_id, signal.SIGSTOP)
        server.stop()
        server.stop()


def test_an_embedded_server_never_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from docugen_core.adapters.embedded_redis import EmbeddedRedis\n"
        "server = EmbeddedRedis(Path(sys.argv[1])); server.start(); server.wait_ready()\n"
        "print(server.process_id, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        server = int(parent.stdout.readline())
    assert _is_running(server)
    parent.kill()
    parent.wait()
    wait_until("the server died with its parent", lambda: not _is_running(server))


def _is_running(process_id: int) -> bool:
    """Neither gone nor a zombie that waits for its parent."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
