"""`docugen` as a process, and what the tests of the command line share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUGEN = Path(sys.executable).parent / "docugen"
INVOICE = ROOT / "examples" / "bundles" / "invoice.json"
ENDS_S = 200
"""What has not ended by then never does, on slow machines too."""
NOTE = {"documents": [{"name": "note.txt", "format": "txt", "template": "note/note"}], "data": {"text": "hello"}}


BROKEN = {
    "documents": [{"name": "broken.txt", "format": "txt", "template": "broken/broken"}],
    "data": {"text": "hello"},
}


def broken_pack(packs: Path) -> None:
    """A pack beside `note` in `packs` whose template fails on its second line."""
    folder = packs / "broken"
    shutil.copytree(packs / "note", folder)
    folder.joinpath("pack.toml").write_text(
        folder.joinpath("pack.toml").read_text().replace('"note"', '"broken"').replace('"note.txt"', '"broken.txt"')
    )
    folder.joinpath("note.txt").rename(folder / "broken.txt").write_text("SPECIMEN\nDear {{ data.nmae }},\n")


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """stdout, which is exactly one JSON document."""
        return json.loads(self.out)

    def error(self) -> dict[str, Any]:
        """The error that `--json` puts on stderr."""
        error: dict[str, Any] = json.loads(self.err)["error"]
        return error


def process(*arguments: str | Path, cwd: Path, stdin: str = "", ulimit: str = "", **env: str) -> Ended:
    """`docugen ARGUMENTS` as a process of its own. ulimit: of the shell it is started from, as in `-n 20`."""
    within = ["sh", "-c", f'ulimit {ulimit}; exec "$@"', "sh"] if ulimit else []
    done = subprocess.run(
        [*within, DOCUGEN, *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        env=environment() | env,
        capture_output=True,
        text=True,
        timeout=ENDS_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def environment() -> dict[str, str]:
    """This environment without DocuGen settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DOCUGEN_")}  # noqa: TID251


@dataclass(frozen=True, slots=True)
class Server:
    """A scheduler in a process of its own, with the pack `note`. address: host:port. store_url: its store."""

    address: str
    store_url: str
    template_path: str
