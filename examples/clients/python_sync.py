"""The same from a program without asyncio: a web application, a script, a task of a job queue.

    python examples/clients/python_sync.py examples/bundles/invoice.json out/invoice

`BlockingClient` is all it takes: one event loop of its own, in which the calls of the asyncio client run one after the other.
Use one in each thread. The server is at DOCUGEN_GRPC_ADDRESS, or at 127.0.0.1:50051; TLS and tokens as in
python_async.py.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from docugen.client import Access, BundleRun, DocugenClient, DocumentState, Refused, TryAgain

T = TypeVar("T")
SUBMITS_MAX = 20


class BlockingClient:
    """`with BlockingClient(address) as client: run = client.call(client.aio.submit(bundle))`."""

    def __init__(self, address: str, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self.aio = DocugenClient(address, **options)

    def __enter__(self) -> BlockingClient:
        self._runner.run(self.aio.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self.aio.__aexit__(kind, error, trace))
        self._runner.close()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def watch(self, run: BundleRun) -> Iterator[BundleRun]:
        """Every state of the run until the last one."""
        states = self.aio.watch(run)

        async def next_state() -> BundleRun | None:
            return await anext(states, None)

        while (state := self.call(next_state())) is not None:
            yield state


def submit(client: BlockingClient, bundle: dict[str, object]) -> BundleRun:
    """The run of `bundle`. Asking again is safe: the id comes from the bundle, so there is never a second run."""
    for _ in range(SUBMITS_MAX):
        try:
            return client.call(client.aio.submit(bundle))
        except TryAgain as later:
            wait = later.retry_after or 1.0
            print(f"{later.reason}; again in {wait:g} s", flush=True)
            time.sleep(wait)
    raise SystemExit("the server had no room; try again later")


def main(path: Path, folder: Path, timeout: float) -> None:
    bundle = json.loads(path.read_text(encoding="utf-8"))
    address, access = server()
    with BlockingClient(address, access=access, timeout=timeout) as client:
        run = submit(client, bundle)
        print(f"run {run.id} {'was known' if run.deduplicated else 'is new'}", flush=True)
        for run in client.watch(run):  # noqa: B020 - each state replaces the one before
            done = sum(document.state is DocumentState.RENDERED for document in run.documents)
            print(f"{run.state.value}: {done} of {len(run.documents)} documents", flush=True)
        if run.error is not None:
            raise SystemExit(f"{run.error.reason}: {run.error.message}\n{run.error.hint}")
        saved = client.call(client.aio.download(run, folder))
        print(f"{len(saved.written)} written, {len(saved.unchanged)} unchanged in {folder}")


def server() -> tuple[str, Access]:
    """Where the server is, and how to get in."""
    token_file = os.environ.get("DOCUGEN_TOKEN_FILE", "")
    access = Access(
        ca=os.environ.get("DOCUGEN_CA_FILE"),
        token=Path(token_file).read_text(encoding="utf-8").strip() if token_file else "",
    )
    return os.environ.get("DOCUGEN_GRPC_ADDRESS", "127.0.0.1:50051"), access


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds for one answer")
    given = parser.parse_args()
    try:
        main(given.bundle, given.folder, given.timeout)
    except Refused as refused:
        raise SystemExit("\n".join([f"{refused.reason}: {refused}", *map(str, refused.violations)])) from None
