"""The peers of the benchmarks: what holds where none of them is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.peers import __main__ as command
from benchmarks.peers import queues
from benchmarks.peers.catalogue import PROGRAMS, STAMP, Peer, installed, peers
from benchmarks.peers.faults import Fate
from benchmarks.peers.pages import cases
from benchmarks.peers.subject import DOCUGEN, PeerFailed, Subject
from benchmarks.peers.turns import Turns, in_turns
from benchmarks.table import table

KINDS = ("queues", "renderers")


@pytest.mark.parametrize("kind", KINDS)
def test_every_peer_has_exact_versions_and_a_program(kind: str) -> None:
    found = peers(kind)
    assert found
    for peer in found:
        assert peer.version[0].isdigit()
        assert (PROGRAMS / peer.program).is_file()


def test_a_package_without_an_exact_version_is_refused(tmp_path: Path) -> None:
    pins = tmp_path / "peers.toml"
    pins.write_text('[queues.loose]\ntitle = "Loose"\npip = ["loose>=1.0"]\nprogram = "loose.py"\n')
    with pytest.raises(ValueError, match=r"loose needs loose>=1\.0 with an exact version"):
        peers("queues", pins)


def test_a_peer_that_cannot_be_installed_is_said_so_and_tried_again(tmp_path: Path) -> None:
    peer = Peer("some", "Some", "pip", ("some==1.2",), "some.py", homes=tmp_path)
    asked: list[Sequence[str]] = []

    def refusing(command: Sequence[str], _: Path) -> str:
        asked.append(command)
        return "no such package" if "some==1.2" in command else ""

    def willing(command: Sequence[str], _: Path) -> str:
        asked.append(command)
        return ""

    assert str(installed(peer, refusing)) == "Some 1.2: absent, no such package"
    assert not (peer.home / STAMP).exists()
    assert installed(peer, willing) is None
    assert len(asked) == 4
    assert installed(peer, refusing) is None, "what is there is used again"


async def test_one_that_fails_drops_out_and_the_others_go_on() -> None:
    other = Subject("other", "Other 1.0", 1)

    async def take(subject: Subject) -> dict[str, float]:
        if subject is other:
            raise PeerFailed("no 'ready' within 60 s")
        return {"drain": 100.0}

    turns = await in_turns(2, [DOCUGEN, other], take)
    assert turns.of(DOCUGEN, "drain") == (100.0, 100.0)
    assert other not in turns.values
    assert turns.failures == ["Other 1.0: dropped out, no 'ready' within 60 s"]


def test_tables_are_drawn_with_all_peers_absent() -> None:
    alone = Turns({DOCUGEN: [{"drain": 1.0}]})
    assert queues._rates(alone, "drain", "drain") == []
    assert len(table([]).splitlines()) == 2
    assert command.fates_table([Fate("DocuGen", "DOCUGEN_QUEUE_LEASE_MS", "runs again", "stands")]).count("\n") == 2


def test_a_ratio_above_one_means_docugen_is_ahead() -> None:
    other = Subject("other", "Other 1.0", 1)
    turns = Turns({DOCUGEN: [{"rate": 200.0, "us": 10.0}], other: [{"rate": 100.0, "us": 20.0}]})
    (rate,), (late,) = queues._rates(turns, "rate", "rate"), queues._latencies(turns, "us", "late")
    assert (rate.ratio, late.ratio) == (2.0, 2.0)


def test_peers_get_pages_with_the_same_content(tmp_path: Path) -> None:
    for case in cases():
        first, second = case.tasks(2)
        assert first.data != second.data, "an engine that remembers the last document must not gain by it"
        page = tmp_path / f"{case.name}.html"
        case.html(first, page)
        html = page.read_text(encoding="utf-8")
        assert "SPECIMEN" in html
        assert (tmp_path / "page.css").is_file()
        rows = first.data.get("transactions") or first.data.get("lines") or []
        assert isinstance(rows, list)
        assert html.count("<tr>") >= len(rows)
