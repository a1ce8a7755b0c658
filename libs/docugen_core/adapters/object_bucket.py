"""A bucket, or a part of one, in which objects appear once: what `object_store` asks of S3, Google Cloud Storage and Azure.

How an object appears. One conditional request (S3: PUT with If-None-Match: *) that succeeds only where no object has the name:
of any number of writers the first wins, and readers see all of an object or none of it. S3 compares the SHA-256 of what came
in with what was sent. Nothing is left behind by a writer that died: an upload that did not end is no object.

Assumed of the service: conditional creation, reads and listings that see what was written before (S3, Google and Azure promise
both; `prove` finds a service that ignores the condition), and bytes that are durable once a request is answered.

Bounds: REQUESTS_MAX requests at once, each within `timeout_ms`, and RETRIES_MAX repetitions of one that met a broken
connection, a 5xx or 429; all in the library's own client. Library errors are translated here, once, and never repeated to a
caller: their text holds URLs and keys. Credentials, region and endpoint come from the environment that the service's own tools
know (AWS_..., GOOGLE_..., AZURE_...). It knows nothing of digests, runs or manifests.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, S3Store

from docugen_core.errors import ConfigurationError, DocugenError, NotPossibleNow, Unavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

Service: TypeAlias = S3Store | GCSStore | AzureStore

SCHEMES = ("s3://", "gs://", "az://")
REQUESTS_MAX = 32
RETRIES_MAX = 4
PAGE_ITEMS = 1_000
CONNECT_TIMEOUT_MS = 5_000
PROOF = "docugen-store.json"
PROOF_BYTES = b'{"schema":"docugen.store/v1"}'

_URL = re.compile(r"(?:s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]{1,254}(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._=-]+)*/?")
_STATUS = re.compile(r"status code: (\d{3})")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist")
_FULL = ("XMinioStorageFull", "QuotaExceeded", "InsufficientStorage", "AccountLimitExceeded")
_NO_CREDENTIALS = ("/latest/api/token", "/latest/meta-data", "169.254.170.2", "metadata.google.internal")


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a listing. key: below the store's prefix."""

    key: str
    size: int
    modified_ms: int


