"""`docugen store gc`: what it says, what it refuses, and that a queue's specs are left alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from certificates import Authority
from cli_process import Ended
from docugen_core.adapters.local_store import LocalStore
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.adapters.store_layout import spec_digest_of
from docugen_core.domain.job import NewJob
from redis_servers import queue_name
from tls_redis import tls_redis

MONTH_S = 30 * 86_400
SPEC = b'{"schema":"docugen.bundle/v1"}'


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCUGEN_STORE_URL", f"file://{tmp_path}/store")
    return tmp_path / "store"


def aged(path: Path) -> Path:
    """The file, as if a month had passed since it was used."""
    then = path.stat().st_mtime - MONTH_S
    os.utime(path, (then, then))
    return path


def blob(root: Path, data: bytes) -> Path:
    sha256 = asyncio.run(LocalStore(root).put_blob(data))
    return root / "blobs" / sha256[:2] / sha256


def test_old_bytes_of_nobody_go_and_a_dry_run_only_says_so(docugen: Callable[..., Ended], root: Path) -> None:
    old, young = aged(blob(root, b"nobody's")), blob(root, b"of an attempt")

    dry = docugen("store", "gc", "--dry-run", "--json").json()
    assert (dry["dry_run"], dry["removed"]["blobs"]) == (True, {"count": 1, "size": 8})
    assert old.exists()

    text = docugen("store", "gc", "--older-than", "29d").out
    assert "blobs" in text
    assert (old.exists(), young.exists()) == (False, True)
    assert docugen("store", "gc", "--json").json()["removed"]["blobs"]["count"] == 0


@pytest.mark.parametrize("bound", ["1h", "23h", "0d", "soon", "7"])
def test_a_bound_that_an_attempt_may_outlast_is_wrong_usage(
    docugen: Callable[..., Ended], root: Path, bound: str
) -> None:
    old = aged(blob(root, b"nobody's"))
    assert docugen("store", "gc", "--older-than", bound).code == 2
    assert old.exists()


def test_a_spec_that_waits_for_a_worker_is_left_alone(
    docugen: Callable[..., Ended],
    root: Path,
    queue_url: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    name, digest = queue_name(request.node.nodeid), spec_digest_of(SPEC)
    monkeypatch.setenv("DOCUGEN_QUEUE_ENABLED", "true")
    monkeypatch.setenv("DOCUGEN_REDIS_URL", queue_url)
    monkeypatch.setenv("DOCUGEN_QUEUE_NAME", name)

    async def prepare() -> None:
        store = LocalStore(root)
        await store.put_spec(digest, SPEC)
        await store.put_spec(spec_digest_of(b"{}"), b"{}")
        async with RedisConnection(queue_url) as connection:
            await RedisQueue(connection, name).submit([NewJob("waits", digest, b"payload")])

    asyncio.run(prepare())
    for path in (root / "specs").iterdir():
        aged(path)

    assert docugen("store", "gc", "--json").json()["removed"]["specs"]["count"] == 1
    assert [path.stem for path in (root / "specs").iterdir()] == [digest]


def test_a_queue_behind_tls_is_asked_with_the_files_of_the_settings(
    docugen: Callable[..., Ended], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path / "authority")
    own = authority.issue("operator")
    with tls_redis(authority, authority.issue("redis"), ask_clients=True) as redis:
        for name, value in {
            "DOCUGEN_QUEUE_ENABLED": "true",
            "DOCUGEN_REDIS_URL": redis.url(),
            "DOCUGEN_REDIS_CA": authority.ca,
            "DOCUGEN_REDIS_CERT": own.cert,
            "DOCUGEN_REDIS_KEY": own.key,
        }.items():
            monkeypatch.setenv(name, value)
        blob(root, b"something")
        assert docugen("store", "gc", "--dry-run", "--json").json()["dry_run"]
