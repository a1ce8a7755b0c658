"""The commands of the runbooks run, in the order of the page, against a scheduler, a worker and a Redis.

What needs containers is marked `shown` in the page; `test_flip` does the same with processes, `test_alerts` reads the PromQL.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cli_process import BROKEN, NOTE, ROOT, process
from deploy.services import SCHEDULER, WORKER, queue_settings, service, settings_in
from doc_pages import ACTIONS, Block, Desk, blocks, desk
from docugen_core.adapters.embedded_redis import EmbeddedRedis
from redis_servers import free_port

RUNBOOKS = ROOT / "docs" / "architecture" / "operational-runbooks.md"
REDIS_CLI = """#!{python}
import sys
from redis import Redis
assert sys.argv[1] == "-u", "the runbooks name the server first"
print(Redis.from_url(sys.argv[2]).execute_command(*sys.argv[3:]))
"""


@dataclass(frozen=True, slots=True)
class Stand:
    """A desk beside a running stack. places: the page's addresses and folders, and what they are here."""

    desk: Desk
    places: dict[str, str]

    def do(self, block: Block) -> None:
        body = block.body
        for written, here in self.places.items():
            body = body.replace(written, here)
        self.desk.do(replace(block, body=body))


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """A queue with one finished run and one dead letter."""
    env = settings_in(tmp_path / "house")
    work = tmp_path / "desk"
    work.mkdir()
    with ExitStack() as running:
        redis = running.enter_context(EmbeddedRedis(tmp_path / "redis", port=free_port()))
        env |= queue_settings(redis.url)
        running.enter_context(service(SCHEDULER, env))
        running.enter_context(service(WORKER, env))
        for bundle, code in ((NOTE, 0), (BROKEN, 1)):
            ended = process("submit", "-", "--watch", "--quiet", cwd=work, stdin=json.dumps(bundle), **env)
            assert ended.code == code, ended.err
        until_measured(env["DOCUGEN_METRICS_ADDRESS"])
        here = running.enter_context(desk(work))
        here.address = env["DOCUGEN_GRPC_ADDRESS"]
        here.environment |= {"DOCUGEN_TEMPLATE_PATH": env["DOCUGEN_TEMPLATE_PATH"]}
        here.environment["PATH"] = f"{redis_cli(tmp_path / 'bin')}:{here.environment['PATH']}"
        yield Stand(
            here,
            {
                "127.0.0.1:50051": env["DOCUGEN_GRPC_ADDRESS"],
                "127.0.0.1:50052": env["DOCUGEN_WORKER_GRPC_ADDRESS"],
                "127.0.0.1:9464": env["DOCUGEN_METRICS_ADDRESS"],
                "127.0.0.1:9465": env["DOCUGEN_WORKER_METRICS_ADDRESS"],
                "redis://127.0.0.1:6379/0": redis.url,
                "/var/lib/docugen/store": env["DOCUGEN_STORE_URL"].removeprefix("file://"),
            },
        )


def redis_cli(folder: Path) -> Path:
    """A folder for PATH with a plain `redis-cli` in it where none is installed."""
    folder.mkdir()
    if shutil.which("redis-cli") is None:
        script = folder / "redis-cli"
        script.write_text(REDIS_CLI.format(python=sys.executable))
        script.chmod(0o755)
    return folder


def until_measured(address: str) -> None:
    """Until the scheduler has looked at its queue for the first time."""
    deadline = time.monotonic() + 60
    while b"\nqueue_bundle_generate_depth " not in urllib.request.urlopen(f"http://{address}/metrics").read():
        assert time.monotonic() < deadline, "the depth of the queue was never told"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(300)  # some fifty commands, one after the other
def test_every_command_of_the_runbooks_runs(stand: Stand) -> None:
    for block in blocks(RUNBOOKS):
        if block.action in ACTIONS:
            stand.do(block)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_the_runbooks_do_to_dead_letters_and_backups_is_what_they_say(stand: Stand) -> None:
    sections: dict[str, list[Block]] = {}
    text = RUNBOOKS.read_text(encoding="utf-8")
    for block in blocks(RUNBOOKS):
        heading = re.findall(r"^## (.+)$", "\n".join(text.splitlines()[: block.line]), re.MULTILINE)[-1]
        sections.setdefault(heading, []).append(block)

    look, fails, redrive, drop = sections["Dead letters"]
    stand.do(look)
    assert json.loads((stand.desk.folder / "letter.json").read_text())["data"] == BROKEN["data"]
    stand.do(fails)
    stand.do(redrive)
    assert "1 would be put back" in stand.desk.printed
    assert "\n1 put back" in stand.desk.printed
    stand.do(returned(redrive))
    stand.do(drop)
    assert "\n1 dropped" in stand.desk.printed

    _, compare = sections["Backup and restore"]
    stand.do(sections["Backup and restore"][0])
    stand.do(compare)
    assert "identical" in stand.desk.printed
    restored = stand.desk.folder / "restored"
    next(file for file in (restored / "artefacts").rglob("*.txt")).unlink()
    for blob in (path for path in (restored / "blobs").rglob("*") if path.is_file()):
        blob.unlink()
    for manifest in (restored / "manifests").iterdir():
        manifest.unlink()
    stand.do(replace(compare, exit_code=2))


def returned(after: Block) -> Block:
    """A block that waits until the letter that was put back is there again: its template is still wrong."""
    wait = "until docugen dlq ls | grep -q '^[0-9]'; do sleep 0.1; done\n"
    return replace(after, body=wait)