class Bucket:
    """The objects below a URL. `Bucket.open` makes one; no request is sent before the first method is called.

    Methods raise Unavailable: STORE_FORBIDDEN (credentials, rights), STORE_BUSY (429, 503: slow down), STORE_FULL (a quota),
    STORE_UNAVAILABLE (no such bucket, no answer in time, anything else). All may be cancelled and repeated.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._room = asyncio.Semaphore(REQUESTS_MAX)

    @classmethod
    def open(cls, url: str, *, timeout_ms: int, allow_http: bool = False) -> Bucket:
        """The bucket of `s3://bucket/prefix`, `gs://...` or `az://...`. timeout_ms: for one request, all its bytes included.
        allow_http: of an endpoint without TLS.

        Raises ConfigurationError: another URL, or the environment lacks what is needed.
        """
        if not _URL.fullmatch(url):
            raise ConfigurationError(
                f"DOCUGEN_STORE_URL={url!r}: must be s3://bucket, s3://bucket/prefix, or the same with gs:// or az://",
                hint="Letters, digits, '.', '_', '-' and '=' between the slashes.",
            )
        try:
            return cls(_opened(url, timeout_ms, allow_http))
        except BaseError as error:
            raise ConfigurationError(
                f"DOCUGEN_STORE_URL={url!r}: the environment does not say how to reach it: {_first_line(error)}",
                hint="S3 takes AWS_REGION and AWS_ACCESS_KEY_ID, Azure AZURE_STORAGE_ACCOUNT_NAME.",
            ) from error

    async def prove(self) -> None:
        """Make sure, before anything relies on it, that the bucket is there, may be written, and creates objects once.

        Raises ConfigurationError for what will not pass by itself, Unavailable for what may.
        """
        try:
            created = [await self.create(PROOF, PROOF_BYTES) for _ in range(2)]
        except Unavailable as error:
            status = error.details.get("status", "")
            if error.reason != "STORE_FORBIDDEN" and (status == "429" or status[:1] not in ("3", "4")):
                raise
            raise ConfigurationError(
                f"DOCUGEN_STORE_URL: {error.message}", hint=error.hint, details=error.details
            ) from error
        if created[1]:
            raise ConfigurationError(
                "DOCUGEN_STORE_URL: this service overwrites an object although it was asked to create it only once",
                hint="DocuGen needs conditional writes (If-None-Match: *): use a release of the service that has them.",
            )

    async def create(self, key: str, data: bytes) -> bool:
        """Make the object `key`, durably; False if there is one (it is left as it is)."""
        try:
            async with self._room:
                await obstore.put_async(self._service, key, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        except Exception as error:
            raise _translated(error, key) from error
        return True

    async def put(self, key: str, data: bytes) -> None:
        """Put an object in the place of any older one, at once."""
        with _errors(key):
            async with self._room:
                await obstore.put_async(self._service, key, data, use_multipart=False)

    async def copy(self, source: str, target: str) -> bool:
        """Give the bytes of `source` to `target` as well, inside the service; False if there is no source."""
        with _errors(target):
            try:
                async with self._room:
                    await obstore.copy_async(self._service, source, target)
            except FileNotFoundError as error:
                _refuse_missing_bucket(error)
                return False
        return True

    async def read(self, key: str, offset: int = 0, limit: int = -1) -> bytes | None:
        """Bytes of the object from `offset`, `limit` at most (-1: to the end); None if there is no such object."""
        if limit == 0:
            return None if await self.look(key) is None else b""
        with _errors(key):
            try:
                async with self._room:
                    if limit > 0:
                        answer = await obstore.get_async(
                            self._service, key, options={"range": (offset, offset + limit)}
                        )
                    elif offset:
                        answer = await obstore.get_async(self._service, key, options={"range": {"offset": offset}})
                    else:
                        answer = await obstore.get_async(self._service, key)
                    return bytes(await answer.bytes_async())
            except FileNotFoundError as error:
                _refuse_missing_bucket(error)
                return None
            except Exception as error:
                if _status(error) == "416":  # it is shorter than that
                    return b""
                raise

    async def look(self, key: str) -> Listed | None:
        """Size and age of the object; None if there is no such object. A missing bucket looks the same: HEAD has no body."""
        with _errors(key):
            try:
                async with self._room:
                    meta = await obstore.head_async(self._service, key)
            except FileNotFoundError as error:
                _refuse_missing_bucket(error)
                return None
        return Listed(key, meta["size"], int(meta["last_modified"].timestamp() * 1_000))

    async def list(self, folder: str) -> AsyncIterator[Listed]:
        """The objects below `folder/`, page by page as they are asked for; in order of their keys on S3."""
        with _errors(folder):
            async for page in obstore.list(self._service, f"{folder}/", chunk_size=PAGE_ITEMS):
                for meta in page:
                    yield Listed(meta["path"], meta["size"], int(meta["last_modified"].timestamp() * 1_000))

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are gone already are no error."""
        async with asyncio.TaskGroup() as group:
            for key in keys:
                group.create_task(self._delete(key))

    async def url(self, key: str, lifetime_s: int) -> str:
        """A URL to GET the object without credentials, for `lifetime_s` seconds. Whether there is one is not looked at.

        Raises NotPossibleNow (URLS_NOT_SUPPORTED) where the credentials at hand cannot sign.
        """
        try:
            return await obstore.sign_async(self._service, "GET", key, timedelta(seconds=lifetime_s))
        except (BaseError, OSError) as error:
            raise NotPossibleNow(
                "the credentials of the store cannot sign URLs",
                code="URLS_NOT_SUPPORTED",
                hint="Give the service a key of its own (S3: any; Google: a service account key; Azure: the account key).",
            ) from error

    async def _delete(self, key: str) -> None:
        with _errors(key), suppress(FileNotFoundError):
            async with self._room:
                await obstore.delete_async(self._service, key)


