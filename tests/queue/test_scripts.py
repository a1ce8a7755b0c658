"""Headers are contracts: they are parsed, they bind names, and a wrong call never reaches Redis."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from docugen_core.adapters.keys import KEY_NAMES, QueueKeys
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.adapters.scripts import GROUP_ITEMS_MAX, LUA, load_scripts
from docugen_core.domain.worker import CONSUMER, HeldJob, WorkerAdvert, consumer_name
from queue_world import QueueWorld, a_job

KEYS = QueueKeys("bundle:generate")
SCRIPTS = load_scripts()


def test_all_keys_of_a_queue_share_one_hash_tag() -> None:
    keys = [key for name in KEY_NAMES for key in KEYS.named(name)]
    assert all(key.startswith("{bundle:generate}:") for key in keys)
    assert len(set(keys)) == len(KEY_NAMES) + 3
    assert (KEYS.record("br-1"), KEYS.lane("high")) == ("{bundle:generate}:run:br-1", "{bundle:generate}:jobs:high")


@pytest.mark.parametrize("name", ["", "a}b", "{a", "a b", "-a", "a" * 65, "a\n"])
def test_a_name_that_would_not_be_one_hash_tag_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no queue name"):
        QueueKeys(name)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"consumer": "ada", "want": 1, "lease_ms": 5, "fresh": 0}, "lost"),
        ({"consumer": "ada", "want": 1, "lease_ms": 5, "lost": "", "fresh": 0, "wnat": 1}, "wnat"),
        ({"consumer": "ada", "want": "1", "lease_ms": 5, "lost": "", "fresh": 0}, "want takes int, not str"),
        ({"consumer": "ada", "want": True, "lease_ms": 5, "lost": "", "fresh": 0}, "want takes int, not bool"),
        ({"consumer": b"ada", "want": 1, "lease_ms": 5, "lost": "", "fresh": 0}, "consumer takes text, not bytes"),
    ],
)
def test_a_call_with_a_wrong_argument_is_a_type_error(arguments: dict[str, object], complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        SCRIPTS["take"].call(KEYS, **arguments)


@pytest.mark.parametrize("rows", [[("r1", "e")], ["r1"], [("r1", "e", "1")], "r1", 5])
def test_a_group_takes_tuples_as_its_header_says(rows: object) -> None:
    with pytest.raises(TypeError):
        SCRIPTS["beat"].call(KEYS, consumer="ada", lease_ms=5, leases=rows)


def test_a_group_is_bounded() -> None:
    rows = [("e",)] * GROUP_ITEMS_MAX
    assert (
        len(SCRIPTS["recover"].call(KEYS, consumer="ada", limit=5, last=0, known=rows).arguments) == 3 + GROUP_ITEMS_MAX
    )
    with pytest.raises(ValueError, match="1000 items"):
        SCRIPTS["recover"].call(KEYS, consumer="ada", limit=5, last=0, known=[*rows, ("e",)])


def test_keys_and_arguments_are_in_the_order_of_the_header() -> None:
    call = SCRIPTS["beat"].call(KEYS, lease_ms=5, leases=[("r1", "high:1-0", 2), ("r2", "low:1-0", 3)], consumer="ada")
    assert call.keys == tuple(map(KEYS.key, ("jobs:high", "jobs:normal", "jobs:low", "jobs:later", "due", "run:")))
    assert call.arguments == ("ada", 5, "r1", "high:1-0", 2, "r2", "low:1-0", 3)


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_a_script_brings_of_the_prelude_what_it_uses_and_no_more(name: str) -> None:
    shared = set(re.findall(r"^local function (\w+)", (LUA / "_prelude.lua").read_text(), re.MULTILINE))
    code = re.sub(r"--.*", "", SCRIPTS[name].source)
    times = {function: len(re.findall(rf"\b{function}\b", code)) for function in shared}
    brought = {function for function in shared if f"local function {function}(" in code}
    assert brought == {function for function in shared if times[function] > 1} == {f for f in shared if times[f]}


def test_every_mutant_still_finds_its_line() -> None:
    for mutant in tomllib.loads((Path(__file__).parent / "mutants.toml").read_text())["mutant"]:
        assert (LUA / mutant["script"]).read_text().count(mutant["find"]) == 1, mutant["name"]


def test_only_what_draining_can_do_without_is_refused_by_a_full_redis() -> None:
    assert {s.name for s in SCRIPTS.values() if s.flags == "none"} == {"submit", "retry", "progress"}


@pytest.mark.parametrize(
    ("find", "put"),
    [
        ("-- FLAGS    allow-oom", "-- FLAGS    allow-all"),
        ("-- KEYS     control", "-- KEYS     kontrol"),
        ("-- ARGV     reason:text", "-- ARGV     reason:string"),
        ("-- RETURNS ", "-- GIVES "),
        ("-- Why one script", "-- Because"),
        ("-- pause:", "-- stop:"),
    ],
)
def test_a_header_that_breaks_the_rules_is_refused(tmp_path: Path, find: str, put: str) -> None:
    shutil.copytree(LUA, tmp_path, dirs_exist_ok=True)
    text = (tmp_path / "pause.lua").read_text()
    assert find in text
    (tmp_path / "pause.lua").write_text(text.replace(find, put))
    with pytest.raises(ValueError, match=r"pause\.lua"):
        load_scripts(tmp_path)


async def test_a_script_that_redis_forgot_is_sent_again(world: QueueWorld) -> None:
    for number in range(3):
        await world.redis.execute("SCRIPT", "FLUSH")
        await world.submit(f"r{number}")
    assert (await world.queue.stats()).depth == 3


async def test_times_on_record_are_those_of_the_server(redis_url: str) -> None:
    async with RedisConnection(redis_url) as redis:
        queue = RedisQueue(redis, "test:server-time")
        before = await redis.execute("TIME")
        (accepted,) = await queue.submit([a_job("r1")])
        after = await redis.execute("TIME")
        assert accepted.record is not None
        first, last = ((int(s) * 1_000_000 + int(us)) // 1_000 for s, us in (before, after))
        assert first <= accepted.record.create_time_ms <= last
        await redis.execute("DEL", *(queue.keys.key(k) for k in ("jobs:normal", "runs", "events", "run:r1")))


def test_consumer_names_differ_between_restarts_of_a_container_and_are_plain() -> None:
    first = consumer_name("pod/7 ü", 1, "6a1e-77aa-0c", 1_234)
    assert first == "pod-7---1-6a1e77aa-1234"
    assert consumer_name("pod/7 ü", 1, "6a1e-77aa-0c", 9_999) != first
    assert CONSUMER.fullmatch(first)
    assert CONSUMER.fullmatch("~retry") is None


def test_an_advert_of_another_release_can_be_read() -> None:
    advert = WorkerAdvert.from_text(b'{"host":"h","colour":"blue"}')
    assert (advert.host, advert.slots, advert.packs) == ("h", 0, ())
    assert WorkerAdvert.from_text(advert.to_text()) == advert
    busy = replace(advert, bundle_runs=("r",), jobs=(HeldJob("r", 2, 1_500, documents=3, ended=1, document="a.pdf"),))
    assert WorkerAdvert.from_text(busy.to_text()) == busy
    newer = b'{"jobs":[{"run_id":"r","attempt":1,"age_ms":5,"mood":"good"}]}'
    assert WorkerAdvert.from_text(newer).jobs == (HeldJob("r", 1, 5),)


def test_without_a_queue_redis_is_not_even_imported() -> None:
    code = "import docugen_core.ports, docugen_core.config, docugen_core.domain.lease, docugen_core.adapters.inline_executor"
    check = f"{code}, docugen_core.adapters.embedded_redis, sys; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
