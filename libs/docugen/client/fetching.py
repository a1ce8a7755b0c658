"""One artefact from a server into its file, across as many interruptions as patience allows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from docugen.client.connection import STREAM_S, is_interruption
from docugen.client.download import PartFile
from docugen.client.errors import DocugenClientError, TryAgain, decoded
from docugen.client.patience import Patience
from docugen.client.results import Artefact
from docugen.v1.artefact_service_pb2 import ReadArtefactRequest

if TYPE_CHECKING:  # the stub's asynchronous face exists for the type checker only
    from docugen.v1.artefact_service_pb2_grpc import ArtefactServiceAsyncStub


@dataclass(frozen=True, slots=True)
class ArtefactSource:
    """Where an artefact comes from. name: its resource name; address: how messages call the server."""

    stub: ArtefactServiceAsyncStub
    name: str
    address: str


async def fetch(source: ArtefactSource, artefact: Artefact, folder: Path, patience: Patience) -> None:
    """Bring `artefact` into `folder`, beginning where an earlier attempt ended. Safe to cancel and to repeat.

    Raises CorruptDownload when its bytes are not the manifest's, and what the server answers.
    """
    with PartFile(folder, artefact) as part:
        while not part.is_whole:
            before = part.offset
            failure = await _read_on(source, part)
            if part.offset > before:
                patience.answered()
            if not part.is_whole:
                await patience.after(failure)
        await asyncio.to_thread(part.finish)


async def _read_on(source: ArtefactSource, part: PartFile) -> DocugenClientError:
    """Append what comes until the stream ends or breaks; returns what to raise should there be no next attempt."""
    request = ReadArtefactRequest(name=source.name, read_offset=part.offset)
    call = source.stub.ReadArtefact(request, timeout=STREAM_S)
    try:
        async for message in call:
            part.write(message.chunk)
    except grpc.aio.AioRpcError as error:
        failure = decoded(error, source.address)
        if not is_interruption(error):
            raise failure from None
        return failure
    finally:
        call.cancel()
    return TryAgain(f"{source.name}: the stream ended early", reason="STREAM_ENDED", hint="Download again.")
