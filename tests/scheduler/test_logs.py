"""What may and may not be in a log line."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import socket
import struct

import pytest
import structlog
from docugen_core.adapters.logs import MASK, configure_logs
from docugen_core.domain.trace import TraceContext
from docugen_core.tracing import inside

from .conftest import events


def test_a_line_is_json_with_event_level_and_utc_time(log: io.StringIO) -> None:
    structlog.get_logger().info("run_started", run_id="r", attempt=1)
    (line,) = events(log)
    assert (line["event"], line["level"], line["run_id"], line["attempt"]) == ("run_started", "info", "r", 1)
    assert str(line["timestamp"]).endswith("Z")


@pytest.mark.parametrize(
    "name", ["data", "data_json", "api_token", "password", "Authorization", "client_secret", "params", "spec"]
)
def test_what_may_be_secret_is_masked_at_any_depth(log: io.StringIO, name: str) -> None:
    structlog.get_logger().info("x_happened", **{name: "4711"}, request={"inner": {name: "4711"}})
    assert "4711" not in log.getvalue()
    (line,) = events(log)
    assert line[name] == MASK
    assert line["request"] == {"inner": {name: MASK}}


def test_a_traceback_names_lines_and_never_shows_local_variables(log: io.StringIO) -> None:
    def fails() -> None:
        customer = "Ottoline Farthing"
        raise RuntimeError(len(customer))

    try:
        fails()
    except RuntimeError:
        structlog.get_logger().exception("run_crashed")
    (line,) = events(log)
    assert "in fails" in str(line["exception"])
    assert "Ottoline" not in log.getvalue()


def test_lines_below_the_level_are_not_written(log: io.StringIO) -> None:
    structlog.get_logger().debug("detail_seen")
    configure_logs("error", "json", log)
    structlog.get_logger().warning("thing_odd")
    structlog.get_logger().error("thing_broken")
    assert [line["event"] for line in events(log)] == ["thing_broken"]


def test_what_libraries_log_has_the_same_shape(log: io.StringIO) -> None:
    logging.getLogger("grpc").warning("something odd about %s", "Ottoline Farthing")
    logging.getLogger("grpc").info("chatter")
    (line,) = events(log)
    assert (line["event"], line["level"], line["logger"], line["text"]) == (
        "library_logged",
        "warning",
        "grpc",
        "something odd about %s",
    )


def test_an_error_that_a_library_logs_is_named_by_its_kind_alone(log: io.StringIO) -> None:
    name = "".join(["Otto", "line"])  # a traceback shows source lines, and they are none of the customer's
    try:
        raise KeyError(name)
    except KeyError as error:
        logging.getLogger("grpc").exception(error)
        logging.getLogger("asyncio").error(f"Task exception was never retrieved\nfuture: {error!r}", exc_info=error)
    assert name not in log.getvalue()
    assert [line["text"] for line in events(log)] == ["%s", "Task exception was never retrieved"]
    assert all(str(line["exception"]).endswith("KeyError") for line in events(log))


async def reset_while_idle() -> asyncio.Future[None]:
    """The end of a connection that its peer reset while nobody read or wrote: what asyncio keeps for itself."""
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    async with await asyncio.start_server(lambda _, writer: accepted.put_nowait(writer), "127.0.0.1") as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"to be left unread, so that the end is a reset")
        peer = await accepted.get()
        peer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.transport.abort()
        end: asyncio.Future[None] = writer.transport.get_protocol()._closed  # type: ignore[attr-defined]
        await asyncio.wait([end])
    return end


async def test_the_end_of_a_connection_that_nobody_used_is_no_error_and_one_that_was_raised_is(
    log: io.StringIO,
) -> None:
    gc.collect()
    configure_logs("debug", "json", log)
    loop = asyncio.get_running_loop()
    lost = loop.create_future()  # as if the stream's own went before the stream, which would mark it as heard
    lost.set_exception((await reset_while_idle()).exception() or AssertionError("it was no reset"))
    del lost
    try:
        raise ConnectionResetError(104, "Connection reset by peer")
    except ConnectionResetError as error:
        loop.create_future().set_exception(error)
    text = "Future exception was never retrieved"
    assert [(line["level"], line["text"]) for line in events(log)] == [("debug", text), ("error", text)]


def test_a_traceback_says_nothing_that_an_error_its_cause_or_a_group_says(log: io.StringIO) -> None:
    name = "".join(["Otto", "line"])

    def fails() -> None:
        raise ValueError(name)

    try:
        try:
            fails()
        except ValueError as cause:
            cause.add_note(name)
            raise ExceptionGroup(name, [cause, OSError(2, name)]) from cause
    except ExceptionGroup:
        structlog.get_logger().exception("run_crashed")
    assert name not in log.getvalue()
    (line,) = events(log)
    assert "in fails" in str(line["exception"])
    assert [kind in str(line["exception"]) for kind in ("ExceptionGroup", "ValueError", "FileNotFoundError")] == [
        True
    ] * 3


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("cannot reach redis://scheduler:s3cret@cache:6379/0 now", f"cannot reach redis://{MASK}@cache:6379/0 now"),
        (
            "https://s3.test/b/k?X-Amz-Expires=60&X-Amz-Signature=s3cret",
            f"https://s3.test/b/k?X-Amz-Expires=60&X-Amz-Signature={MASK}",
        ),
        ("got Bearer dgt_s3cret.s3cret", f"got Bearer {MASK}"),
        ("key -----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY----- read", f"key {MASK} read"),
        ("nothing = to @ see here", "nothing = to @ see here"),
    ],
)
def test_secrets_are_masked_by_their_form_in_any_text(log: io.StringIO, text: str, masked: str) -> None:
    structlog.get_logger().info("x_happened", error=text, more=[text], inner={"error": text})
    (line,) = events(log)
    assert (line["error"], line["more"], line["inner"]) == (masked, [masked], {"error": masked})


def test_a_line_inside_a_span_names_it_and_one_outside_does_not(log: io.StringIO) -> None:
    with inside(TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", 1)):
        structlog.get_logger().info("a_happened")
    structlog.get_logger().info("b_happened")
    first, second = events(log)
    assert (first["trace_id"], first["span_id"]) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    assert not {"trace_id", "span_id"} & second.keys()


def test_off_a_terminal_auto_means_json_and_console_can_be_asked_for() -> None:
    out = io.StringIO()
    configure_logs("info", "auto", out)
    structlog.get_logger().info("a_happened")
    configure_logs("info", "console", out)
    structlog.get_logger().info("b_happened", data="4711")
    configure_logs("info", "json")
    first, second = out.getvalue().splitlines()
    assert json.loads(first)["event"] == "a_happened"
    assert "b_happened" in second
    assert "4711" not in second
