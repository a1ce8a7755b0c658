"""A finding: something wrong at a place, before it is written out as a Violation for the caller.

A request can hold a hundred thousand faults of which a hundred are shown, so what costs time (the path as text, the nearest
right spelling) waits until a finding is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from docugen_core.domain.failure import Violation
from docugen_core.domain.json import JsonValue
from docugen_core.strict_json.places import Place, field_path, request_order

VIOLATIONS_MAX = 100
SPELLING_CHARS_MAX = 100
SPELLINGS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Finding:
    """A Violation whose place is still a tuple, relative to the value that was checked.

    wrong and known: where the fault may be a matter of spelling, the text that was written and those that would have been
    right; the nearest becomes the hint, before `hint` itself.
    """

    place: Place
    description: str
    hint: str = ""
    wrong: str = ""
    known: tuple[str, ...] = ()

    def under(self, *place: str | int) -> Finding:
        """The same finding, seen from a value that holds the checked one at `place`."""
        return replace(self, place=(*place, *self.place))

    def violation(self, root: Place = ()) -> Violation:
        return Violation(field_path((*root, *self.place)), self.description, self.full_hint)

    @property
    def full_hint(self) -> str:
        return did_you_mean(self.wrong, self.known) or self.hint


def in_order(found: Iterable[Finding], value: JsonValue) -> list[Finding]:
    """Each finding once, in the order in which their places stand in `value`."""
    order = request_order(value)
    return sorted(dict.fromkeys(found), key=lambda f: order(f.place))


def written_out(found: Sequence[Finding], value: JsonValue) -> list[Violation]:
    """`found` in order as violations of `value`: 100 at most, then one that counts the rest."""
    once = in_order(found, value)
    shown = [finding.violation() for finding in once[:VIOLATIONS_MAX]]
    return shown + more_violations(len(once) - len(shown))


def more_violations(count: int, path: str = "$") -> list[Violation]:
    """The line that stands for `count` violations left out; none for none."""
    if count <= 0:
        return []
    return [Violation(path, f"and {count} more {'violation' if count == 1 else 'violations'}", "mend these first")]


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A hint with the nearest of `known`, upper and lower case alike; empty if none is near or `wrong` is very long."""
    if not wrong or len(wrong) > SPELLING_CHARS_MAX:
        return ""
    by_folded = {k.casefold(): k for k, _ in zip(known, range(SPELLINGS_MAX), strict=False)}
    near = get_close_matches(wrong.casefold(), by_folded, n=1, cutoff=0.6)
    return f"did you mean '{by_folded[near[0]]}'?" if near else ""
