"""Generate libs/docugen/v1 and /keda from protos/. One generator for everybody: `make protos`, and the test that compares.

    python tools/gen_protos.py [OUT]      OUT: folder that gets docugen/v1 and docugen/keda (default: libs)

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
PACKAGES = ("v1", "keda")
INIT = '"""Generated from protos/docugen/{package} by tools/gen_protos.py; never edited."""\n'


def generate(out: Path) -> None:
    """Write the packages below `out`/docugen anew. Raises CalledProcessError with protoc's own message on the terminal."""
    packages = [out / "docugen" / name for name in PACKAGES]
    for package in packages:
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
    for package in packages:
        for stub in package.glob("*_pb2_grpc.py"):
            if "class " not in stub.read_text():  # a file without a service: protoc writes an empty shell
                stub.unlink()
                stub.with_suffix(".pyi").unlink()
        (package / "__init__.py").write_text(INIT.format(package=package.name))


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "libs")
