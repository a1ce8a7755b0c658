"""docs/reference/api.md: every service, method, message and enumeration of docugen.v1, with the comments of the .proto files.

    python tools/reference_api.py > docs/reference/api.md

protoc reads the files, so what the page says of types, numbers and nesting is what the wire has.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
PACKAGE = ".docugen.v1."
SERVICES = ("bundle_run_service", "artefact_service", "template_service", "queue_service")
SHARED = ("bundle", "bundle_run")

INTRODUCTION = """\
# API

Generated from the comments in [protos/docugen/v1](../../protos/docugen/v1) by `make docs-reference`.

gRPC, package `docugen.v1`. A server describes itself by reflection, so `grpcurl` and `buf curl` need no files.
How to call it, with deadlines and retries: [call DocuGen from your service](../how-to/call-from-your-service.md). What goes
wrong: [errors](errors.md).

`job.proto` is what schedulers hand to workers through the queue; callers never see it.
"""

_SCALAR = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in FieldDescriptorProto.Type.items()
    if name not in ("TYPE_MESSAGE", "TYPE_ENUM", "TYPE_GROUP")
}
# Numbers of fields in descriptor.proto, which the paths of comments are made of.
_MESSAGES, _ENUMS, _SERVICES, _NESTED, _NESTED_ENUMS, _FIELDS, _METHODS, _VALUES = 4, 5, 6, 3, 4, 2, 2, 2

Comments = dict[tuple[int, ...], str]


def page() -> str:
    files = described()
    parts = [INTRODUCTION]
    for name in SERVICES:
        file = files[f"docugen/v1/{name}.proto"]
        comments = comments_of(file)
        for number, service in enumerate(file.service):
            parts.append(_service(service, (_SERVICES, number), comments))
        parts.append(_messages(file, comments))
    for name in SHARED:
        file = files[f"docugen/v1/{name}.proto"]
        parts += [f"## {name}.proto", _messages(file, comments_of(file))]
    return re.sub(r"\n{3,}", "\n\n", "\n\n".join(parts)).strip() + "\n"


def described() -> dict[str, FileDescriptorProto]:
    """The .proto files by name, with their comments."""
    sources = sorted(p.relative_to(PROTOS).as_posix() for p in PROTOS.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "set")
        command = ["-m", "grpc_tools.protoc", f"-I{PROTOS}", "--include_source_info", f"--descriptor_set_out={out}"]
        subprocess.run([sys.executable, *command, *sources], check=True)
        return {file.name: file for file in FileDescriptorSet.FromString(out.read_bytes()).file}


def comments_of(file: FileDescriptorProto) -> Comments:
    return {tuple(place.path): _clean(place.leading_comments) for place in file.source_code_info.location}


def _clean(comment: str) -> str:
    """Paragraphs in one line each; drawings, which are indented, as they are."""
    lines = [line.removeprefix(" ").rstrip() for line in comment.strip("\n").splitlines()]
    blocks = re.split(r"\n\s*\n", "\n".join(lines))
    return "\n\n".join(f"```text\n{b}\n```" if b.startswith("  ") else " ".join(b.split()) for b in blocks if b)


def _service(service: ServiceDescriptorProto, path: tuple[int, ...], comments: Comments) -> str:
    parts = [f"## {service.name}", comments.get(path, "")]
    for number, method in enumerate(service.method):
        stream = "stream of " if method.server_streaming else ""
        asked, answered = _linked(method.input_type), _linked(method.output_type)
        parts += [f"### {method.name}", f"{asked} → {stream}{answered}", comments.get((*path, _METHODS, number), "")]
    return "\n\n".join(parts)


def _messages(file: FileDescriptorProto, comments: Comments) -> str:
    parts = [_enum(enum, enum.name, (_ENUMS, n), comments) for n, enum in enumerate(file.enum_type)]
    for number, message in enumerate(file.message_type):
        parts += _message(message, message.name, (_MESSAGES, number), comments)
    return "\n\n".join(parts)


def _message(message: DescriptorProto, name: str, path: tuple[int, ...], comments: Comments) -> Iterator[str]:
    if message.options.map_entry:
        return
    yield f"#### {name}\n\n{comments.get(path, '')}\n\n{_fields(message, path, comments)}"
    for number, enum in enumerate(message.enum_type):
        yield _enum(enum, f"{name}.{enum.name}", (*path, _NESTED_ENUMS, number), comments)
    for number, nested in enumerate(message.nested_type):
        yield from _message(nested, f"{name}.{nested.name}", (*path, _NESTED, number), comments)


def _fields(message: DescriptorProto, path: tuple[int, ...], comments: Comments) -> str:
    if not message.field:
        return "No fields."
    maps = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    rows = [
        (f"`{f.name}`", _type(f, maps), _cell(comments.get((*path, _FIELDS, n), "")), str(f.number))
        for n, f in enumerate(message.field)
    ]
    return _table(("Field", "Type", "Meaning", "No."), rows)


def _enum(enum: EnumDescriptorProto, name: str, path: tuple[int, ...], comments: Comments) -> str:
    rows = [
        (f"`{v.name}`", _cell(comments.get((*path, _VALUES, n), "")), str(v.number)) for n, v in enumerate(enum.value)
    ]
    return f"#### {name}\n\n{comments.get(path, '')}\n\n{_table(('Value', 'Meaning', 'No.'), rows)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _type(field: FieldDescriptorProto, maps: dict[str, DescriptorProto]) -> str:
    entry = maps.get(field.type_name.rpartition(".")[2])
    if entry is not None:
        return f"map of {_plain_type(entry.field[0])} to {_plain_type(entry.field[1])}"
    repeated = "list of " if field.label == FieldDescriptorProto.LABEL_REPEATED else ""
    optional = "optional " if field.proto3_optional else ""
    one_of = " (one of)" if field.HasField("oneof_index") and not field.proto3_optional else ""
    return f"{optional}{repeated}{_plain_type(field)}{one_of}"


def _plain_type(field: FieldDescriptorProto) -> str:
    return _linked(field.type_name) if field.type_name else _SCALAR[field.type]


def _linked(name: str) -> str:
    """A message or enumeration: a link to its heading where it is ours, the end of its name where it is not."""
    if not name.startswith(PACKAGE):
        return f"`{name.rpartition('.')[2]}`"
    own = name.removeprefix(PACKAGE)
    return f"[{own}](#{own.replace('.', '').lower()})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n\n", "<br>")


if __name__ == "__main__":
    sys.stdout.write(page())
