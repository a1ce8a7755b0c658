"""Bearer tokens: one table says which role a method needs, and nobody gets in without one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from docugen.client import Access, DocugenClient, Refused
from docugen.v1 import bundle_run_service_pb2 as runs
from docugen_core.adapters import token_file
from docugen_core.adapters.token_file import TokenEntry, TokenFile, new_token, token_digest
from docugen_core.domain.tenant import Caller, Role
from docugen_core.errors import ConfigurationError, NotAuthenticated
from docugen_scheduler.app import SERVICES
from docugen_scheduler.authorisation import METHOD_ROLES, OPEN_SERVICES
from fakes import ScriptedRenderer
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from scheduler_server import Scheduler, create, note_settings, real_scheduler, reason, scripted_core
from token_holders import ALL, Tokens

METHODS = [method for name in SERVICES for method in descriptor_pool.Default().FindServiceByName(name).methods]
TOKEN = new_token()
DOCUMENT = {"name": "note.txt", "format": "txt", "template": "note/note"}


@dataclass(frozen=True, slots=True)
class Guarded:
    """A scheduler that asks for tokens, and its file of them."""

    scheduler: Scheduler
    tokens: Tokens

    async def status(self, method: str, token: str | None, request: bytes = b"") -> tuple[grpc.StatusCode, str]:
        """Status and reason that a method answers to a request."""
        metadata = () if token is None else (("authorization", token),)
        call: Any = self.scheduler.channel.unary_stream(method)
        try:
            async for _ in call(request, metadata=metadata, timeout=60):
                pass
        except grpc.aio.AioRpcError as error:
            return error.code(), reason(error)
        return grpc.StatusCode.OK, ""


@pytest.fixture
async def guarded(tmp_path: Path, renderer: ScriptedRenderer) -> AsyncIterator[Guarded]:
    tokens = Tokens.new(tmp_path / "tokens.toml")
    tokens.add("nobody", Role.READ)
    async with guarded_by(tmp_path, renderer, tokens) as server:
        yield server


@asynccontextmanager
async def guarded_by(folder: Path, renderer: ScriptedRenderer, tokens: Tokens) -> AsyncIterator[Guarded]:
    settings = note_settings(folder, auth_tokens_file=str(tokens.file))
    async with scripted_core(settings, renderer) as core, real_scheduler(settings, core) as scheduler:
        yield Guarded(scheduler, tokens)


# --- the table ----------------------------------------------------------------------------------------------------------


def test_every_method_of_every_service_has_a_row_and_no_row_is_left_over() -> None:
    served = {f"/{method.containing_service.full_name}/{method.name}" for method in METHODS}
    asked = {path for path in served if not path.startswith(OPEN_SERVICES)}
    assert set(METHOD_ROLES) == asked


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed file is seen by the next call, and not within a second."""
    monkeypatch.setattr(token_file, "LOOK_EVERY_S", 0.0)


@pytest.mark.usefixtures("at_once")
async def test_a_method_is_open_to_its_role_and_to_no_other(guarded: Guarded) -> None:
    tokens = {role: f"Bearer {guarded.tokens.add('acme', role)}" for role in ALL}
    for path, needed in METHOD_ROLES.items():
        for role, token in tokens.items():
            code, why = await guarded.status(path, token)
            denied = (code, why) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_MISSING")
            assert denied is (role is not needed), f"{path} by {role}: {code.name} {why}"


async def test_without_a_token_every_method_is_closed(guarded: Guarded) -> None:
    for path in METHOD_ROLES:
        assert await guarded.status(path, None) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")


@pytest.mark.parametrize(
    ("authorization", "why"),
    [
        ("", "TOKEN_MISSING"),
        ("Bearer", "TOKEN_MISSING"),
        ("Basic YTpi", "TOKEN_MISSING"),
        ("Bearer ", "TOKEN_UNKNOWN"),
        ("Bearer dgt_wrong", "TOKEN_UNKNOWN"),
        ("bearer " + "x" * 4_000, "TOKEN_UNKNOWN"),
    ],
)
async def test_what_is_no_good_token_is_told_apart(guarded: Guarded, authorization: str, why: str) -> None:
    path = "/docugen.v1.BundleRunService/GetCapabilities"
    assert await guarded.status(path, authorization) == (grpc.StatusCode.UNAUTHENTICATED, why)


