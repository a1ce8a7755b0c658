"""DocuGen's renderer in a new process, begun and left as a render process is: `PROGRAM TASK OUT`, one document."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from pickle import loads

os.environ["RAYON_NUM_THREADS"] = "1"

if __name__ == "__main__":
    gc.disable()
    from docugen_core.rendering.registry import render

    task, out = map(Path, sys.argv[1:])
    out.write_bytes(render(loads(task.read_bytes())).data)  # noqa: S301 - written by the benchmark a moment ago
    os._exit(0)
