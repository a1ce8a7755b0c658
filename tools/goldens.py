"""Write the golden digests anew: `make goldens`, after a deliberate change of bytes.

With RELEASE=VERSION they are kept as those of a release too, which later changes are held against. What the two rules of
tests/golden_sets.py ask for, it says at the end.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import golden_sets  # noqa: E402 - it lies with the tests, which hold everything against it


def main(release: str = "") -> None:
    present = {name: golden_sets.made(name) for name in golden_sets.names()}
    for name, golden in present.items():
        path = golden_sets.GOLDEN / f"{name}.json"
        changed = not path.exists() or json.loads(path.read_text(encoding="utf-8")) != golden
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(golden, indent=2) + "\n", encoding="utf-8")
        print(f"{'changed ' if changed else 'the same'}  {path.relative_to(ROOT)}")
    for path in sorted(golden_sets.GOLDEN.glob("*/*.json")):
        if f"{path.parent.name}/{path.stem}" not in present:
            path.unlink()
            print(f"removed   {path.relative_to(ROOT)}")
    if release:
        kept = {"release": release, "sets": present}
        golden_sets.RELEASED.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
        print(f"kept as those of {release}  {golden_sets.RELEASED.relative_to(ROOT)}")
    released = json.loads(golden_sets.RELEASED.read_text(encoding="utf-8"))["sets"]
    section = golden_sets.bytes_section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    for untold in golden_sets.untold(released, present, section):
        print(f'changed since the release, and not in CHANGELOG.md under "Bytes"  {untold}')
    for unraised in golden_sets.unraised(released, present):
        print(
            f"other bytes of the same request and engine: raise RENDERING_EDITION, or the generator's version  {unraised}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
