"""docs/reference/states.md: the states of a run and of its documents, from the table that the code checks moves with.

python tools/reference_states.py > docs/reference/states.md
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from docugen_core.domain.run import MOVES, DocumentState, RunState
from docugen_core.measures import AttemptOutcome

PROTO = Path(__file__).resolve().parent.parent / "protos" / "docugen" / "v1" / "bundle_run.proto"

INTRODUCTION = """\
# States of a run

Generated from the table of legal moves in `docugen_core.domain.run` and the comments of
[bundle_run.proto](../../protos/docugen/v1/bundle_run.proto) by `make docs-reference`.

Any other move than these is a defect and raises an error. On the wire a state has the prefix `STATE_`. A *terminal* state ends
waits and watches. Artefacts can be read while the run is SUCCEEDED, and in no other state.
"""

OUTCOMES = {
    AttemptOutcome.SUCCEEDED: ("the manifest is published", "SUCCEEDED", "yes"),
    AttemptOutcome.RETRIED: (
        "a failure that may pass, attempts are left",
        "RETRYING, until its backoff is over",
        "yes",
    ),
    AttemptOutcome.FAILED: (
        "a failure that would repeat, or no attempt left",
        "FAILED; with a queue a dead letter",
        "yes",
    ),
    AttemptOutcome.CANCELLED: ("the worker confirmed the cancellation", "CANCELLED", "yes"),
    AttemptOutcome.HANDED_BACK: ("the worker stops, lacks what the run needs, or has no slot for it", "QUEUED", "no"),
    AttemptOutcome.LOST: (
        "its process died, or its lease lapsed",
        "RETRYING and at once RUNNING, at another worker",
        "yes",
    ),
}


def page() -> str:
    meanings = sentences("message BundleRun ")
    runs = [
        (f"`{s.name}`", _meaning(meanings, f"STATE_{s.name}"), _states(MOVES[s]), "yes" if s.is_terminal else "")
        for s in RunState
    ]
    documents = sentences("message DocumentProgress ")
    shown = [(f"`{state.name}`", _meaning(documents, f"STATE_{state.name}")) for state in DocumentState]
    outcomes = [(f"`{outcome.value}`", *OUTCOMES[outcome]) for outcome in AttemptOutcome]
    return "\n".join(
        [
            INTRODUCTION,
            _table(("State", "Meaning", "May become", "Terminal"), runs),
            "## Attempts\n",
            "A run takes one attempt, unless something around it breaks. How an attempt ends, and what the run is then:\n",
            _table(("Outcome", "When", "The run is then", "Counts as an attempt"), outcomes),
            "The outcomes are label values of [metrics](metrics.md). How long the backoff is:\n"
            "`DOCUGEN_QUEUE_BACKOFF_MS` in the [settings](settings.md).\n",
            "## Documents\n",
            "Each document of a run has a state of its own, for progress:\n",
            _table(("State", "Meaning"), shown).rstrip() + "\n",
        ]
    )


def sentences(message: str) -> dict[str, str]:
    """The comments on the states of a message in the .proto file, by the state's name there."""
    text = PROTO.read_text(encoding="utf-8").partition(message)[2].partition("enum State {")[2].partition("}")[0]
    found = re.findall(r"((?:^ *// .*\n)+) *(STATE_\w+) = ", text, re.MULTILINE)
    return {name: " ".join(re.sub(r"^ *// ?", "", comment, flags=re.MULTILINE).split()) for comment, name in found}


def _meaning(meanings: dict[str, str], name: str) -> str:
    return meanings[name].replace(" Terminal.", "").replace("|", "\\|")


def _states(states: frozenset[RunState]) -> str:
    return ", ".join(f"`{state.name}`" for state in RunState if state in states) or "nothing"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
