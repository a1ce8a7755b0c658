"""In which order the documents of a bundle come into being, and which ones could never.

An archive needs its members, a merged PDF too, a PDF with attachments those. `stages` puts every document after all that it
needs; documents of one stage do not know each other and may render in parallel. `circular` finds the needs that cannot be met.
Both look at names only, in linear time, and never recurse: a chain of needs may be as long as the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from docugen_core.domain.bundle import ResolvedDocument


def stages(documents: Sequence[ResolvedDocument]) -> tuple[tuple[ResolvedDocument, ...], ...]:
    """`documents` in stages: each one's inputs lie in earlier stages. Order within a stage is that of `documents`.

    Raises ValueError where documents need each other in a circle or need one that is not there: validation refuses those.
    """
    needs = {document.name: document.inputs for document in documents}
    depth = _depths(needs)
    if len(depth) < len(needs):
        never = ", ".join(sorted(needs.keys() - depth.keys()))
        raise ValueError(f"these documents can never have all they need: {never}")
    found: dict[int, list[ResolvedDocument]] = {}
    for document in documents:
        found.setdefault(depth[document.name], []).append(document)
    return tuple(tuple(found[number]) for number in sorted(found))


def circular(needs: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The names that lie on a circle of `needs` (name -> names it needs), or only behind one and before another.

    Not those that merely need something circular: they are fine once the circle is broken. Names without an entry need nothing.
    """
    known = {name: [other for other in others if other in needs] for name, others in needs.items()}
    if not any(known.values()):
        return frozenset()
    stuck = known.keys() - _depths(known).keys()
    among = {name: [other for other in known[name] if other in stuck] for name in stuck}
    needed_by: dict[str, list[str]] = {name: [] for name in stuck}
    for name, others in among.items():
        for other in others:
            needed_by[other].append(name)
    return frozenset(stuck - _depths(needed_by).keys())


def _depths(needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """For every name that can come into being, how many stages come before it (Kahn 1962)."""
    missing = {name: len(others) for name, others in needs.items()}
    needed_by: dict[str, list[str]] = {}
    for name, others in needs.items():
        for other in others:
            needed_by.setdefault(other, []).append(name)
    depth: dict[str, int] = {}
    ready = [name for name, count in missing.items() if not count]
    while ready:
        following = []
        for name in ready:
            depth[name] = max((depth[other] + 1 for other in needs[name]), default=0)
            for dependant in needed_by.get(name, ()):
                missing[dependant] -= 1
                if not missing[dependant]:
                    following.append(dependant)
        ready = following
    return depth
