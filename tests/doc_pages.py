"""The documentation as programs: fenced blocks of a Markdown page, and a desk on which they run in order.

A block's info string says what a reader does with it. The first word is the language, for colours; the second the action:

    bash run              type it; `exit=2` where it is meant to fail. The folder and exported variables stay for the next one
    bash serve            type it in another terminal: one command that starts the scheduler
    python run            a program: run it
    toml file=a/b.toml    save it under this name
    text output           what the run before printed; … stands for what differs from run to run, alone in a line for any lines
    bash shown            only read: it cannot run here (installs, other languages, other machines)
    text                  a drawing

What a run printed is its standard output, followed by standard error where it was meant to fail. Pages are written for the
default address; here the scheduler gets a free port, and both directions are translated.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cli_process import ROOT, environment

ADDRESS = "127.0.0.1:50051"
ACTIONS = ("run", "serve", "file", "output", "shown")
BLOCK_S = 200
PROVIDED = ("examples", "protos", "buf.yaml")
"""What of the repository a page finds in its folder, as a reader does in a clone."""

_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. action: one of ACTIONS, empty for a drawing. file: where to save it. line: of its opening fence."""

    page: str
    line: int
    language: str
    action: str
    body: str
    file: str = ""
    exit_code: int = 0

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order. Raises ValueError for an info string that is none of the above."""
    text = page.read_text(encoding="utf-8")
    return [_block(page, text, found) for found in _FENCE.finditer(text)]


def without_blocks(text: str) -> str:
    return _FENCE.sub("", text)


def _block(page: Path, text: str, found: re.Match[str]) -> Block:
    name = page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name
    line = text.count("\n", 0, found.start()) + 1
    language, *words = found["info"].split() or [""]
    options = dict(word.split("=", 1) for word in words if "=" in word)
    actions = [word for word in words if "=" not in word] + ["file"] * ("file" in options)
    action = actions[0] if actions else ""
    unknown = options.keys() - {"file", "exit"}
    if len(actions) > 1 or unknown or (action not in ACTIONS and not (action == "" and language == "text")):
        raise ValueError(f"{name}:{line}: no known action in ```{found['info']}; see tests/doc_pages.py")
    return Block(name, line, language, action, found["body"], options.get("file", ""), int(options.get("exit", 0)))


@dataclass(slots=True)
class Desk:
    """One page's folder, its shell's variables, and its scheduler once there is one."""

    folder: Path
    address: str = ADDRESS
    printed: str = ""
    scheduler: subprocess.Popen[str] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def do(self, block: Block) -> None:
        """What a reader does with `block`. AssertionError, with the place in the page, where it does not come true."""
        match block.action:
            case "run":
                self._run(block)
            case "serve":
                self._serve(block)
            case "file":
                file = self.folder / block.file
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.body, encoding="utf-8")
            case "output":
                shown = self.printed.replace(self.address, ADDRESS)
                assert pattern(block.body).fullmatch(plain(shown)), (
                    f"{block.place}: the page shows\n{block.body}\nbut it printed\n{shown}"
                )

    def _run(self, block: Block) -> None:
        if block.language == "python":
            command, given = [sys.executable, "-"], block.body
        else:
            command, given = ["bash"], self._script(block)
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | {"DOCUGEN_GRPC_ADDRESS": self.address},  # for Python; shells get it from _restore
            input=given.replace(ADDRESS, self.address),
            capture_output=True,
            text=True,
            timeout=BLOCK_S,
            check=False,
        )
        printed = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == block.exit_code, f"{block.place}: exit code {done.returncode}\n{printed}"
        self.printed = done.stdout + (done.stderr if block.exit_code else "")

    def _script(self, block: Block) -> str:
        """The block, before it what restores and behind it what keeps the shell's folder and exported variables."""
        keep = f"{{ export -p; printf 'cd %q\\n' \"$PWD\"; }} >{self._state}"
        return f"set -eu -o pipefail\n{self._restore}\ntrap {shlex.quote(keep)} EXIT\n{block.body}"

    @property
    def _state(self) -> str:
        return shlex.quote(str(self.folder / ".shell"))

    @property
    def _restore(self) -> str:
        # The address is the desk's to give: a page's scheduler gets a free port after the first variables were kept.
        return f"[ ! -f {self._state} ] || . {self._state}; export DOCUGEN_GRPC_ADDRESS={self.address}"

    def _serve(self, block: Block) -> None:
        assert self.scheduler is None, f"{block.place}: a page starts one scheduler"
        self.address = "127.0.0.1:0"
        self.scheduler = subprocess.Popen(
            ["bash", "-c", f"{self._restore}\nexec {block.body}"],
            cwd=self.folder,
            env=self.environment | {"DOCUGEN_METRICS_ADDRESS": ""},  # pages are read one beside the other
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.scheduler.stdout is not None
        self.printed = self.scheduler.stdout.readline()
        assert self.printed, f"{block.place}: the scheduler did not start"
        self.address = json.loads(self.printed)["address"]


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """A desk with the examples of the repository on it. Its scheduler ends with it, gracefully."""
    for name in PROVIDED:
        (folder / name).symlink_to(ROOT / name)
    variables = environment()
    variables["PATH"] = f"{Path(sys.executable).parent}:{variables['PATH']}"
    made = Desk(folder, environment=variables)
    try:
        yield made
    finally:
        if made.scheduler:
            made.scheduler.terminate()
            code = made.scheduler.wait(60)
            assert made.scheduler.stdout is not None
            made.scheduler.stdout.close()
    if made.scheduler:
        assert code == 0, "the scheduler did not end gracefully"


def pattern(shown: str) -> re.Pattern[str]:
    """What output may look like for a page that shows `shown`."""
    lines = []
    for line in plain(shown).splitlines():
        if line.strip() == "…":
            lines.append(r"(?:[^\n]*\n)*?")
        else:
            lines.append(".*?".join(re.escape(part) for part in line.split("…")) + "\n")
    return re.compile("".join(lines))


def plain(text: str) -> str:
    """Without blanks at line ends, which nobody sees, and without empty lines at both ends."""
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"
