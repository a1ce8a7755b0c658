"""As it is run: a scheduler process with TLS both ways and tokens, commands that get in and commands that are told why not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from certificates import Authority
from cli_process import NOTE, Ended, environment, process
from docugen_core.adapters.token_file import new_token
from scheduler_server import note_settings

SCHEDULER = [sys.executable, "-m", "docugen_scheduler"]


@dataclass(frozen=True, slots=True)
class Fortress:
    """A scheduler that asks for everything. files: settings that a caller with a certificate of its own has."""

    address: str
    folder: Path
    tokens: Path
    files: dict[str, str]
    log: Path

    def command(self, *arguments: str, **env: str) -> Ended:
        return process(*arguments, "--server", self.address, cwd=self.folder, **(self.files | env))


@pytest.fixture(scope="module")
def fortress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fortress]:
    folder = tmp_path_factory.mktemp("fortress")
    authority, settings = Authority(folder / "ca"), note_settings(folder)
    server, caller = authority.issue("server"), authority.issue("caller")
    tokens = folder / "tokens.toml"
    made = process("tokens", "new", "--tenant", "acme", "--role", "read", "--file", str(tokens), "--json", cwd=folder)
    assert made.code == 0, made.err
    env = environment() | {
        "DOCUGEN_STORE_URL": settings.store_url,
        "DOCUGEN_TEMPLATE_PATH": settings.template_path,
        "DOCUGEN_GRPC_ADDRESS": "0.0.0.0:0",
        "DOCUGEN_METRICS_ADDRESS": "",
        "DOCUGEN_RENDER_PROCESSES": "1",
        "DOCUGEN_TLS_CERT": server.cert,
        "DOCUGEN_TLS_KEY": server.key,
        "DOCUGEN_TLS_CLIENT_CA": authority.ca,
        "DOCUGEN_AUTH_TOKENS_FILE": str(tokens),
        "DOCUGEN_LOG_LEVEL": "debug",
        "DOCUGEN_LOG_FORMAT": "json",
    }
    files = {
        "DOCUGEN_CA_FILE": authority.ca,
        "DOCUGEN_CLIENT_CERT": caller.cert,
        "DOCUGEN_CLIENT_KEY": caller.key,
    }
    (folder / "note.json").write_text(json.dumps(NOTE))
    log = folder / "log.jsonl"
    with (
        log.open("wb") as written,
        subprocess.Popen(SCHEDULER, env=env, stdout=subprocess.PIPE, stderr=written, text=True) as scheduler,
    ):
        assert scheduler.stdout is not None
        line = scheduler.stdout.readline()
        assert line, log.read_text()
        port = json.loads(line)["address"].rpartition(":")[2]
        yield Fortress(f"127.0.0.1:{port}", folder, tokens, files, log)
        scheduler.terminate()
        assert scheduler.wait(60) == 0


def token(fortress: Fortress, *roles: str, name: str) -> Path:
    """A file with a new token, which the server knows from the next second on."""
    words = [word for role in roles for word in ("--role", role)]
    made = process(
        *(
            "tokens",
            "new",
            "--tenant",
            "ops" if "operate" in roles else "acme",
            "--name",
            name,
            "--file",
            str(fortress.tokens),
            "--json",
            *words,
        ),
        cwd=fortress.folder,
    )
    file = fortress.folder / f"{name}.token"
    file.write_text(made.json()["token"] + "\n")
    return file


@pytest.mark.slow
def test_a_command_with_certificate_and_token_submits_and_fetches(fortress: Fortress) -> None:
    file = token(fortress, "submit", "read", name="billing")
    wanted = ("submit", "note.json", "--download", "fetched", "--json", "--quiet")
    for _ in range(20):  # a token holds from the next second on
        ended = fortress.command(*wanted, DOCUGEN_TOKEN_FILE=str(file))
        if ended.code == 0:
            break
    assert ended.code == 0, ended.err
    run = ended.json()["bundle_run"]["id"]
    assert run in fortress.command("runs", "ls", "--token-file", str(file)).out
    operator = token(fortress, "operate", "read", name="on-call")
    for _ in range(20):
        verified = fortress.command("verify", f"acme~{run}", "--token-file", str(operator))
        if verified.code == 0:
            break
    assert verified.code == 0, verified.err
    assert "hello" in (fortress.folder / "fetched" / "note.txt").read_text()
    secret = file.read_text().strip()
    log = fortress.log.read_text()
    assert '"tenant": "acme"' in log
    assert '"caller": "billing"' in log
    assert secret not in log
    assert secret.removeprefix("dgt_") not in log


@pytest.mark.slow
def test_a_command_that_lacks_something_is_told_what(fortress: Fortress) -> None:
    nothing = process("runs", "ls", "--server", fortress.address, "--json", cwd=fortress.folder)
    assert "DOCUGEN_CA_FILE" in nothing.error()["hint"]
    no_certificate = process(
        *("runs", "ls", "--server", fortress.address, "--json", "--ca-file", fortress.files["DOCUGEN_CA_FILE"]),
        cwd=fortress.folder,
    )
    assert "DOCUGEN_CLIENT_CERT" in no_certificate.error()["hint"]
    no_token = fortress.command("runs", "ls", "--json")
    assert (no_token.error()["reason"], no_token.code) == ("TOKEN_MISSING", 1)
    assert "DOCUGEN_TOKEN_FILE" in no_token.error()["hint"]
    wrong = fortress.command("runs", "ls", "--json", DOCUGEN_TOKEN=new_token())
    assert wrong.error()["reason"] == "TOKEN_UNKNOWN"
    missing = fortress.command("runs", "ls", "--json", "--token-file", "nowhere")
    assert (missing.error()["reason"], missing.code) == ("FILE_NOT_USABLE", 2)


@pytest.mark.slow
def test_the_probe_of_a_container_needs_a_certificate_and_no_token(fortress: Fortress) -> None:
    def probe(**env: str) -> int:
        command = [sys.executable, "-m", "docugen_scheduler.probe", fortress.address, "readiness"]
        return subprocess.run(command, env=environment() | env, capture_output=True, check=False, timeout=60).returncode

    assert probe(**fortress.files) == 0
    assert probe() == 1
    assert probe(DOCUGEN_CA_FILE="nowhere") == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"DOCUGEN_TLS_CERT": "missing.pem", "DOCUGEN_TLS_KEY": "missing.key"}, "No such file or directory"),
        ({"DOCUGEN_TLS_CERT": "missing.pem"}, "set both or neither"),
        ({"DOCUGEN_AUTH_TOKENS_FILE": "missing.toml"}, "No such file or directory"),
        ({"DOCUGEN_REDIS_URL_FILE": "missing"}, "No such file or directory"),
    ],
)
def test_files_that_are_not_there_end_the_start_with_78(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    ours = note_settings(tmp_path)
    env = {"DOCUGEN_STORE_URL": ours.store_url, "DOCUGEN_GRPC_ADDRESS": "127.0.0.1:0", "DOCUGEN_METRICS_ADDRESS": ""}
    ended = subprocess.run(
        SCHEDULER, env=environment() | env | settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 78
    assert next(iter(settings)) in ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_new_token_is_shown_once_and_its_file_is_its_owners(tmp_path: Path) -> None:
    words = ("tokens", "new", "--tenant", "acme", "--role", "submit", "--role", "read", "--file", "t.toml")
    ended = process(*words, cwd=tmp_path)
    shown = ended.out.split()[1]
    assert (shown[:4], ended.code) == ("dgt_", 0)
    file = tmp_path / "t.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert shown not in file.read_text()
    assert process(*words, "--name", "two words", cwd=tmp_path).code == 2
    assert process(*words, "--expires", "+1d", "--name", "second", cwd=tmp_path).code == 0
    assert file.read_text().count("[[token]]") == 2
