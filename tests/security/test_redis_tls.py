"""A Redis behind TLS: trusted by its CA and its name, shown a certificate where it asks for one, told apart from an outage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import Authority
from cli_process import ROOT
from docugen.v1 import bundle_run_pb2
from docugen_core.adapters.redis_clients import RedisTls
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.adapters.redis_roles import ROLES
from docugen_core.config import Settings
from docugen_core.domain.job import NewJob, Verdict
from docugen_core.errors import ConfigurationError, Unavailable
from fakes import ScriptedRenderer
from queue_scheduler import queue_scheduler
from scheduler_server import create, note
from tls_redis import TlsRedis, tls_redis


@pytest.fixture
def redis(authority: Authority) -> Iterator[TlsRedis]:
    with tls_redis(authority, authority.issue("redis")) as server:
        yield server


async def verdict(url: str, tls: RedisTls) -> Verdict:
    async with RedisConnection(url, tls) as connection:
        await connection.check_server(allow_volatile=True)
        assert not await connection.block("XREAD", "BLOCK", 10, "STREAMS", "{q}:none", "0")
        return (await RedisQueue(connection, "q").submit([NewJob("run-1", "digest", b"job")]))[0].verdict


async def test_a_queue_works_over_tls(redis: TlsRedis, authority: Authority) -> None:
    tls = RedisTls(ca=authority.ca)
    assert await verdict(redis.url(), tls) is Verdict.NEW
    assert await verdict(redis.url(host="localhost"), tls) is Verdict.SAME


async def test_a_server_that_is_not_trusted_is_a_wrong_setting_and_no_outage(
    redis: TlsRedis, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger")
    for tls in (RedisTls(ca=stranger.ca), RedisTls()):
        with pytest.raises(ConfigurationError, match="is not trusted") as refused:
            await verdict(redis.url(), tls)
        assert "DOCUGEN_REDIS_CA" in refused.value.hint
    with (
        tls_redis(authority, authority.issue("other", host="redis.example")) as elsewhere,
        pytest.raises(ConfigurationError, match="for another name"),
    ):
        await verdict(elsewhere.url(), RedisTls(ca=authority.ca))


async def test_a_server_that_asks_for_a_certificate_lets_in_those_who_have_one(
    authority: Authority, tmp_path: Path
) -> None:
    own, foreign = authority.issue("worker"), Authority(tmp_path / "stranger").issue("worker")
    with tls_redis(authority, authority.issue("redis"), ask_clients=True) as redis:
        assert await verdict(redis.url(), RedisTls(authority.ca, own.cert, own.key)) is Verdict.NEW
        for tls in (RedisTls(authority.ca), RedisTls(authority.ca, foreign.cert, foreign.key)):
            with pytest.raises(Unavailable):
                await verdict(redis.url(), tls)


async def test_without_tls_nothing_is_said_to_a_server_that_speaks_it(redis: TlsRedis) -> None:
    with pytest.raises(Unavailable):
        await verdict(redis.url().replace("rediss", "redis"), RedisTls())


def test_files_that_cannot_be_used_are_named_at_the_start(authority: Authority, tmp_path: Path) -> None:
    good, other = authority.issue("good"), authority.issue("other")
    empty = tmp_path / "empty.pem"
    empty.touch()
    for tls, setting in (
        (RedisTls(ca=str(tmp_path / "missing")), "DOCUGEN_REDIS_CA"),
        (RedisTls(ca=str(empty)), "DOCUGEN_REDIS_CA"),
        (RedisTls(cert=good.cert, key=other.key), "DOCUGEN_REDIS_CERT"),
        (RedisTls(cert=good.cert, key=str(tmp_path / "missing")), "DOCUGEN_REDIS_KEY"),
    ):
        with pytest.raises(ConfigurationError, match=setting):
            RedisConnection("rediss://localhost", tls)
        RedisConnection("redis://localhost", tls)


async def test_scheduler_and_worker_with_users_of_their_own_work_over_mutual_tls(
    authority: Authority, tmp_path: Path, renderer: ScriptedRenderer
) -> None:
    """The shipped ACL, TLS both ways, and a password from nowhere but the URL: what production is told to have."""
    users = tmp_path / "users.acl"
    shipped = (ROOT / "deploy" / "redis" / "users.acl").read_text()
    users.write_text(shipped.replace("#" + "0" * 64, "#" + hashlib.sha256(b"pw").hexdigest()))
    own = authority.issue("services")
    files = {"redis_ca": authority.ca, "redis_cert": own.cert, "redis_key": own.key}
    queue = Settings().queue_name
    with tls_redis(authority, authority.issue("redis"), ask_clients=True, aclfile=str(users)) as redis:
        urls = {role: redis.url(f"docugen-{role}:pw@") for role in ROLES}
        async with queue_scheduler(
            tmp_path / "house", urls["scheduler"], queue, queue_allow_volatile=False, **files
        ) as scheduler:
            assert await scheduler.health("readiness") == "SERVING"
            run = (await scheduler.runs.CreateBundleRun(create(note("a")))).bundle_run
            async with scheduler.worker(renderer, redis_url=urls["worker"]):
                done = await scheduler.finished(run.bundle_run_id)
            assert done.state == bundle_run_pb2.BundleRun.STATE_SUCCEEDED
        with pytest.raises(ConfigurationError, match="user or password is wrong"):
            await verdict(redis.url("docugen-worker:wrong@"), RedisTls(authority.ca, own.cert, own.key))
