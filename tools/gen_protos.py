"""Generate libs/docugen/v1 from protos/. One generator for everybody: `make protos`, and the test that compares.

    python tools/gen_protos.py [OUT]      OUT: folder that gets docugen/v1 (default: libs)

Messages and their types come from protoc, typed service stubs from mypy-protobuf. The generated code is committed: an
installation needs no compiler, and a change of the wire shows up in the diff.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
INIT = '"""Generated from protos/docugen/v1 by tools/gen_protos.py; never edited."""\n'


def generate(out: Path) -> None:
    """Write `out`/docugen/v1 anew. Raises CalledProcessError with protoc's own message on the terminal."""
    package = out / "docugen" / "v1"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    sources = sorted(str(p.relative_to(PROTOS)) for p in PROTOS.rglob("*.proto"))
    plugins = Path(sys.executable).parent
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"-I{PROTOS}",
            f"--plugin=protoc-gen-mypy_grpc={plugins / 'protoc-gen-mypy_grpc'}",
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            f"--mypy_grpc_out=quiet:{out}",
            *sources,
        ],
        check=True,
    )
    for stub in package.glob("*_pb2_grpc.py"):
        if "class " not in stub.read_text():  # a file without a service: protoc writes an empty shell
            stub.unlink()
            stub.with_suffix(".pyi").unlink()
    (package / "__init__.py").write_text(INIT)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "libs")
