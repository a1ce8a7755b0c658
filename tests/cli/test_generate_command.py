"""`docugen generate`: data of one generator, and corpora that are the same however and how often they are made."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import struct
import subprocess
import termios
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from cli_process import DOCUGEN, Ended, environment, process
from docugen.cli.corpus_folder import CorpusFolder
from PIL import Image
from redis_servers import wait_until

CORPUS = ("generate", "corpus", "--seed", "tests", "--quiet")
FIRST = b"1 of 12 documents\n"
PIPE_BYTES = 4_096


def digests(folder: Path) -> dict[str, str]:
    """Every file below `folder` but the index."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "corpus.json"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def labels_of(folder: Path, index: int) -> dict[str, Any]:
    labels: dict[str, Any] = json.loads((folder / "documents" / f"{index:06d}.json").read_bytes())
    return labels


def pipe_with_room_for(line: bytes) -> tuple[int, int, int]:
    """Both ends of a pipe that takes `line` and then makes its writer wait, and how much lies in it before."""
    reading, writing = os.pipe()
    size = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return reading, writing, os.write(writing, bytes(size - len(line)))


def unread(pipe: int) -> int:
    """How many bytes wait in it."""
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve documents; read only."""
    folder = tmp_path_factory.mktemp("made") / "corpus"
    ended = process(*CORPUS, "--count", "12", "--out", folder, cwd=folder.parent)
    assert ended.code == 0, ended.err
    return folder


def test_generated_data_is_what_a_bundle_of_the_same_seed_gets(docugen: Callable[..., Ended]) -> None:
    one = docugen("generate", "commerce", "--seed", "s", "--param", "first_month=2026-04", "--param", "invoices=2")
    again = docugen("generate", "commerce", "--seed", "s", "--param", "first_month=2026-04", "--param", "invoices=2")
    assert one.code == 0, one.err
    assert one.out == again.out
    assert len(one.json()["invoices"]) == 2
    bundle = {
        "documents": [{"name": "data.json", "format": "json", "template": "invoice/invoice"}],
        "seed": "s",
        "generate": {"name": "commerce", "params": {"first_month": "2026-04", "invoices": 2}},
    }
    Path("bundle.json").write_text(json.dumps(bundle))
    rendered = process("render", "bundle.json", "--quiet", cwd=Path.cwd())
    assert rendered.code == 0, rendered.err
    written = json.loads(Path("out/bundle/data.json").read_bytes())
    assert written["number"] == one.json()["number"]


def test_data_goes_into_a_file_in_canonical_form(docugen: Callable[..., Ended]) -> None:
    ended = docugen(
        "generate", "household_finance", "--seed", "s", "--date", "2026-10-02", "--out", "data.json", "--json"
    )
    assert ended.code == 0, ended.err
    assert ended.json()["sha256"] == hashlib.sha256(Path("data.json").read_bytes()).hexdigest()
    assert len(json.loads(Path("data.json").read_bytes())["payslips"]) == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("commerce", "--seed", "s"), "params.first_month: is required"),
        (("commerce", "--seed", "s", "--param", "first_month"), "--param first_month: is not NAME=VALUE"),
        (("commerce", "--seed", "s", "--param", "first_month=2026-04", "--param", "invoice=13"), "asked for number 13"),
        (("household_finance", "--seed", "s"), "needs the bundle's document_date"),
        (("commerce", "--seed", "", "--param", "first_month=2026-04"), "a seed has 1 to 128 bytes"),
        (("commerce", "--seed", "s", "--locale", "xx-YY", "--param", "first_month=2026-04"), "unknown locale 'xx-YY'"),
        (("household_finance", "--seed", "s", "--date", "2026-13-01"), "--date 2026-13-01: is not a date"),
        (("fleet_log", "--seed", "s"), "No such command 'fleet_log'"),
        (("corpus", "--seed", "s", "--count", "0", "--out", "x"), "0 is not in the range"),
        (("corpus", "--seed", "s", "--count", "1", "--out", "x", "--locale", "ja-JP"), "no words to invent"),
        (("corpus", "--seed", "s", "--count", "1", "--out", "x", "--format", "png"), "is not one of 'pdf', 'pdf,png'"),
    ],
)
def test_wrong_arguments_are_named_and_end_with_2(
    docugen: Callable[..., Ended], arguments: tuple[str, ...], message: str
) -> None:
    ended = docugen("generate", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert not Path("x").exists()


def test_labels_vouch_for_every_file_and_the_index_for_every_label(corpus: Path) -> None:
    index = json.loads((corpus / "corpus.json").read_bytes())
    assert (index["count"], [entry["index"] for entry in index["documents"]]) == (12, list(range(1, 13)))
    for entry in index["documents"]:
        labels = labels_of(corpus, entry["index"])
        for file in (entry["labels"], entry["pdf"], labels["pdf"]):
            data = (corpus / "documents" / file["file"]).read_bytes()
            assert (file["sha256"], file["size"]) == (hashlib.sha256(data).hexdigest(), len(data))
        assert len(labels["pages"]) == entry["pages"]
        assert len(labels["fields"]) == entry["fields"] > 20
        assert {field["page"] for field in labels["fields"]} <= set(range(1, entry["pages"] + 1))
    assert {path.name for path in corpus.iterdir()} == {"documents", "corpus.json"}


def test_the_bundle_in_the_labels_renders_to_the_very_pdf(corpus: Path, tmp_path: Path) -> None:
    labels = labels_of(corpus, 7)
    ended = process("render", "-", "--quiet", cwd=tmp_path, stdin=json.dumps(labels["bundle"]))
    assert ended.code == 0, ended.err
    pdf = (tmp_path / "out" / "bundle" / "000007.pdf").read_bytes()
    assert hashlib.sha256(pdf).hexdigest() == labels["pdf"]["sha256"]


@pytest.mark.slow
def test_another_count_and_other_jobs_change_no_document(corpus: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    ended = process(*CORPUS, "--count", "24", "--out", more, "--jobs", "1", cwd=tmp_path)
    assert ended.code == 0, ended.err
    both, first = digests(more), digests(corpus)
    assert len(both) == 48
    assert {name: both[name] for name in first} == first
    again = tmp_path / "again"
    assert process(*CORPUS, "--count", "24", "--out", again, "--jobs", "3", cwd=tmp_path).code == 0
    assert digests(again) == both
    assert (again / "corpus.json").read_bytes() == (more / "corpus.json").read_bytes()


def test_an_interrupted_corpus_goes_on_and_what_is_damaged_is_made_again(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    documents = folder / "documents"
    documents.mkdir(parents=True)
    for path in (corpus / "documents").iterdir():
        (documents / path.name).write_bytes(path.read_bytes())
    stamps = {path.name: path.stat().st_mtime_ns for path in documents.iterdir()}
    (documents / "000002.json").unlink()  # interrupted between PDF and labels
    (documents / "000003.pdf").write_bytes(b"%PDF-1.7 damaged")
    (documents / "000004.json").write_bytes((documents / "000004.json").read_bytes()[:-40])
    (documents / ".000005.pdf.part").write_bytes(b"half")
    ended = process(*CORPUS, "--count", "12", "--out", folder, "--json", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert ended.json()["made"] == 3
    assert digests(folder) == digests(corpus)
    assert (folder / "corpus.json").read_bytes() == (corpus / "corpus.json").read_bytes()
    changed = {path.stem for path in documents.iterdir() if path.stat().st_mtime_ns != stamps[path.name]}
    assert changed == {"000002", "000003", "000004"}


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_whatever_ends_it_leaves_whole_documents_only_and_the_next_run_goes_on(
    corpus: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    folder = tmp_path / "corpus"
    arguments = ("generate", "corpus", "--seed", "tests", "--count", "12", "--out", folder)
    reading, writing, filler = pipe_with_room_for(FIRST)
    with (
        os.fdopen(reading, "rb") as stderr,
        subprocess.Popen(
            [DOCUGEN, *arguments, "--jobs", "1"], env=environment(), stdout=subprocess.PIPE, stderr=writing
        ) as command,
    ):
        os.close(writing)
        # It cannot say that there is a second document until this is read: however late the signal, there is more to do.
        wait_until("it said something", lambda: unread(reading) > filler or command.poll() is not None, 100)
        command.send_signal(number)
        assert stderr.read(filler + len(FIRST))[filler:] == FIRST
        out, err = command.communicate(timeout=60)[0], stderr.read()
    assert (command.returncode, out) == (code, b"")
    assert b"Traceback" not in err
    assert not (folder / "corpus.json").exists()
    whole = digests(corpus)
    labelled = sorted(path.stem for path in (folder / "documents").glob("*.json"))
    assert 1 <= len(labelled) < 12
    found = digests(folder)
    for name in labelled:
        assert {file: found[file] for file in whole if name in file} == {f: d for f, d in whole.items() if name in f}
    ended = process(*arguments, "--json", "--quiet", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert ended.json()["made"] == 12 - len(labelled)
    assert digests(folder) == whole


def test_a_folder_in_which_another_command_works_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    with CorpusFolder.opened(folder):
        ended = process(*CORPUS, "--count", "1", "--out", folder, cwd=tmp_path)
    assert ended.code == 1
    assert "another command is making a corpus in this folder [FOLDER_BUSY]" in ended.err


def test_a_finished_corpus_is_left_alone(corpus: Path) -> None:
    stamps = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    ended = process(*CORPUS, "--count", "12", "--out", corpus, cwd=corpus.parent)
    assert "(0 made, 12 were there;" in ended.out
    assert {path: path.stat().st_mtime_ns for path in corpus.rglob("*")} == stamps


def test_the_corpus_of_another_seed_is_not_overwritten(corpus: Path) -> None:
    before = digests(corpus)
    ended = process("generate", "corpus", "--seed", "other", "--count", "2", "--out", corpus, cwd=corpus.parent)
    assert ended.code == 2
    assert "holds a corpus of seed 'tests'" in ended.err
    assert digests(corpus) == before


def test_images_of_every_page_come_beside_the_pdf_in_the_size_the_labels_say(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    arguments = (*CORPUS, "--count", "2", "--out", folder, "--locale", "fr-FR")
    assert process(*arguments, "--format", "pdf,png", "--ppi", "72", cwd=tmp_path).code == 0
    for index in (1, 2):
        labels = labels_of(folder, index)
        assert labels["bundle"]["locale"] == "fr-FR"
        assert [image["file"] for image in labels["images"]] == [
            f"{index:06d}-{page}.png" for page in range(1, len(labels["pages"]) + 1)
        ]
        for image, page in zip(labels["images"], labels["pages"], strict=True):
            with Image.open(folder / "documents" / image["file"]) as picture:
                assert picture.size == (image["width"], image["height"])
            assert (image["width"], image["height"]) == (ceil(page["width"]), ceil(page["height"]))
    assert process(*arguments, cwd=tmp_path).code == 0
    assert not list(folder.rglob("*.png")), "images that the labels no longer name are gone"


def test_a_full_disk_is_named_and_what_was_finished_stays(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    ended = process(*CORPUS, "--count", "3", "--out", folder, cwd=tmp_path, ulimit="-f 16")
    assert ended.code == 1
    assert "the disk is full [STORE_FULL]" in ended.err
    assert "finished documents are kept" in ended.err
    assert not list(folder.rglob("*.json"))
    assert not list(folder.rglob(".*.part"))
