"""Which store DOCUGEN_STORE_URL names: a folder, or a bucket. The client for buckets is imported only where one is named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from docugen_core.adapters.local_store import open_store, store_folder
from docugen_core.config import Settings
from docugen_core.errors import ConfigurationError
from docugen_core.ports import BundleStore

if TYPE_CHECKING:
    from docugen_core.adapters.object_bucket import Bucket

FILE = "file://"


def store_of(settings: Settings) -> BundleStore:
    """The store of these settings; a bucket is not asked anything yet.

    Raises ConfigurationError: a URL that names no store, a folder that cannot be used, an extra that is not installed.
    """
    if settings.store_url.startswith(FILE):
        return open_store(settings.store_url, notes_max=settings.document_cache_entries)
    return _in_bucket(_bucket(settings), settings)


async def proven_store(settings: Settings) -> BundleStore:
    """The same, found to be there and fit. Raises ConfigurationError too for a bucket that is missing, refuses this service or
    overwrites what exists; Unavailable for one that does not answer now."""
    if settings.store_url.startswith(FILE):
        return store_of(settings)
    bucket = _bucket(settings)
    await bucket.prove()
    return _in_bucket(bucket, settings)


def ledger_folder(settings: Settings) -> Path:
    """Where the ledger of an executor without a queue lies: in the store's folder, or, for a bucket, in DOCUGEN_STATE_DIR."""
    if settings.store_url.startswith(FILE):
        return store_folder(settings.store_url).resolve()
    return Path(settings.state_dir).absolute()


def _bucket(settings: Settings) -> Bucket:
    try:
        from docugen_core.adapters.object_bucket import Bucket
    except ImportError as error:
        raise ConfigurationError(
            f"DOCUGEN_STORE_URL={settings.store_url!r}: this installation has no client for object stores",
            hint="Install the extra: pip install 'docugen[s3]'.",
        ) from error
    return Bucket.open(settings.store_url, timeout_ms=settings.store_timeout_ms, allow_http=settings.store_allow_http)


def _in_bucket(bucket: Bucket, settings: Settings) -> BundleStore:
    from docugen_core.adapters.object_store import ObjectStore

    return ObjectStore(bucket, notes_max=settings.document_cache_entries)
