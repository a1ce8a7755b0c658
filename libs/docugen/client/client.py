"""DocugenClient: the calls of docugen.v1, typed, with deadlines, retries and reconnection built in.

Two kinds of waiting are told apart. `timeout` bounds one answer. `patience` bounds how long an operation that goes on by itself
(watch, wait, download) keeps coming back to a server that does not answer, for example one that is being restarted.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from docugen.client import decode
from docugen.client.access import Access, AuthorisedChannel
from docugen.client.bundle_message import bundle_message, bundle_object
from docugen.client.connection import STREAM_S, Call, answer, is_interruption, open_channel
from docugen.client.download import MANIFEST_NAME, SIGNATURE_NAME, Download, has_bytes_of, replace_file, safe_name
from docugen.client.errors import CorruptDownload, DocugenClientError, TryAgain, decoded
from docugen.client.fetching import ArtefactSource, fetch
from docugen.client.patience import Patience
from docugen.client.queue_client import QueueClient
from docugen.client.results import Artefact, BundleRun, Capabilities, Manifest, SignedUrl, TemplatePack, Verification
from docugen.client.run_request import create_request
from docugen.v1 import artefact_service_pb2 as artefacts_pb
from docugen.v1 import bundle_pb2, bundle_run_pb2
from docugen.v1 import bundle_run_service_pb2 as runs_pb
from docugen.v1 import template_service_pb2 as templates_pb
from docugen.v1.artefact_service_pb2_grpc import ArtefactServiceStub
from docugen.v1.bundle_run_service_pb2_grpc import BundleRunServiceStub
from docugen.v1.template_service_pb2_grpc import TemplateServiceStub

DEFAULT_ADDRESS = "127.0.0.1:50051"
WAIT_WINDOW_S = 25.0
GRACE_S = 5.0
VERIFY_S = 600.0
ANYBODY = Access()

R = TypeVar("R", bound=Message)
Trace = Callable[[], Mapping[str, str]]


class DocugenClient:
    """A connection to one scheduler. Use as `async with`; safe to use from many tasks of one event loop.

    address: host:port. access: certificates and token, where the server asks for them; by default neither (loopback, or a mesh
    that encrypts and knows its callers). trace: asked at each call for the W3C headers (traceparent, tracestate) of the span it
    belongs to, as OpenTelemetry's `inject` fills them in; the server's spans hang below it. timeout: seconds for one answer
    (for less in one place: `asyncio.timeout`). patience: seconds without any answer after which watch, wait and download give
    up.

    A run is named by its id or by any BundleRun. All methods raise Refused (do not repeat) or TryAgain (may be repeated:
    every method is idempotent); entering raises Refused for files or a token that cannot be used. `queue`: the operators'
    part, of servers with a queue.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        access: Access = ANYBODY,
        trace: Trace | None = None,
        timeout: float = 30.0,
        patience: float = 60.0,
    ) -> None:
        self.address = address
        self._access = access
        self._trace = trace or _untraced
        self._timeout = timeout
        self._patience = patience

    async def __aenter__(self) -> DocugenClient:
        self._channel = open_channel(self.address, self._access)
        # The stubs ask for a whole channel, and use it to make calls.
        calls: Any = AuthorisedChannel(self._channel, self._metadata)
        self._runs = BundleRunServiceStub(calls)
        self._artefacts = ArtefactServiceStub(calls)
        self._templates = TemplateServiceStub(calls)
        self.queue = QueueClient(calls, address=self.address, timeout=self._timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (*self._access.metadata, *((name.lower(), value) for name, value in self._trace().items()))

    # --- runs -------------------------------------------------------------------------------------------------------

    async def submit(
        self,
        bundle: Mapping[str, Any] | bundle_pb2.BundleSpec,
        bundle_run_id: str = "",
        *,
        labels: Mapping[str, str] | None = None,
        max_attempts: int = 0,
        not_before: dt.datetime | None = None,
        wait: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - part of what `wait` means
    ) -> BundleRun:
        """Render `bundle`, or get the run that already did: the same bundle is the same run, for ever.

        Returns as soon as the run is recorded, or, with `wait`, once it is terminal (`timeout` then bounds the whole).
        not_before: start no earlier; a time without zone is local. labels: for lists and filters.
        A run that fails is not an exception: see its `state` and `error`. Raises Refused INVALID_SPEC with every wrong
        field, BUNDLE_RUN_EXISTS when the id names another bundle.
        """
        request = create_request(bundle, bundle_run_id, labels=labels, max_attempts=max_attempts, not_before=not_before)
        request.return_immediately = True
        response = await self._call(self._runs.CreateBundleRun, request)
        run = decode.bundle_run(response.bundle_run, deduplicated=response.deduplicated)
        return replace(await self.wait(run, timeout), deduplicated=run.deduplicated) if wait else run

    async def validate(self, bundle: Mapping[str, Any] | bundle_pb2.BundleSpec, bundle_run_id: str = "") -> BundleRun:
        """Check everything and store nothing. The answer is the run as it would be named, with its spec digest.

        Raises Refused INVALID_SPEC with every wrong field.
        """
        request = runs_pb.CreateBundleRunRequest(
            bundle_run_id=bundle_run_id, spec=bundle_message(bundle), validate_only=True
        )
        response = await self._call(self._runs.CreateBundleRun, request)
        return decode.bundle_run(response.bundle_run)

    async def get(self, run: str | BundleRun) -> BundleRun:
        """The present state. Raises Refused BUNDLE_RUN_NOT_FOUND."""
        request = runs_pb.GetBundleRunRequest(name=_name(run))
        return decode.bundle_run((await self._call(self._runs.GetBundleRun, request)).bundle_run)

    async def bundle(self, run: str | BundleRun) -> dict[str, Any] | None:
        """The bundle of a run as people write it, templates pinned to versions; it holds the caller's data. None where the
        server has not kept it."""
        request = runs_pb.GetBundleRunRequest(name=_name(run), view=bundle_run_pb2.BUNDLE_RUN_VIEW_FULL)
        answered = (await self._call(self._runs.GetBundleRun, request)).bundle_run
        return bundle_object(answered.spec) if answered.HasField("spec") else None

    async def list(self, filter: str = "", *, page_size: int = 100) -> AsyncIterator[BundleRun]:
        """Every run that matches, newest first, fetched page by page as you iterate.

        filter: comparisons joined by AND, e.g. `state = FAILED AND labels.team = "billing"`.
        """
        token = ""
        while True:
            request = runs_pb.ListBundleRunsRequest(filter=filter, page_size=page_size, page_token=token)
            page = await self._call(self._runs.ListBundleRuns, request)
            for message in page.bundle_runs:
                yield decode.bundle_run(message)
            token = page.next_page_token
            if not token:
                return

    async def watch(self, run: str | BundleRun) -> AsyncIterator[BundleRun]:
        """Snapshots of the run: the present one at once, the terminal one last. Comes back after a broken connection.

        States in between may be skipped. Abandon it at any time; the run goes on. Raises TryAgain when the server gave no
        answer for `patience` seconds.
        """
        patience = Patience(self._patience)
        latest: BundleRun | None = None
        while True:
            call = self._runs.WatchBundleRun(runs_pb.WatchBundleRunRequest(name=_name(run)), timeout=STREAM_S)
            # A restarted server may count revisions from a lower one, so they are compared within one stream only.
            try:
                async for message in call:
                    patience.answered()
                    snapshot = decode.bundle_run(message.bundle_run)
                    if snapshot != latest:
                        latest = snapshot
                        yield snapshot
                    if snapshot.state.is_terminal:
                        return
                failure: DocugenClientError = TryAgain("the stream ended before the run did", reason="STREAM_ENDED")
            except grpc.aio.AioRpcError as error:
                failure = decoded(error, self.address)
                if not is_interruption(error):
                    raise failure from None
            finally:
                call.cancel()
            await patience.after(failure)

    async def wait(self, run: str | BundleRun, timeout: float | None = None) -> BundleRun:  # noqa: ASYNC109 - part of what it says
        """The run once it is terminal. `timeout` in seconds, None for as long as it takes.

        Raises TryAgain WAIT_TIMED_OUT after `timeout`; the run goes on.
        """
        clock = asyncio.get_running_loop().time
        deadline = None if timeout is None else clock() + timeout
        patience = Patience(self._patience)
        while True:
            left = WAIT_WINDOW_S if deadline is None else deadline - clock()
            window = min(max(left, 0.0), WAIT_WINDOW_S)
            request = runs_pb.WaitBundleRunRequest(name=_name(run), timeout=Duration())
            request.timeout.FromNanoseconds(int(window * 1e9))
            try:
                response = await self._call(self._runs.WaitBundleRun, request, window + GRACE_S)
            except TryAgain as failure:
                await patience.after(failure)
                continue
            patience.answered()
            snapshot = decode.bundle_run(response.bundle_run)
            if snapshot.state.is_terminal:
                return snapshot
            if left <= 0:
                raise TryAgain(
                    f"run {snapshot.id} is still {snapshot.state.value} after {timeout:g} s",
                    reason="WAIT_TIMED_OUT",
                    hint="It goes on; wait again, or watch it.",
                )
            await asyncio.sleep(0.02)  # a server that ends waits early must not be asked in a tight loop

    async def cancel(self, run: str | BundleRun, reason: str = "") -> BundleRun:
        """Stop an unfinished run; nothing of it is published. Raises Refused NOT_CANCELLABLE once it is terminal."""
        request = runs_pb.CancelBundleRunRequest(name=_name(run), reason=reason)
        return decode.bundle_run((await self._call(self._runs.CancelBundleRun, request)).bundle_run)

    async def retry(self, run: str | BundleRun) -> BundleRun:
        """Start a failed or cancelled run again: same id, bundle and seed. Raises Refused NOT_RETRYABLE."""
        request = runs_pb.RetryBundleRunRequest(name=_name(run))
        return decode.bundle_run((await self._call(self._runs.RetryBundleRun, request)).bundle_run)

    async def delete(self, run: str | BundleRun) -> None:
        """Forget a run that has ended, its files and its manifest; its id is free then. One that is gone is no error.

        Raises Refused NOT_DELETABLE while it has not ended.
        """
        await self._call(self._runs.DeleteBundleRun, runs_pb.DeleteBundleRunRequest(name=_name(run)))

    async def verify(self, run: str | BundleRun) -> Verification:
        """Have the server render the finished run again, in memory, and compare every digest with the manifest."""
        request = runs_pb.VerifyBundleRunRequest(name=_name(run))
        return decode.verification(await self._call(self._runs.VerifyBundleRun, request, VERIFY_S))

    # --- artefacts --------------------------------------------------------------------------------------------------

    async def manifest(self, run: str | BundleRun) -> Manifest:
        """The manifest of a finished run. Raises Refused BUNDLE_RUN_NOT_FINISHED, CorruptDownload."""
        request = artefacts_pb.GetManifestRequest(name=_name(run))
        response = await self._call(self._artefacts.GetManifest, request)
        try:
            # Read from the published bytes, not from the parsed copy beside them: these are what digests vouch for.
            return Manifest.from_bytes(response.manifest_json, response.signature_json or None)
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptDownload(
                f"the manifest of {_name(run)} cannot be read: {error}",
                reason="CORRUPT_MANIFEST",
                hint="Compare the versions of client and server, then `docugen verify` the run.",
            ) from None

    async def artefacts(self, run: str | BundleRun) -> tuple[Artefact, ...]:
        """The documents of a finished run, sorted by name."""
        return (await self.manifest(run)).artefacts

    async def artefact_url(
        self, run: str | BundleRun, name: str, lifetime: dt.timedelta = dt.timedelta(minutes=15)
    ) -> SignedUrl:
        """A URL to fetch one artefact without this service, for whoever has it. lifetime: whole seconds, 7 days at most.

        Raises Refused URLS_NOT_SUPPORTED where the server keeps artefacts in a folder: then `download`.
        """
        request = artefacts_pb.SignArtefactUrlRequest(name=f"{_name(run)}/artefacts/{name}", lifetime=Duration())
        request.lifetime.FromTimedelta(lifetime)
        return decode.signed_url(await self._call(self._artefacts.SignArtefactUrl, request))

    async def download(self, run: str | BundleRun, directory: str | Path) -> Download:
        """Every artefact of a finished run into `directory`, then its `manifest.json`, preceded by its signature if it has one.

        Each file is verified against the manifest before it gets its name; files already there with the right bytes are left
        alone; an interrupted download goes on where it ended. Raises CorruptDownload when bytes do not match.
        """
        folder = Path(directory)
        manifest = await self.manifest(run)
        rendered = [a for a in manifest.artefacts if a.rendered]
        targets = {safe_name(a.name): a for a in rendered}
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        written, unchanged = [], []
        for name, artefact in targets.items():
            if await asyncio.to_thread(has_bytes_of, folder / name, artefact):
                unchanged.append(name)
            else:
                source = ArtefactSource(self._artefacts, f"{_name(run)}/artefacts/{name}", self.address)
                await fetch(source, artefact, folder, Patience(self._patience))
                written.append(name)
        if manifest.signature is not None:
            await asyncio.to_thread(replace_file, folder / SIGNATURE_NAME, manifest.signature)
        await asyncio.to_thread(replace_file, folder / MANIFEST_NAME, manifest.json_bytes)
        return Download(folder, manifest, tuple(written), tuple(unchanged))

    # --- templates and the server itself ----------------------------------------------------------------------------

    async def templates(self) -> tuple[TemplatePack, ...]:
        """The server's template packs, sorted by name and version; without schemas and samples."""
        response = await self._call(self._templates.ListTemplatePacks, templates_pb.ListTemplatePacksRequest())
        return tuple(decode.template_pack(p) for p in response.template_packs)

    async def template_pack(self, pack: str) -> TemplatePack:
        """One pack (`invoice` or `invoice@1.0.0`) with schemas and samples. Raises Refused TEMPLATE_NOT_FOUND."""
        request = templates_pb.GetTemplatePackRequest(name=f"templatePacks/{pack}")
        return decode.template_pack((await self._call(self._templates.GetTemplatePack, request)).template_pack)

    async def capabilities(self) -> Capabilities:
        """Mode, formats, generators, engine fingerprint and limits of the server."""
        return decode.capabilities(await self._call(self._runs.GetCapabilities, runs_pb.GetCapabilitiesRequest()))

    async def _call(self, method: Call[R], request: Message, timeout: float | None = None) -> R:  # noqa: ASYNC109
        return await answer(method, request, address=self.address, timeout=timeout or self._timeout)


def _name(run: str | BundleRun) -> str:
    run_id = run.id if isinstance(run, BundleRun) else run
    return f"bundleRuns/{run_id.removeprefix('bundleRuns/')}"


def _untraced() -> Mapping[str, str]:
    return {}
