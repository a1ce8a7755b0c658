"""What may and may not be in a log line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from docugen_core.adapters.logs import MASK, configure_logs


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    out = io.StringIO()
    configure_logs("info", "json", out)
    yield out
    configure_logs("info", "json")


def lines(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_line_is_json_with_event_level_and_utc_time(log: io.StringIO) -> None:
    structlog.get_logger().info("run_started", run_id="r", attempt=1)
    (line,) = lines(log)
    assert (line["event"], line["level"], line["run_id"], line["attempt"]) == ("run_started", "info", "r", 1)
    assert str(line["timestamp"]).endswith("Z")


@pytest.mark.parametrize(
    "name", ["data", "data_json", "api_token", "password", "Authorization", "client_secret", "params", "spec"]
)
def test_what_may_be_secret_is_masked_at_any_depth(log: io.StringIO, name: str) -> None:
    structlog.get_logger().info("x_happened", **{name: "4711"}, request={"inner": {name: "4711"}})
    assert "4711" not in log.getvalue()
    (line,) = lines(log)
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
    (line,) = lines(log)
    assert "in fails" in str(line["exception"])
    assert "Ottoline" not in log.getvalue()


def test_lines_below_the_level_are_not_written(log: io.StringIO) -> None:
    structlog.get_logger().debug("detail_seen")
    configure_logs("error", "json", log)
    structlog.get_logger().warning("thing_odd")
    structlog.get_logger().error("thing_broken")
    assert [line["event"] for line in lines(log)] == ["thing_broken"]


def test_what_libraries_log_has_the_same_shape(log: io.StringIO) -> None:
    logging.getLogger("grpc").warning("something %s", "odd")
    logging.getLogger("grpc").info("chatter")
    (line,) = lines(log)
    assert (line["event"], line["level"], line["logger"], line["text"]) == (
        "library_logged",
        "warning",
        "grpc",
        "something odd",
    )


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
