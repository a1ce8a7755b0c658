"""What is done on the event loop, and what is not."""

from __future__ import annotations

import threading

from docugen_core.domain.json import JsonObject
from docugen_core.strict_json.findings import Finding
from docugen_core.strict_json.schema import Schema
from docugen_core.submission import aside


async def test_a_quick_yes_is_given_here_and_what_is_wrong_is_looked_into_in_a_thread() -> None:
    schema = Schema({"type": "object", "required": ["name"]})
    threads: list[bool] = []

    def check(value: JsonObject) -> list[Finding]:
        found = schema.findings(value)
        threads.append(threading.current_thread() is not threading.main_thread())
        return found

    assert await aside(True, check, {"name": "Quay"}) == []
    (finding,) = await aside(True, check, {})
    assert finding.place == ("name",)
    assert await aside(False, check, {"name": "Quay"}) == []
    assert threads == [False, True, True]
    assert len(schema.findings({})) == 1  # nothing is left of the hurry
