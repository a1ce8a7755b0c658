"""`diff`, `keys` and `verify --key`: what differs, and that a bundle is what was signed; each harm has its verdict."""

from __future__ import annotations

import io
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from cli_process import INVOICE, NOTE, Ended, Server, process
from docugen.cli.contents import content_change
from docugen_core.adapters.manifest_signing import ManifestSigner, PublicKey, SignatureVerdict
from docugen_core.errors import ConfigurationError
from PIL import Image

Docugen = Callable[..., Ended]
MANIFEST = b'{"schema":"docugen.manifest/v1"}'


@pytest.fixture
def remote(docugen: Docugen, server: Server, monkeypatch: pytest.MonkeyPatch) -> Docugen:
    monkeypatch.setenv("DOCUGEN_GRPC_ADDRESS", server.address)
    return docugen


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with key.pem, key.pub.pem and `out/`, a signed bundle."""
    folder = tmp_path_factory.mktemp("signed")
    ManifestSigner.new().write(folder / "key.pem", folder / "key.pub.pem")
    ended = process(
        "render", INVOICE, "--out", "out", "-q", cwd=folder, DOCUGEN_SIGNING_KEY_FILE=str(folder / "key.pem")
    )
    assert ended.code == 0, ended.err
    return folder


@pytest.fixture
def copy(signed: Path, tmp_path: Path) -> Path:
    """A copy of the signed bundle that a test may harm."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for file in (signed / "out").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def verdicts(ended: Ended) -> tuple[int, str, str]:
    document = ended.json()
    return ended.code, document["verdict"], document["signature"]["verdict"]


# --- signatures, offline ----------------------------------------------------------------------------------------------------


def test_a_signed_bundle_is_verified_by_its_files_and_a_public_key_alone(
    docugen: Docugen, signed: Path, copy: Path
) -> None:
    for named in (copy, copy / "manifest.json"):
        assert verdicts(docugen("verify", named, "--key", signed / "key.pub.pem", "--json")) == (0, "intact", "valid")
    text = docugen("verify", copy, "--key", signed / "key.pub.pem").out
    assert "intact: 4 of 4 artefacts are byte-identical" in text
    assert "signature  valid" in text


def test_a_tampered_manifest_is_told(docugen: Docugen, signed: Path, copy: Path) -> None:
    manifest = copy / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"seed":"invoice-example"', b'"seed":"another-example"'))

    assert verdicts(docugen("verify", copy, "--key", signed / "key.pub.pem", "--json")) == (1, "intact", "tampered")


def test_a_tampered_artefact_is_told(docugen: Docugen, signed: Path, copy: Path) -> None:
    (copy / "lines.csv").write_bytes(b"SPECIMEN,forged\r\n")

    ended = docugen("verify", copy, "--key", signed / "key.pub.pem", "--json")

    assert verdicts(ended) == (1, "damaged", "valid")
    assert [c["artefact"] for c in ended.json()["comparisons"] if not c["equal"]] == ["lines.csv"]


def test_an_artefact_that_is_gone_is_told(docugen: Docugen, signed: Path, copy: Path) -> None:
    (copy / "lines.csv").unlink()

    ended = docugen("verify", copy, "--key", signed / "key.pub.pem", "--json")

    assert verdicts(ended) == (1, "damaged", "valid")
    assert [c["actual_sha256"] for c in ended.json()["comparisons"] if not c["equal"]] == [""]
    assert re.search(r"^lines.csv +[0-9a-f]{12} +missing +DIFFERENT$", docugen("verify", copy).out, re.MULTILINE)


def test_a_manifest_and_artefact_forged_together_do_not_pass(docugen: Docugen, signed: Path, copy: Path) -> None:
    forged = b"SPECIMEN,forged\r\n"
    manifest = json.loads((copy / "manifest.json").read_bytes())
    from docugen_core.domain.identity import content_digest

    for artefact in manifest["artefacts"]:
        if artefact["name"] == "lines.csv":
            artefact |= {"sha256": content_digest(forged), "size": len(forged)}
    (copy / "lines.csv").write_bytes(forged)
    (copy / "manifest.json").write_text(json.dumps(manifest))

    assert verdicts(docugen("verify", copy, "--key", signed / "key.pub.pem", "--json")) == (1, "intact", "tampered")


