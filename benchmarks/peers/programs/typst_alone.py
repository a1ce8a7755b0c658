"""Typst alone in a new process, with nothing of DocuGen's but the files it is handed: `PROGRAM JOB OUT`, one document.

What any program that renders this document by Typst takes at least. JOB is a JSON object: root and fonts (folders), files by
virtual name, and the options of the compilation.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import typst

os.environ["RAYON_NUM_THREADS"] = "1"

if __name__ == "__main__":
    job: Any = json.loads(Path(sys.argv[1]).read_bytes())
    root = job["root"]
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=job["fonts"])
    compiler = typst.Compiler(root=root, font_paths=fonts, package_path=root, package_cache_path=root)
    files = {name: text.encode() for name, text in job["files"].items()}
    compile_files: Any = compiler.compile_with_warnings
    made, _ = compile_files(files, sys_inputs=None, format="pdf", **job["options"])
    Path(sys.argv[2]).write_bytes(made)
    os._exit(0)
