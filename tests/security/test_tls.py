"""TLS and mutual TLS on the scheduler: who gets in, what is refused at the start, and certificates that change."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, Pair
from docugen.client import Access, DocugenClient, Refused, TryAgain
from docugen_core.adapters.server_tls import ServerTls
from docugen_core.adapters.system_clock import SystemClock
from docugen_core.config import Settings
from docugen_core.errors import ConfigurationError
from docugen_scheduler.app import running_server
from docugen_worker.app import running_worker
from fakes import ScriptedRenderer
from scheduler_server import note_settings, scripted_core

NOTE = {"documents": [{"name": "note.txt", "format": "txt", "template": "note/note"}], "data": {"text": "hello"}}


@asynccontextmanager
async def tls_server(folder: Path, pair: Pair, **changes: Any) -> AsyncIterator[str]:
    """The address of a scheduler that speaks TLS with `pair`."""
    settings = note_settings(folder, tls_cert=pair.cert, tls_key=pair.key, **changes)
    async with scripted_core(settings, ScriptedRenderer()) as core, running_server(settings, core=core) as served:
        yield served.address


async def version(address: str, access: Access) -> str:
    """What the server answers. A connection that is refused is an error long before the time is over."""
    async with DocugenClient(address, access=access, timeout=60) as client:
        return (await client.capabilities()).version


async def test_a_client_that_trusts_the_ca_submits_and_downloads(tmp_path: Path, authority: Authority) -> None:
    async with (
        tls_server(tmp_path, authority.issue("server")) as address,
        DocugenClient(address, access=Access(ca=authority.ca)) as client,
    ):
        run = await client.submit(NOTE, wait=True)
        assert (await client.download(run, tmp_path / "out")).written == ("note.txt",)


async def test_a_client_that_does_not_trust_the_ca_or_the_name_is_told_what_to_do(
    tmp_path: Path, authority: Authority
) -> None:
    stranger = Authority(tmp_path / "stranger")
    async with tls_server(tmp_path, authority.issue("server")) as address:
        with pytest.raises(Refused) as refused:
            await version(address, Access(ca=stranger.ca))
        assert refused.value.reason == "SERVER_NOT_TRUSTED"
        assert "DOCUGEN_CA_FILE" in refused.value.hint
    async with tls_server(tmp_path, authority.issue("elsewhere", host="docugen.example")) as address:
        with pytest.raises(Refused) as refused:
            await version(address, Access(ca=authority.ca))
        assert refused.value.reason == "SERVER_NOT_TRUSTED"
        assert "DOCUGEN_SERVER_NAME" in refused.value.hint
        assert await version(address, Access(ca=authority.ca, server_name="docugen.example"))


async def test_a_client_without_tls_gets_nothing(tmp_path: Path, authority: Authority) -> None:
    async with tls_server(tmp_path, authority.issue("server")) as address:
        with pytest.raises(TryAgain) as refused:
            await version(address, Access())
        assert "DOCUGEN_CA_FILE" in refused.value.hint


async def test_with_mutual_tls_only_a_certificate_of_the_callers_ca_gets_in(
    tmp_path: Path, authority: Authority
) -> None:
    callers = Authority(tmp_path / "callers", "callers-ca")
    async with tls_server(tmp_path, authority.issue("server"), tls_client_ca=callers.ca) as address:
        good, wrong = callers.issue("billing"), authority.issue("not-a-caller")
        assert await version(address, Access(ca=authority.ca, cert=good.cert, key=good.key))
        for access in (Access(ca=authority.ca), Access(ca=authority.ca, cert=wrong.cert, key=wrong.key)):
            with pytest.raises(TryAgain) as refused:
                await version(address, access)
            assert "DOCUGEN_CLIENT_CERT" in refused.value.hint
        expired = callers.issue("expired", days=(-3, -1))
        with pytest.raises(TryAgain):
            await version(address, Access(ca=authority.ca, cert=expired.cert, key=expired.key))


async def test_new_certificates_hold_for_new_connections_without_a_restart(
    tmp_path: Path, authority: Authority
) -> None:
    successor = Authority(tmp_path / "successor", "successor-ca")
    pair = authority.issue("server")
    async with tls_server(tmp_path, pair) as address:
        assert await version(address, Access(ca=authority.ca))
        shutil.copy(pair.key, pair.cert)  # no certificate
        assert await version(address, Access(ca=authority.ca)), "a bad file must not stop what worked"
        renewed = successor.issue("server")
        shutil.copy(renewed.key, pair.key)
        shutil.copy(renewed.cert, pair.cert)
        assert await version(address, Access(ca=successor.ca))
        with pytest.raises(Refused):
            await version(address, Access(ca=authority.ca))


# --- what is refused at the start -------------------------------------------------------------------------------------


def refused_files(cert: str, key: str, client_ca: str = "") -> str:
    with pytest.raises(ConfigurationError) as refused:
        ServerTls(cert, key, client_ca, SystemClock().now_ms)
    assert refused.value.hint
    return refused.value.message


def test_files_that_cannot_serve_are_named_with_what_is_wrong(tmp_path: Path, authority: Authority) -> None:
    good, other = authority.issue("good"), authority.issue("other")
    expired, early = authority.issue("expired", days=(-9, -1)), authority.issue("early", days=(1, 9))
    nothing = tmp_path / "nothing.pem"
    nothing.touch(0o600)
    assert "DOCUGEN_TLS_CERT" in refused_files(str(tmp_path / "missing.pem"), good.key)
    assert "No such file" in refused_files(str(tmp_path / "missing.pem"), good.key)
    assert "holds no certificate" in refused_files(str(nothing), good.key)
    assert "holds no unencrypted private key" in refused_files(good.cert, str(nothing))
    assert "is not the key of the first certificate" in refused_files(good.cert, other.key)
    assert "expired on" in refused_files(expired.cert, expired.key)
    assert "not valid before" in refused_files(early.cert, early.key)
    assert "DOCUGEN_TLS_CLIENT_CA" in refused_files(good.cert, good.key, str(nothing))
    assert "expired on" in refused_files(good.cert, good.key, expired.cert)
    assert "is no file" in refused_files(good.cert, str(tmp_path))


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o620])
def test_a_key_that_others_may_read_or_its_group_may_change_is_refused(authority: Authority, mode: int) -> None:
    pair = authority.issue("server")
    Path(pair.key).chmod(mode)
    assert f"{mode:04o}" in refused_files(pair.cert, pair.key)
    Path(pair.key).chmod(0o640)
    ServerTls(pair.cert, pair.key, "", SystemClock().now_ms)


async def test_an_address_that_others_reach_needs_tls_or_the_word_that_it_does_not(
    tmp_path: Path, authority: Authority
) -> None:
    pair = authority.issue("server")
    open_to_all = note_settings(tmp_path, grpc_address="0.0.0.0:0")
    async with scripted_core(open_to_all, ScriptedRenderer()) as core:
        with pytest.raises(ConfigurationError, match="DOCUGEN_GRPC_ADDRESS"):
            async with running_server(open_to_all, core=core):
                pass
        async with running_server(replace(open_to_all, tls_cert=pair.cert, tls_key=pair.key), core=core) as served:
            assert await version(f"127.0.0.1:{served.port}", Access(ca=authority.ca))


@pytest.mark.parametrize("setting", ["metrics_address", "worker_metrics_address", "worker_grpc_address"])
async def test_tls_of_the_scheduler_does_not_open_the_other_listeners(
    tmp_path: Path, authority: Authority, setting: str
) -> None:
    """Health of workers and metrics are plain text: on another address than loopback they ask for DOCUGEN_INSECURE."""
    pair = authority.issue("server")
    wanted = {"tls_cert": pair.cert, "tls_key": pair.key, "worker_grpc_address": "127.0.0.1:0", setting: "0.0.0.0:0"}
    settings = note_settings(tmp_path, queue_enabled=True, **wanted)
    running = running_worker(settings) if setting.startswith("worker") else running_server(settings)
    with pytest.raises(ConfigurationError, match=f"DOCUGEN_{setting.upper()}"):
        async with running:
            pass


def test_without_tls_settings_there_is_no_tls() -> None:
    assert ServerTls.of(Settings(), SystemClock().now_ms) is None