def _opened(url: str, timeout_ms: int, allow_http: bool) -> Service:
    retry: RetryConfig = {
        "max_retries": RETRIES_MAX,
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=3), "base": 2},
        "retry_timeout": timedelta(milliseconds=2 * timeout_ms),
    }
    connect_ms = min(CONNECT_TIMEOUT_MS, timeout_ms)
    client: ClientConfig = {
        "timeout": f"{timeout_ms}ms",
        "connect_timeout": f"{connect_ms}ms",
        "allow_http": allow_http,
    }
    url = url.rstrip("/")
    if url.startswith("s3://"):
        config: S3Config = {"checksum_algorithm": "sha256"}
        return S3Store.from_url(url, config=config, client_options=client, retry_config=retry)
    if url.startswith("gs://"):
        return GCSStore.from_url(url, client_options=client, retry_config=retry)
    return AzureStore.from_url(url, client_options=client, retry_config=retry)


@contextmanager
def _errors(place: str) -> Iterator[None]:
    """The one translation of the library's errors."""
    try:
        yield
    except DocugenError:
        raise
    except Exception as error:
        raise _translated(error, place) from error


def _refuse_missing_bucket(error: Exception) -> None:
    """A bucket that is not there must not look like a store that is empty."""
    if any(word in str(error) for word in _NO_BUCKET):
        raise _translated(error, "") from error


def _translated(error: Exception, place: str) -> Exception:
    if not isinstance(error, BaseError | OSError):
        return error
    text, status = str(error), _status(error)
    details = {"place": place.partition("/")[0] + "/"} | ({"status": status} if status else {})
    if any(word in text for word in _NO_BUCKET):
        return Unavailable(
            "the bucket of the artefact store does not exist",
            code="STORE_UNAVAILABLE",
            hint="Make it, or correct DOCUGEN_STORE_URL, AWS_REGION and the endpoint; it is never made for you.",
            details=details | {"status": "404"},
            retry_after_ms=10_000,
        )
    if any(word in text for word in _NO_CREDENTIALS):
        return _forbidden(
            "no credentials for the artefact store were found", "Set AWS_ACCESS_KEY_ID and its kin.", details
        )
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or status in ("401", "403"):
        return _forbidden(
            "the artefact store refuses this service",
            "Check the key and its clock, and grant GetObject, PutObject, DeleteObject and ListBucket: without ListBucket S3 "
            "refuses to say that an object does not exist.",
            details,
        )
    if "builder error" in text:
        return _forbidden(
            "the artefact store is reached by plain http, which has to be allowed",
            "Use an https endpoint, or set DOCUGEN_STORE_ALLOW_HTTP=true.",
            details,
        )
    if status == "507" or any(word in text for word in _FULL):
        return Unavailable(
            f"the artefact store is full ({details['place']})",
            code="STORE_FULL",
            hint="Raise the quota of the bucket, or remove old runs; then submit again.",
            details=details,
            retry_after_ms=10_000,
        )
    if status in ("429", "503") or "SlowDown" in text:
        return Unavailable(
            "the artefact store asks for fewer requests",
            code="STORE_BUSY",
            hint="It passes. If it stays, run fewer workers, or give the store another prefix.",
            details=details,
            retry_after_ms=5_000,
        )
    if status[:1] == "4" or "redirect" in text:
        return Unavailable(
            f"the artefact store refuses the request ({details['place']})",
            code="STORE_UNAVAILABLE",
            hint="Check AWS_REGION and the endpoint, and that the service is one that speaks like S3.",
            details={"status": "301"} | details,
        )
    return Unavailable(
        f"the artefact store does not answer ({details['place']})",
        code="STORE_UNAVAILABLE",
        hint="Check that its endpoint can be reached from the service, and DOCUGEN_STORE_TIMEOUT_MS.",
        details=details,
    )


def _forbidden(message: str, hint: str, details: dict[str, str]) -> Unavailable:
    return Unavailable(message, code="STORE_FORBIDDEN", hint=hint, details=details, retry_after_ms=10_000)


def _status(error: Exception) -> str:
    found = _STATUS.search(str(error))
    return found[1] if found else ""


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