def test_another_key_is_told_with_both_ids(docugen: Docugen, tmp_path: Path, copy: Path) -> None:
    other = json.loads(docugen("keys", "new", "--out", "other.pem", "--json").out)

    ended = docugen("verify", copy, "--key", other["public_key"], "--json")

    assert verdicts(ended) == (1, "intact", "wrong_key")
    signature = ended.json()["signature"]
    assert signature["expected_key_id"] == other["key_id"] != signature["key_id"]
    assert signature["key_id"] in docugen("verify", copy, "--key", other["public_key"]).out


def test_a_missing_signature_is_told(docugen: Docugen, signed: Path, copy: Path) -> None:
    (copy / "manifest.json.sig").unlink()

    assert verdicts(docugen("verify", copy, "--key", signed / "key.pub.pem", "--json")) == (1, "intact", "missing")
    assert docugen("verify", copy).code == 0, "nobody asked for a signature"


@pytest.mark.parametrize("sig", [b"", b"[]", b"{}", b'{"schema":"x"}', b"\xff", b"x" * 5_000], ids=range(6))
def test_a_file_that_is_no_signature_is_told(docugen: Docugen, signed: Path, copy: Path, sig: bytes) -> None:
    (copy / "manifest.json.sig").write_bytes(sig)

    assert verdicts(docugen("verify", copy, "--key", signed / "key.pub.pem", "--json")) == (1, "intact", "malformed")


def test_a_private_key_is_no_public_key(docugen: Docugen, signed: Path, copy: Path) -> None:
    ended = docugen("verify", copy, "--key", signed / "key.pem", "--json")

    assert (ended.code, ended.error()["reason"]) == (2, "PUBLIC_KEY_UNUSABLE")


def test_a_run_on_a_server_is_checked_with_and_without_rendering(remote: Docugen, signed: Path, tmp_path: Path) -> None:
    submit(remote, tmp_path, "unsigned", NOTE)
    key = ["--key", signed / "key.pub.pem", "--json"]

    assert verdicts(remote("verify", "unsigned", *key)) == (1, "identical", "missing")
    assert verdicts(remote("verify", "unsigned", "--no-render", *key)) == (1, "intact", "missing")
    assert remote("verify", "unsigned", "--no-render").code == 0


