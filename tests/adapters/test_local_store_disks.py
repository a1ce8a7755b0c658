"""The local store on a disk that is full, failing or not there: an error to be tried again, and nothing half done."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bundle_examples import LETTERS, manifest_of
from docugen_core.adapters.local_store import LocalStore
from docugen_core.errors import Unavailable
from store_files import files, publish


def is_there(path: Path) -> bool:
    return path.exists()


def unmount(root: Path) -> None:
    root.rename(root.with_name("unmounted"))


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_root_that_vanished_is_an_error_and_is_not_made_again(store: LocalStore, root: Path) -> None:
    # The volume is not mounted: its mount point must not fill up in its place.
    unmount(root)

    for call in (store.read_manifest("run-1"), store.put_blob(b"x"), store.run_ids(), store.read_blob("0" * 64)):
        with pytest.raises(Unavailable) as caught:
            await call
        assert caught.value.reason == "STORE_UNAVAILABLE"
    assert not is_there(root)


async def test_a_disk_that_takes_no_more_leaves_no_manifest_and_no_trace(store: LocalStore, root: Path) -> None:
    for data in LETTERS.values():
        await store.put_blob(data)
    before = files(root)
    small = len(manifest_of(LETTERS)) // 2

    with file_size_limit(small), pytest.raises(Unavailable) as put:
        await store.put_blob(b"x" * (small + 1))
    with file_size_limit(small), pytest.raises(Unavailable) as published:
        await store.publish("run-1", manifest_of(LETTERS))

    assert (put.value.reason, published.value.reason) == ("STORE_FULL", "STORE_FULL")
    assert files(root) == before
    assert await publish(store) == manifest_of(LETTERS)  # and with room again, it goes on


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "STORE_FULL"),
        (errno.EDQUOT, "STORE_FULL"),
        (errno.EFBIG, "STORE_FULL"),
        (errno.EIO, "STORE_UNAVAILABLE"),
        (errno.EROFS, "STORE_UNAVAILABLE"),
        (errno.EMFILE, "STORE_UNAVAILABLE"),
    ],
)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "link"])
async def test_every_failure_of_the_disk_is_a_retryable_error_without_absolute_paths(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str, call: str
) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number), str(root / "secret"))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(Unavailable) as caught:
            await publish(store)

    failure = caught.value.failure()
    assert (failure.code, failure.retryable) == (code, True)
    assert dict(failure.details)["errno"] == errno.errorcode[number]
    assert str(root) not in repr(failure)
    assert "secret" not in repr(failure)
    assert files(root) == {}
    assert await publish(store) == manifest_of(LETTERS)
