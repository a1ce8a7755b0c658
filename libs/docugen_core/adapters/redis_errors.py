"""What Redis says, in our own words: the one place where its errors are translated.

    cannot connect, time-out, LOADING, pool empty        Unavailable         QUEUE_UNAVAILABLE   back off, repeat the same step
    READONLY NOREPLICAS MASTERDOWN UNBLOCKED             Unavailable         QUEUE_UNAVAILABLE   a demoted node, dropped
    MISCONF                                              Unavailable         QUEUE_DISK_FULL     somebody must free Redis's disk
    BUSY CLUSTERDOWN TRYAGAIN MOVED ASK                  Unavailable         QUEUE_UNAVAILABLE   passes
    OOM                                                  Overloaded          QUEUE_MEMORY_FULL   submits only; draining goes on
    NOAUTH WRONGPASS NOPERM                              ConfigurationError  never repeated: a password or an ACL is wrong
    a certificate that is not trusted                    ConfigurationError  never repeated: not the server that is meant
    anything else                                        DocugenError        QUEUE_PROTOCOL      a bug of ours

Repeating a step after an error is safe: each is idempotent, fenced, or given back by recover.
"""

from __future__ import annotations

import asyncio
import ssl

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterError,
    ConnectionError,
    MaxConnectionsError,
    NoPermissionError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
    TimeoutError,
)

from docugen_core.errors import ConfigurationError, DocugenError, Overloaded, Unavailable

LIBRARY_ERRORS = (RedisError, OSError, asyncio.TimeoutError, RuntimeError)
"""What to catch around a call of the library, and hand to `translated`."""

CAUSES_MAX = 8

_REFUSALS = (AuthenticationError, AuthorizationError, NoPermissionError)
_DEMOTED = ("READONLY", "NOREPLICAS", "MASTERDOWN", "UNBLOCKED", "You can't write against a read only replica")
_PASSING = ("BUSY", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "LOADING", "-LOADING", "NOGROUP")
_NOT_ALLOWED = ("NOPERM", "ACL failure in script", "The user executing the script can't")
_FORBIDDEN = ("NOAUTH", "WRONGPASS", *_NOT_ALLOWED)
_CLOSED = "the handler is closed"  # what uvloop says, as a bare RuntimeError, of a connection that was reset meanwhile


def is_demoted(error: BaseException) -> bool:
    """Whether the node that answered may not write any more: its connections are of no use."""
    return isinstance(error, RedisError) and (type(error).__name__ == "ReadOnlyError" or _says(error, _DEMOTED))


def is_passing(error: BaseException) -> bool:
    """Whether the same command may be answered in a moment: no connection, no answer in time, still loading, demoted."""
    if _is_refusal(error) or is_not_trusted(error):
        return False
    if _is_closed(error):
        return True
    return isinstance(error, ConnectionError | TimeoutError | OSError | asyncio.TimeoutError) or is_demoted(error)


def translated(error: BaseException, doing: str) -> DocugenError:
    """`error`, one of LIBRARY_ERRORS, as ours. doing: what was attempted, for the message (`submit`).

    Raises `error` itself when it is a RuntimeError of another kind: that is a bug, and must be seen as one.
    """
    if isinstance(error, RuntimeError) and not _is_closed(error):
        raise error
    if _is_refusal(error):
        may_not = isinstance(error, NoPermissionError) or _says(error, _NOT_ALLOWED)
        why = "its user may not" if may_not else "user or password is wrong"
        return ConfigurationError(
            f"Redis refuses `{doing}`: {why}",
            hint="Check user, password and ACL in DOCUGEN_REDIS_URL: the role needs this queue's keys and scripts.",
        )
    if is_not_trusted(error):
        return ConfigurationError(
            "the certificate of Redis is not trusted: it is for another name, expired, or from another CA",
            hint="DOCUGEN_REDIS_CA must hold the CA it is from, and DOCUGEN_REDIS_URL name the server as its certificate does.",
        )
    if isinstance(error, OutOfMemoryError) or _says(error, ("OOM",)):
        return Overloaded(
            "the queue's memory is full",
            code="QUEUE_MEMORY_FULL",
            hint="Come back after the delay in RetryInfo; workers go on. Raise maxmemory, or add workers.",
            retry_after_ms=5_000,
        )
    if _says(error, ("MISCONF",)):
        return Unavailable(
            "the queue cannot write to its disk",
            code="QUEUE_DISK_FULL",
            hint="Free the disk of the Redis server; it goes on by itself.",
            retry_after_ms=5_000,
        )
    if isinstance(error, ResponseError) and not isinstance(error, BusyLoadingError | ClusterError):
        if not is_demoted(error) and not _says(error, _PASSING):
            return DocugenError(f"Redis did not understand `{doing}`", code="QUEUE_PROTOCOL", hint="See the log.")
    elif not isinstance(error, LIBRARY_ERRORS):
        raise TypeError(f"not an error of the library: {type(error).__name__}")
    full = isinstance(error, MaxConnectionsError)
    return Unavailable(
        f"the queue does not answer `{doing}`: {_cause(error)}",
        code="QUEUE_UNAVAILABLE",
        hint="All connections are in use." if full else "Is Redis up, and DOCUGEN_REDIS_URL right?",
        retry_after_ms=1_000,
    )


def is_not_trusted(error: BaseException) -> bool:
    """Whether the server's certificate was refused, however deep the library hid that."""
    found: BaseException | None = error
    for _ in range(CAUSES_MAX):
        if found is None:
            return False
        if isinstance(found, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(found):
            return True
        found = found.__cause__ or found.__context__
    return False


def _is_refusal(error: BaseException) -> bool:
    """While it connects, the library hides a wrong password in a ConnectionError."""
    return any(isinstance(e, _REFUSALS) or (e is not None and _says(e, _FORBIDDEN)) for e in (error, error.__cause__))


def _is_closed(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and _CLOSED in str(error)


def _says(error: BaseException, prefixes: tuple[str, ...]) -> bool:
    return isinstance(error, RedisError) and str(error).startswith(prefixes)


def _cause(error: BaseException) -> str:
    """A class of causes, never the text: it holds addresses."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "time-out"
    if isinstance(error, ConnectionError | OSError | RuntimeError):
        return "no connection"
    if is_demoted(error):
        return "its node may not write now"
    return "its cluster is down" if isinstance(error, ClusterError) else "it is busy"
