"""The commands that talk to a server, against a scheduler that `docugen serve` started."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from cli_process import BROKEN, NOTE, Ended, Server, process
from docugen.v1.bundle_run_service_pb2 import CreateBundleRunRequest
from docugen.v1.bundle_run_service_pb2_grpc import BundleRunServiceStub
from docugen_core.adapters.system_clock import SystemClock
from google.protobuf.json_format import ParseDict


@pytest.fixture
def remote(docugen: Callable[..., Ended], server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """`docugen`, with DOCUGEN_GRPC_ADDRESS naming the server."""
    monkeypatch.setenv("DOCUGEN_GRPC_ADDRESS", server.address)
    return docugen


def test_a_submitted_run_can_be_watched_shown_listed_waited_for_and_fetched(
    remote: Callable[..., Ended], note_file: Path, tmp_path: Path
) -> None:
    label = ["--label", "test=journey", "--label", "empty="]
    submitted = remote("submit", note_file, "--run-id", "journey", *label, "--watch", "--json")
    assert submitted.code == 0, submitted.err
    run = submitted.json()["bundle_run"]
    assert (run["id"], run["state"], run["labels"]) == ("journey", "succeeded", {"empty": "", "test": "journey"})
    assert submitted.err == "rendered  note.txt  15 B\n"
    shown = remote("runs", "show", "journey", "--json").json()["bundle_run"]
    assert shown == {**run, "deduplicated": False, "revision": shown["revision"]}
    listed = remote("runs", "ls", "--filter", 'labels.test = "journey"', "--json").json()["bundle_runs"]
    assert [r["id"] for r in listed] == ["journey"]
    assert remote("runs", "wait", "journey", "--json").json()["bundle_run"]["state"] == "succeeded"
    assert remote("runs", "wait", "journey", "--timeout", "60").code == 0
    fetched = remote("runs", "get", "journey", "--json").json()
    assert fetched["directory"] == "out/journey"
    assert (tmp_path / "out" / "journey" / "note.txt").read_text() == "SPECIMEN hello\n"
    assert [a["changed"] for a in fetched["artefacts"]] == [True]
    again = remote("runs", "get", "journey", "--json").json()
    assert [a["changed"] for a in again["artefacts"]] == [False]


def test_the_text_of_each_command_names_what_its_json_holds(remote: Callable[..., Ended], note_file: Path) -> None:
    submitted = remote("submit", note_file, "--run-id", "texts", "--download", "here", "--quiet")
    assert "note.txt" in submitted.out
    assert "manifest  here/manifest.json" in submitted.out
    assert "succeeded" in remote("runs", "show", "texts").out
    assert "texts" in remote("runs", "ls").out
    assert "all files are up to date" in remote("runs", "get", "texts", "--out", "here").out
    assert "identical: 1 of 1 artefacts are byte-identical" in remote("verify", "texts").out
    assert remote("runs", "ls", "--filter", 'labels.nobody = "x"').out == "no runs\n"


def test_submitting_again_is_known_and_starts_nothing(remote: Callable[..., Ended], note_file: Path) -> None:
    first = remote("submit", note_file, "--watch", "--json").json()["bundle_run"]
    second = remote("submit", note_file, "--json").json()["bundle_run"]
    assert second["id"] == first["id"]
    assert second["deduplicated"]
    assert second["state"] == "succeeded"


def test_a_printed_request_is_what_submitting_would_send(
    remote: Callable[..., Ended], server: Server, note_file: Path
) -> None:
    """`data` travels as JSON text, which no one writes by hand for grpcurl."""
    options = ["--run-id", "printed", "--label", "test=print"]
    printed = remote("submit", note_file, *options, "--print-request")
    assert (printed.code, printed.err) == (0, "")
    assert printed.json() == {
        "bundle_run_id": "printed",
        "spec": {"documents": NOTE["documents"], "data_json": json.dumps(NOTE["data"])},
        "execution_policy": {"labels": {"test": "print"}},
    }
    assert remote("runs", "show", "printed", "--json").error()["reason"] == "BUNDLE_RUN_NOT_FOUND", "nothing was sent"
    assert remote("submit", note_file, *options, "--watch", "-q").code == 0
    request = ParseDict(printed.json(), CreateBundleRunRequest())
    with grpc.insecure_channel(server.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        answer = BundleRunServiceStub(channel).CreateBundleRun(request, timeout=30)
    assert (answer.bundle_run.name, answer.deduplicated) == ("bundleRuns/printed", True)


@pytest.mark.parametrize("time", ["2031-02-03T06:30:00+01:00", "2031-02-03T05:30:00Z", "2031-02-03t05:30:00.000z"])
def test_a_run_may_be_asked_for_no_earlier_than_a_time(
    docugen: Callable[..., Ended], note_file: Path, time: str
) -> None:
    printed = docugen("submit", note_file, "--not-before", time, "--print-request")
    assert printed.json()["execution_policy"] == {"not_before": "2031-02-03T05:30:00Z"}


@pytest.mark.parametrize(("duration", "seconds"), [("+90s", 90), ("+10m", 600), ("+1h30m", 5_400), ("+2d", 172_800)])
def test_a_time_may_be_a_duration_from_now(
    docugen: Callable[..., Ended], note_file: Path, duration: str, seconds: int
) -> None:
    before = SystemClock().now_ms() / 1_000
    printed = docugen("submit", note_file, "--not-before", duration, "--print-request")
    after = SystemClock().now_ms() / 1_000
    given = dt.datetime.fromisoformat(printed.json()["execution_policy"]["not_before"]).timestamp()
    assert before + seconds - 0.001 <= given <= after + seconds


@pytest.mark.parametrize(
    "time", ["tomorrow", "10m", "+", "+10", "+10x", "2031-02-03", "2031-02-03T05:30:00", "2031-02-30T05:30:00Z"]
)
def test_a_time_that_is_none_or_has_no_zone_is_wrong_usage(
    docugen: Callable[..., Ended], note_file: Path, time: str
) -> None:
    ended = docugen("submit", note_file, "--not-before", time, "--print-request")
    assert (ended.code, ended.out) == (2, "")
    assert f"'{time}' is n" in ended.err


def test_a_run_waits_until_its_time(remote: Callable[..., Ended], note_file: Path) -> None:
    later = ["--run-id", "later", "--not-before", "+1h"]
    run = remote("submit", note_file, *later, "--json").json()["bundle_run"]
    assert run["state"] in ("queued", "running")
    assert remote("runs", "cancel", "later", "--json").json()["bundle_run"]["state"] == "cancelled"


def test_a_run_that_fails_ends_with_1_and_shows_the_place_in_the_template(
    remote: Callable[..., Ended], tmp_path: Path
) -> None:
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(BROKEN))
    ended = remote("submit", path, "--run-id", "broken", "--watch", "--json", "-q")
    assert (ended.code, ended.out) == (1, "")
    error = ended.error()
    assert (error["reason"], error["document"]) == ("TEMPLATE_FAILED", "broken.txt")
    assert (error["location"]["file"], error["location"]["line"]) == ("broken.txt", 2)
    text = remote("submit", path, "--watch", "-q")
    assert text.code == 1
    assert "--> broken.txt:2" in text.err
    assert remote("runs", "wait", "broken", "--timeout", "60").code == 1
    shown = remote("runs", "show", "broken")
    assert shown.code == 0, "showing a failed run is no failure"
    assert "TEMPLATE_FAILED" in shown.out
    assert remote("runs", "get", "broken", "--json").error()["reason"] == "BUNDLE_RUN_NOT_FINISHED"


def test_an_unknown_run_is_wrong_input(remote: Callable[..., Ended]) -> None:
    for command in (
        ["runs", "show"],
        ["runs", "get"],
        ["runs", "wait"],
        ["runs", "cancel"],
        ["runs", "retry"],
        ["verify"],
    ):
        ended = remote(*command, "nobody", "--json")
        assert (ended.code, ended.error()["reason"]) == (2, "BUNDLE_RUN_NOT_FOUND"), command


def test_what_the_state_forbids_is_a_failure(remote: Callable[..., Ended], note_file: Path) -> None:
    remote("submit", note_file, "--run-id", "ended", "--watch", "-q")
    for command, reason in (("cancel", "NOT_CANCELLABLE"), ("retry", "NOT_RETRYABLE")):
        ended = remote("runs", command, "ended", "--json")
        assert (ended.code, ended.error()["reason"]) == (1, reason)


def test_deleted_runs_are_gone_and_their_ids_free(remote: Callable[..., Ended], note_file: Path) -> None:
    for run_id in ("old-1", "old-2"):
        remote("submit", note_file, "--run-id", run_id, "--watch", "-q")
    assert remote("runs", "delete", "old-1").code != 0, "nobody said yes"
    assert remote("runs", "show", "old-1").code == 0

    assert remote("runs", "delete", "old-1", "old-2", "never", "--yes", "--json").json() == {
        "deleted": ["old-1", "old-2", "never"]
    }

    assert remote("runs", "show", "old-1", "--json").error()["reason"] == "BUNDLE_RUN_NOT_FOUND"
    again = remote("submit", note_file, "--run-id", "old-1", "--watch", "-q", "--json")  # to its end: others count runs
    assert not again.json()["bundle_run"]["deduplicated"]


def test_a_url_is_printed_only_by_servers_that_have_them(remote: Callable[..., Ended], note_file: Path) -> None:
    remote("submit", note_file, "--run-id", "in-a-folder", "--watch", "-q")
    ended = remote("runs", "url", "in-a-folder", "note.txt", "--json")
    assert (ended.code, ended.error()["reason"]) == (1, "URLS_NOT_SUPPORTED")
    assert "runs get" in ended.error()["hint"]


def test_the_servers_violations_read_like_local_ones(remote: Callable[..., Ended], tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(NOTE | {"data": {"text": 3}, "locale": "nowhere"}))
    ended = remote("submit", path)
    assert ended.code == 2
    assert "\n  data.text: " in ended.err
    assert "\n  locale: " in ended.err


def test_templates_of_a_server_are_asked_for_by_its_address(docugen: Callable[..., Ended], server: Server) -> None:
    packs = docugen("templates", "ls", "--server", server.address, "--json").json()["template_packs"]
    assert "note" in [p["name"] for p in packs]
    shown = docugen("templates", "show", "note/note", "--server", server.address, "--json").json()["template_pack"]
    assert shown["templates"][0]["sample"] == {"text": "hello"}
    assert "note" not in [p["name"] for p in docugen("templates", "ls", "--json").json()["template_packs"]]


@pytest.mark.slow
def test_a_local_verification_finds_the_byte_that_is_another_one(
    remote: Callable[..., Ended], server: Server, tmp_path: Path, note_file: Path
) -> None:
    """--local uses the installed pack: when that has changed since, the difference is explained by it."""
    remote("submit", note_file, "--run-id", "verified", "--watch", "-q")
    local = {"DOCUGEN_STORE_URL": server.store_url, "DOCUGEN_TEMPLATE_PATH": server.template_path}
    same = process("verify", "verified", "--local", "--json", cwd=tmp_path, **local)
    assert same.code == 0, same.err
    assert same.json() == remote("verify", "verified", "--json").json()
    changed = tmp_path / "packs" / "note"
    changed.mkdir(parents=True)
    original = Path(server.template_path) / "note"
    for file in ("pack.toml", "note.schema.json", "note.sample.json"):
        (changed / file).write_bytes((original / file).read_bytes())
    (changed / "note.txt").write_text("SPECIMEN {{ data.text }}!\n")
    (changed / "labels").mkdir()
    (changed / "labels" / "en.toml").write_text('greeting = "hello"\n')
    local["DOCUGEN_TEMPLATE_PATH"] = str(changed.parent)
    other = process("verify", "verified", "--local", "--json", cwd=tmp_path, **local)
    assert other.code == 1, other.err
    assert other.json()["verdict"] == "inputs_changed"
    assert [c["equal"] for c in other.json()["comparisons"]] == [False]
    assert [c["input"] for c in other.json()["changed_inputs"]] == ["pack.note"]
    text = process("verify", "verified", "--local", cwd=tmp_path, **local)
    assert "DIFFERENT" in text.out
    assert "CHANGED INPUT" in text.out
