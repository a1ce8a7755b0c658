"""Write the golden digests of the example bundles anew: `make goldens`.

Say in CHANGELOG.md, heading "Bytes", why they changed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "rendering" / "golden"

for bundle in sorted((ROOT / "examples" / "bundles").glob("*.json")):
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "direct_renderer.py", bundle], capture_output=True, text=True, check=True
    )
    manifest = json.loads(done.stdout)
    golden = {
        "spec_digest": manifest["spec_digest"],
        "engine": manifest["engine"]["components"],
        "artefacts": {a["name"]: a["sha256"] for a in manifest["artefacts"]},
    }
    path = GOLDEN / bundle.name
    changed = not path.exists() or json.loads(path.read_text()) != golden
    path.write_text(json.dumps(golden, indent=2) + "\n")
    print(f"{'changed ' if changed else 'the same'}  {path.relative_to(ROOT)}")
