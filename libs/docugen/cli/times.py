"""Points in time and durations as people type them: RFC 3339, or a duration from now."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import click
from docugen_core.adapters.system_clock import SystemClock

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
_FROM_NOW = re.compile(
    r"\+(?=\d)((?P<days>\d{1,4})d)?((?P<hours>\d{1,5})h)?((?P<minutes>\d{1,7})m)?((?P<seconds>\d{1,9})s)?"
)


class Duration(click.ParamType[dt.timedelta]):
    """`90s`, `10m`, `36h`, `30d`, `1d12h`."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.timedelta:
        if isinstance(value, dt.timedelta):
            return value
        if found := _FROM_NOW.fullmatch(f"+{value}"):
            return dt.timedelta(**{unit: int(number) for unit, number in found.groupdict(default="0").items()})
        raise click.BadParameter(f"{value!r} is no duration such as 36h or 30d", ctx, param)


class PointInTime(click.ParamType[dt.datetime]):
    """`2026-11-30T06:00:00Z`, `2026-11-30T07:00:00+01:00`, or from now: `+90s`, `+10m`, `+1h30m`, `+2d`.

    Gives an aware datetime. A time needs its zone: the caller's and the server's may differ.
    """

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        if found := _FROM_NOW.fullmatch(value):
            parts = {unit: int(number) for unit, number in found.groupdict(default="0").items()}
            now = dt.datetime.fromtimestamp(SystemClock().now_ms() / 1_000, dt.UTC)
            return now + dt.timedelta(**parts)
        if not _RFC_3339.fullmatch(value):
            known = "a time with its zone such as 2026-11-30T06:00:00Z nor a duration from now such as +10m"
            raise click.BadParameter(f"{value!r} is neither {known}", ctx, param)
        try:
            return dt.datetime.fromisoformat(value.upper())
        except ValueError as error:
            raise click.BadParameter(f"{value!r} is no time: {error}", ctx, param) from None