def test_a_damaged_artefact_in_the_store_is_found_without_rendering(
    remote: Docugen, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(remote, tmp_path, "rotten", {**NOTE, "data": {"text": "to be damaged"}})
    monkeypatch.setenv("DOCUGEN_STORE_URL", server.store_url)
    store = Path(server.store_url.removeprefix("file://"))
    digest = remote("verify", "rotten", "--local", "--no-render", "--json").json()["comparisons"][0]["actual_sha256"]
    blob = store / "blobs" / digest[:2] / digest
    blob.chmod(0o640)
    blob.write_bytes(b"rot")

    ended = remote("verify", "rotten", "--local", "--no-render", "--json")

    assert (ended.code, ended.json()["verdict"]) == (1, "damaged")


# --- keys -------------------------------------------------------------------------------------------------------------------


def test_new_keys_are_the_owners_alone_and_nothing_is_overwritten(docugen: Docugen, tmp_path: Path) -> None:
    made = docugen("keys", "new", "--json").json()

    assert stat.S_IMODE((tmp_path / made["private_key"]).stat().st_mode) == 0o600
    assert docugen("keys", "show", made["public_key"]).out == made["key_id"] + "\n"
    again = docugen("keys", "new", "--json")
    assert (again.code, again.error()["reason"]) == (2, "FILE_EXISTS")
    (tmp_path / made["public_key"]).unlink()
    assert docugen("keys", "new").code == 2, "the private key alone is not overwritten either"


def test_signing_is_deterministic_and_covers_every_byte(tmp_path: Path) -> None:
    signer = ManifestSigner.new()
    signer.write(tmp_path / "k.pem", tmp_path / "k.pub.pem")
    again, public = ManifestSigner.load(tmp_path / "k.pem"), PublicKey.load(tmp_path / "k.pub.pem")

    signature = signer.sign(MANIFEST)

    assert signature == again.sign(MANIFEST)
    assert public.key_id == signer.key_id == json.loads(signature)["key_id"]
    assert public.check(MANIFEST, signature).verdict is SignatureVerdict.VALID
    for place in range(len(MANIFEST)):
        changed = MANIFEST[:place] + bytes([MANIFEST[place] ^ 1]) + MANIFEST[place + 1 :]
        assert public.check(changed, signature).verdict is SignatureVerdict.TAMPERED


@pytest.mark.parametrize("mode", [0o604, 0o660, 0o620, 0o601])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    ManifestSigner.new().write(tmp_path / "k.pem", tmp_path / "k.pub.pem")
    (tmp_path / "k.pem").chmod(mode)

    with pytest.raises(ConfigurationError, match="may be read by others") as caught:
        ManifestSigner.load(tmp_path / "k.pem")
    assert "chmod 600" in caught.value.hint


def test_a_key_may_be_mounted_for_a_group(tmp_path: Path) -> None:
    signer = ManifestSigner.new()
    signer.write(tmp_path / "k.pem", tmp_path / "k.pub.pem")
    (tmp_path / "k.pem").chmod(0o440)
    assert ManifestSigner.load(tmp_path / "k.pem").sign(MANIFEST) == signer.sign(MANIFEST)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_without_a_key_is_refused_by_the_name_of_the_setting(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "k.pem"
    path.write_bytes(content)
    path.chmod(0o600)

    for wrong in (path, tmp_path / "absent.pem", tmp_path):
        with pytest.raises(ConfigurationError, match="DOCUGEN_SIGNING_KEY_FILE") as caught:
            ManifestSigner.load(wrong)
        assert caught.value.hint


# --- diff -------------------------------------------------------------------------------------------------------------------


def submit(remote: Docugen, tmp_path: Path, run_id: str, bundle: dict[str, Any]) -> None:
    path = tmp_path / f"{run_id}.json"
    path.write_text(json.dumps(bundle))
    assert remote("submit", path, "--run-id", run_id, "--watch", "-q").code == 0


def test_two_runs_on_a_server_in_its_store_and_in_folders_differ_in_the_same_way(
    remote: Docugen, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(remote, tmp_path, "diff-one", NOTE)
    submit(remote, tmp_path, "diff-two", {**NOTE, "data": {"text": "goodbye"}})
    monkeypatch.setenv("DOCUGEN_TEMPLATE_PATH", server.template_path)

    there = remote("diff", "diff-one", "diff-two", "--json")
    monkeypatch.setenv("DOCUGEN_STORE_URL", server.store_url)
    here = remote("diff", "diff-one", "diff-two", "--local", "--json")
    for run in ("diff-one", "diff-two"):
        remote("runs", "get", run)
    folders = remote("diff", "out/diff-one/manifest.json", "out/diff-two", "--json")

    assert there.code == here.code == folders.code == 1
    assert there.json() == here.json()
    assert there.json()["changed_inputs"] == [{"input": "request.data.text", "before": '"hello"', "now": '"goodbye"'}]
    assert [c["input"] for c in folders.json()["changed_inputs"]] == ["request"], "a folder has no spec"
    (artefact,) = there.json()["artefacts"]
    assert (artefact["name"], artefact["change"]) == ("note.txt", "changed")
    assert artefact["content"] == {"kind": "lines", "count": 2, "shown": ["1 - SPECIMEN hello", "1 + SPECIMEN goodbye"]}
    assert artefact == folders.json()["artefacts"][0]
    text = remote("diff", "diff-one", "diff-two").out
    assert "request.data.text" in text
    assert "1 + SPECIMEN goodbye" in text


def test_equal_runs_are_0_and_every_trouble_is_2(remote: Docugen, tmp_path: Path) -> None:
    submit(remote, tmp_path, "diff-same", NOTE)

    assert remote("diff", "diff-same", "diff-same").code == 0
    for wrong in ("nobody", "../nobody", "no/such/manifest.json", "Not A Run"):
        ended = remote("diff", "diff-same", wrong, "--json")
        assert (ended.code, bool(ended.error()["hint"])) == (2, True), wrong
    (tmp_path / "other.json").write_text('{"schema": "else"}')
    assert remote("diff", "diff-same", "other.json", "--json").error()["reason"] == "NOT_A_MANIFEST"
    assert remote("diff", "diff-same", "diff-same", "--server", "127.0.0.1:1").code == 2
    assert remote("diff", "diff-same", "diff-same", "--local", "--server", "x:1").code == 2


def test_a_folder_whose_files_are_not_those_of_its_manifest_is_no_side_of_a_comparison(
    signed: Path, docugen: Docugen, copy: Path
) -> None:
    """It was called identical, by the manifests alone."""
    with (copy / "lines.csv").open("a") as table:
        table.write("SPECIMEN,forged\r\n")

    for before, now in ((signed / "out", copy), (copy, signed / "out")):
        ended = docugen("diff", before, now, "--json")
        assert (ended.code, ended.error()["reason"]) == (2, "ARTEFACT_CHANGED")
        assert "lines.csv" in ended.error()["message"]
    (copy / "lines.csv").unlink()
    assert docugen("diff", signed / "out", copy).code == 0, "what is gone is no claim"


def test_changed_pages_are_named_and_shown_side_by_side(signed: Path, docugen: Docugen, tmp_path: Path) -> None:
    bundle = json.loads(INVOICE.read_text())
    bundle["data"]["buyer"]["name"] = "Museum of Large Weather"
    (tmp_path / "other.json").write_text(json.dumps(bundle))
    assert process("render", "other.json", "--out", "now", "-q", cwd=tmp_path).code == 0

    ended = docugen("diff", signed / "out", "now", "--pages", "pictures", "--json")

    assert ended.code == 1
    (pdf,) = [a for a in ended.json()["artefacts"] if a["name"] == "invoice.pdf"]
    assert pdf["content"] == {"kind": "pages", "count": 1, "shown": ["1"]}
    assert pdf["pictures"] == ["pictures/invoice.pdf.page-1.png"]
    with Image.open(tmp_path / pdf["pictures"][0]) as sheet:
        marked = [color for _, color in sheet.convert("RGB").getcolors(1 << 24) or () if color == (255, 150, 170)]
        assert sheet.width > 3 * 800
        assert marked, "what differs is marked"


def test_cells_of_tables_are_named_with_both_values() -> None:
    before, now = b"item,price\r\nlamp,1.00\r\n", b"item,price\r\nlamp,2.00\r\nbulb,\r\n"

    assert content_change("csv", before, now) == {
        "kind": "cells",
        "count": 2,
        "shown": ["B2: '1.00' -> '2.00'", "A3: '' -> 'bulb'"],
    }
    assert content_change("xlsx", workbook("lamp", 1.5), workbook("lamp", 2.5)) == {
        "kind": "cells",
        "count": 1,
        "shown": ["1!B1: '1.5' -> '2.5'"],
    }


def workbook(item: str, price: float) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_string(0, 0, item)
        sheet.write_number(0, 1, price)
        sheet.write_formula(0, 27, "=B1*2")
    return file.getvalue()


@pytest.mark.parametrize("format", ["xlsx", "zip", "docx"])
def test_what_cannot_be_read_is_only_called_changed(format: str) -> None:
    assert content_change(format, b"PK", b"PL") is None
