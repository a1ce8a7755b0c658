"""Run by tests as a program: processes that use a store and die, or race. Forks, so that each one costs milliseconds.

store_drill.py crash FOLDER    publishes a run into FOLDER/1, FOLDER/2, ...; the n-th process kills itself (SIGKILL) before
                               its n-th change to the file system, with half the bytes written if that is a write.
                               Prints the call each died at, and ends with the first process that lives.
store_drill.py race FOLDER N   N processes publish one run, each with other bytes; prints each one's answer's digest.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bundle_examples import LETTERS, manifest_of
from docugen_core.adapters.local_store import LocalStore
from docugen_core.domain.identity import content_digest

CHANGES = ("mkdir", "write", "fsync", "link", "unlink", "rename")


async def publish(folder: Path, files: Mapping[str, bytes]) -> bytes:
    store = LocalStore(folder)
    for data in files.values():
        await store.put_blob(data)
    manifest = manifest_of(files)
    await store.put_signature(content_digest(manifest), signature_of(manifest))
    return await store.publish("run-1", manifest)


def signature_of(manifest: bytes) -> bytes:
    """Bytes that stand for a signature, the same for the same manifest."""
    return b"signature of " + content_digest(manifest).encode()


def die_before_change(number: int, report: int) -> None:
    """From now on, this process dies before its `number`-th change to the file system."""
    changes = 0

    def dying(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal changes
            changes += 1
            if changes == number:
                if name == "write":
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                real_write(report, f"{name}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    real_write = os.write
    for name in CHANGES:
        setattr(os, name, dying(name, getattr(os, name)))


def crash(root: Path) -> None:
    number = 1
    while True:
        folder = root / str(number)
        LocalStore(folder)
        child = os.fork()
        if child == 0:
            die_before_change(number, report=1)
            asyncio.run(publish(folder, LETTERS))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(status)
        number += 1


def race(folder: Path, count: int) -> None:
    LocalStore(folder)
    start, go = os.pipe()
    children = []
    for n in range(count):
        child = os.fork()
        if child == 0:
            os.close(go)
            os.read(start, 1)  # all begin when the parent closes its end
            answer = asyncio.run(publish(folder, {"letter.txt": f"attempt {n}".encode()}))
            os.write(1, f"{content_digest(answer)}\n".encode())
            os._exit(0)
        children.append(child)
    os.close(go)
    sys.exit(max(os.waitpid(child, 0)[1] for child in children))


if __name__ == "__main__":
    if sys.argv[1] == "crash":
        crash(Path(sys.argv[2]))
    else:
        race(Path(sys.argv[2]), int(sys.argv[3]))
