"""docs/reference/cli.md, made from the help of every command.

python -m docugen.cli.reference > docs/reference/cli.md
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from docugen.cli.entry import docugen

_WIDTH = 100
_INTRODUCTION = """\
# Command line

Generated from `docugen --help` and the help of every command by `make docs-reference`.

Errors go to stderr. As text: the message, the place in the template where there is one, every violation, and a hint. With
`--json`: `{"error": {"reason", "message", "hint", "document", "violations": [{path, description, hint}], "location": {file,
line, column, expression} | null, "details"}}`. `reason` is stable; match on it, not on the message.
"""


def cli_markdown() -> str:
    """The reference page: one section a command, its help as the terminal shows it."""
    sections = [_INTRODUCTION]
    for path, text in _helps(docugen, "docugen", None):
        sections.append(f"## {path}\n\n```text\n{text.rstrip()}\n```\n")
    return "\n".join(sections)


def _helps(command: click.Command, path: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    name = path.rpartition(" ")[2]
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
        help_option_names=["-h", "--help"],
    )
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from _helps(found, f"{path} {child}", context)


if __name__ == "__main__":
    click.echo(cli_markdown(), nl=False)