async def test_two_authorizations_are_none(guarded: Guarded) -> None:
    good = guarded.tokens.add("acme", *ALL)  # whether it is known by now makes no difference
    metadata = (("authorization", f"Bearer {good}"), ("authorization", "Bearer other"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await guarded.scheduler.runs.GetCapabilities(runs.GetCapabilitiesRequest(), metadata=metadata)
    assert reason(refused.value) == "TOKEN_MISSING"


async def test_a_request_of_a_stranger_is_not_even_decoded(guarded: Guarded) -> None:
    malformed = b"\xff" * 100
    path = "/docugen.v1.BundleRunService/CreateBundleRun"
    assert (await guarded.status(path, None, malformed))[1] == "TOKEN_MISSING"


async def test_health_needs_no_token(guarded: Guarded) -> None:
    health = health_pb2_grpc.HealthStub(guarded.scheduler.channel)
    for service in ("", "liveness", "readiness"):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_without_a_file_of_tokens_everybody_may_do_everything(tmp_path: Path, renderer: ScriptedRenderer) -> None:
    settings = note_settings(tmp_path)
    async with scripted_core(settings, renderer) as core, real_scheduler(settings, core) as scheduler:
        assert (await scheduler.runs.CreateBundleRun(create())).bundle_run.name


# --- the file -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
async def test_a_token_holds_from_the_moment_it_is_in_the_file_until_it_is_taken_out(guarded: Guarded) -> None:
    before = guarded.tokens.file.read_text()
    token = guarded.tokens.add("acme", Role.READ)
    path = "/docugen.v1.BundleRunService/GetCapabilities"
    assert (await guarded.status(path, f"Bearer {token}"))[0] is grpc.StatusCode.OK
    guarded.tokens.file.write_text("not = [toml")
    assert (await guarded.status(path, f"Bearer {token}"))[0] is grpc.StatusCode.OK, "a bad file changes nothing"
    guarded.tokens.file.write_text(before)
    assert await guarded.status(path, f"Bearer {token}") == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_UNKNOWN")


def test_a_token_that_expired_is_told_so(tmp_path: Path) -> None:
    tokens = Tokens.new(tmp_path / "tokens.toml")
    token = tokens.add("acme", Role.READ, expires_ms=1_800_000_000_000)
    assert TokenFile(str(tokens.file), lambda: 1_799_999_999_999).caller(token).tenant == "acme"
    with pytest.raises(NotAuthenticated) as refused:
        TokenFile(str(tokens.file), lambda: 1_800_000_000_000).caller(token)
    assert refused.value.reason == "TOKEN_EXPIRED"


def test_the_file_holds_no_token(tmp_path: Path) -> None:
    tokens = Tokens.new(tmp_path / "tokens.toml")
    token = tokens.add("acme", Role.READ)
    text = tokens.file.read_text()
    assert token not in text
    assert token.removeprefix("dgt_") not in text
    assert hashlib.sha256(token.encode()).hexdigest() in text


def test_tokens_are_long_and_never_the_same() -> None:
    made = {new_token() for _ in range(1_000)}
    assert len(made) == 1_000
    assert {len(token) for token in made} == {4 + 43}


def test_every_digest_is_compared_in_constant_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens.new(tmp_path / "tokens.toml")
    first, last = tokens.add("acme", Role.READ), [tokens.add("acme", Role.READ) for _ in range(9)][-1]
    found = TokenFile(str(tokens.file), lambda: 0)
    compare, compared = hmac.compare_digest, list[bytes]()

    def counting(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    for token in (first, last):
        compared.clear()
        found.caller(token)
        assert len(compared) == 10


ENTRY = TokenEntry(token_digest("x"), Caller("acme", frozenset({Role.READ}), "one")).to_toml()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least one"),
        ("[[token]", "is not TOML"),
        ("tokens = []\n" + ENTRY, "and nothing else"),
        (ENTRY.replace("acme", "ACME"), "token 1: tenant must be"),
        (ENTRY.replace('"read"', '"write"'), "token 1: roles must be a list of submit, read, operate"),
        (ENTRY.replace('["read"]', "[]"), "token 1: roles must be"),
        (ENTRY.replace("sha256", "token"), "never the token itself"),
        (ENTRY + "expires = 2027-01-01\n", "token 1: expires must be a time with its zone"),
        (ENTRY + ENTRY, "two tokens have the name 'one'"),
        (ENTRY + 'role = "read"\n', "there is no field 'role'"),
    ],
)
def test_a_file_that_says_something_else_ends_the_start(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "tokens.toml"
    file.touch(0o600)
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="DOCUGEN_AUTH_TOKENS_FILE") as refused:
        TokenFile(str(file), lambda: 0)
    assert said in refused.value.message


@pytest.mark.parametrize("mode", [0o644, 0o602, 0o660])
def test_a_file_that_others_read_or_its_group_writes_ends_the_start(tmp_path: Path, mode: int) -> None:
    tokens = Tokens.new(tmp_path / "tokens.toml")
    tokens.add("acme", Role.READ)
    tokens.file.chmod(mode)
    with pytest.raises(ConfigurationError, match="others may read or change it") as refused:
        TokenFile(str(tokens.file), lambda: 0)
    assert "chmod 600" in refused.value.hint


# --- the client ---------------------------------------------------------------------------------------------------------


async def test_a_token_never_goes_over_a_network_in_clear_text() -> None:
    for address in ("192.0.2.1:50051", "scheduler:50051"):
        with pytest.raises(Refused) as refused:
            async with DocugenClient(address, access=Access(token=TOKEN)):
                pass
        assert refused.value.reason == "TOKEN_WITHOUT_TLS"
        assert "DOCUGEN_CA_FILE" in refused.value.hint
    async with DocugenClient("192.0.2.1:50051", access=Access(token=TOKEN, insecure=True)):
        pass


async def test_a_token_that_cannot_be_one_is_refused_before_it_is_sent() -> None:
    for token in ("two words", "line\nbreak", "ü"):
        with pytest.raises(Refused) as refused:
            async with DocugenClient("127.0.0.1:1", access=Access(token=token)):
                pass
        assert refused.value.reason == "TOKEN_MALFORMED"
        assert token not in f"{refused.value}"


def test_a_token_is_not_shown_by_what_holds_it() -> None:
    assert TOKEN not in repr(Access(token=TOKEN))


@pytest.mark.usefixtures("at_once")
async def test_every_call_of_the_client_shows_the_token(guarded: Guarded) -> None:
    token = guarded.tokens.add("acme", *ALL)
    async with DocugenClient(guarded.scheduler.address, access=Access(token=token)) as client:
        run = await client.submit({"documents": [DOCUMENT], "data": {"text": "x"}}, wait=True)
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: client.get(run),
            lambda: client.manifest(run),
            lambda: client.verify(run),
            lambda: client.templates(),
            lambda: client.capabilities(),
        ]
        for call in calls:
            assert await call()
        assert [r.id async for r in client.list()] == [run.id]
        assert [r.id async for r in client.watch(run)] == [run.id]
        with pytest.raises(Refused) as refused:
            await client.queue.stats()
        assert refused.value.reason == "QUEUE_DISABLED"
