"""`make demo`: one bundle rendered twice, over gRPC and without a server, and every byte compared.

Starts a scheduler on a free port of this machine, uses the command line as anybody would, and leaves everything under
var/demo/ (or the folder given as argument). The second rendering runs in other processes, under another hash seed, time
zone and language: none may matter.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
DEMO = Path("var/demo")
BUNDLE = "examples/bundles/quarterly-account-pack.json"
DOCUGEN = str(Path(sys.executable).parent / "docugen")
ELSEWHERE = {"PYTHONHASHSEED": "4711", "TZ": "Pacific/Auckland", "LC_ALL": "C"}
SHUTDOWN_S = 30


class DemoFailed(Exception):
    """Ends the demo; the message is for the person at the terminal."""


def main(folder: Path = DEMO) -> int:
    """Exit code 0 when every byte is equal."""
    os.chdir(ROOT)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with scheduler(folder) as address:
            say(f"A scheduler answers at {address} (gRPC, no queue). First rendering, over the network:")
            docugen("submit", BUNDLE, "--watch", "--download", str(folder / "first"), "--server", address)
        say("The scheduler is gone. Second rendering, in other processes, time zone and language, without a server:")
        docugen("render", BUNDLE, "--out", str(folder / "second"), **ELSEWHERE)
        return compared(folder / "first", folder / "second")
    except DemoFailed as failure:
        say(f"The demo did not work out: {failure}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def say(text: str) -> None:
    print(f"\n{text}", flush=True)


def environment(**more: str) -> dict[str, str]:
    """This environment without DocuGen settings of the caller, who may have some for other purposes."""
    return {k: v for k, v in os.environ.items() if not k.startswith("DOCUGEN_")} | more


@contextmanager
def scheduler(folder: Path) -> Iterator[str]:
    """A running scheduler; gives its address. Ended gracefully, however the demo ends."""
    log = folder / "scheduler.log"
    settings = {
        "DOCUGEN_GRPC_ADDRESS": "127.0.0.1:0",
        "DOCUGEN_STORE_URL": f"file://{quote(str((folder / 'store').absolute()))}",
    }
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "docugen_scheduler"],
            env=environment(**settings),
            stdout=subprocess.PIPE,
            stderr=stderr,
            # Ctrl-C is for the demo, which then ends the scheduler in its own way.
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()  # empty when the process ended without a word
        if not line:
            raise DemoFailed(f"the scheduler did not start:\n{log.read_text()}")
        yield json.loads(line)["address"]
    finally:
        process.terminate()
        try:
            code = process.wait(SHUTDOWN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        process.stdout.close()
    if code != 0:
        raise DemoFailed(f"the scheduler ended with exit code {code}; see {log}")


def docugen(*arguments: str, **more: str) -> None:
    """Run the command line, shown as one would type it."""
    print(f"$ docugen {shlex.join(arguments)}", flush=True)
    if subprocess.run([DOCUGEN, *arguments], env=environment(**more), check=False).returncode != 0:
        raise DemoFailed(f"`docugen {arguments[0]}` failed; its message is above")


def compared(first: Path, second: Path) -> int:
    """Hash both folders' files anew, as anybody could, and say what is equal."""
    before, now = ((folder / "manifest.json").read_bytes() for folder in (first, second))
    names = [a["name"] for a in json.loads(before)["artefacts"] if a["status"] == "rendered"]
    different = [name for name in names if sha256(first / name) != sha256(second / name)]
    equal = f"{len(names) - len(different)} of {len(names)} artefacts"
    if not different and before == now:
        say(f"{equal} and the manifest are byte-identical. They are in {first} and {second}.")
        return 0
    say(f"{equal} are byte-identical; the manifests are {'equal' if before == now else 'different'}.")
    for name in different:
        print(f"  {name}\n    {sha256(first / name)}  {first}\n    {sha256(second / name)}  {second}")
    engines = [json.loads(manifest)["engine"]["components"] for manifest in (before, now)]
    if engines[0] != engines[1]:
        changed = sorted(name for name, _ in engines[0].items() ^ engines[1].items())
        say(f"The engine changed while the demo ran: {', '.join(dict.fromkeys(changed))}. Run it again.")
    return 1


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "absent"


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))
