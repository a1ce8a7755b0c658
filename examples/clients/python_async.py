"""Submit a bundle, follow it, fetch its files: the typed client in an asyncio program.

    python examples/clients/python_async.py examples/bundles/invoice.json out/invoice

The server is at DOCUGEN_GRPC_ADDRESS, or at 127.0.0.1:50051. For a server with TLS and tokens set DOCUGEN_CA_FILE and
DOCUGEN_TOKEN_FILE. Run it twice: the second time it is the same run, nothing is rendered, and no file is written.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path

from docugen.client import Access, BundleRun, DocugenClient, DocumentState, Refused, TryAgain

SUBMITS_MAX = 20


async def submit(client: DocugenClient, bundle: dict[str, object]) -> BundleRun:
    """The run of `bundle`. Asking again is safe: the id comes from the bundle, so there is never a second run.

    The client itself repeats while its timeout lasts. Beyond that the server says when there will be room.
    """
    for _ in range(SUBMITS_MAX):
        try:
            return await client.submit(bundle, labels={"from": "example"})
        except TryAgain as later:
            wait = later.retry_after or 1.0
            print(f"{later.reason}; again in {wait:g} s", flush=True)
            await asyncio.sleep(wait)
    raise SystemExit("the server had no room; try again later")


async def follow(client: DocugenClient, run: BundleRun) -> BundleRun:
    """The run once it has ended, with a line for each state on the way. A broken connection is taken up again."""
    async for run in client.watch(run):  # noqa: B020 - each state replaces the one before
        done = sum(document.state is DocumentState.RENDERED for document in run.documents)
        print(f"{run.state.value}: {done} of {len(run.documents)} documents", flush=True)
    return run


async def main(bundle: dict[str, object], folder: Path, timeout: float) -> None:  # noqa: ASYNC109 - the client's
    address, access = server()
    async with DocugenClient(address, access=access, timeout=timeout) as client:
        run = await submit(client, bundle)
        print(f"run {run.id} {'was known' if run.deduplicated else 'is new'}", flush=True)
        run = await follow(client, run)
        if run.error is not None:
            raise SystemExit(f"{run.error.reason}: {run.error.message}\n{run.error.hint}")
        saved = await client.download(run, folder)  # each file checked against the manifest
        print(f"{len(saved.written)} written, {len(saved.unchanged)} unchanged in {folder}")


def server() -> tuple[str, Access]:
    """Where the server is, and how to get in."""
    token_file = os.environ.get("DOCUGEN_TOKEN_FILE", "")
    access = Access(
        ca=os.environ.get("DOCUGEN_CA_FILE"),  # TLS; without it plain text, which is for loopback and meshes
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
        asyncio.run(main(json.loads(given.bundle.read_text(encoding="utf-8")), given.folder, given.timeout))
    except Refused as refused:
        raise SystemExit("\n".join([f"{refused.reason}: {refused}", *map(str, refused.violations)])) from None
