"""DocuGen's renderer in a new process, as a worker's render process is: `PROGRAM TASK OUT`, one document."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from pickle import loads

os.environ["RAYON_NUM_THREADS"] = "1"

from docugen_core.rendering.registry import render

if __name__ == "__main__":
    task, out = map(Path, sys.argv[1:])
    out.write_bytes(render(loads(task.read_bytes())).data)  # noqa: S301 - written by the benchmark a moment ago
