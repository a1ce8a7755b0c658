"""`docugen templates ...`: which documents can be made, from which data; and the life of a pack of one's own.

`ls` and `show` are in here: of this installation, or of a server. The author's commands are in modules of their own, imported
when called: they render.
"""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

import click
from docugen_core.domain.bundle import TemplateReference

from docugen.cli import local
from docugen.cli.failures import wrong_input
from docugen.cli.options import json_option, server_option
from docugen.cli.output import emit, say, table

if TYPE_CHECKING:
    from docugen_core.rendering.packs import Template, TemplatePack

PackDocument = dict[str, Any]

AUTHORS = {
    "new": "docugen.cli.templates_new:new",
    "lint": "docugen.cli.templates_lint:lint",
    "preview": "docugen.cli.templates_preview:preview",
    "test": "docugen.cli.templates_test:test",
}


class _TemplateCommands(click.Group):
    """`ls` and `show`, and by name those of AUTHORS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *AUTHORS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in AUTHORS:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = AUTHORS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_TemplateCommands)
def templates() -> None:
    """Look at the installed template packs, and write your own.

    \b
      docugen templates new repair-slip --out packs
      docugen templates preview packs/repair-slip --watch
      docugen templates lint packs/repair-slip
      docugen templates test packs/repair-slip

    \b
    PACK in JSON: {name, version, digest, description,
                   templates: [{name, title, description, formats, schema, sample}]}
    """


@templates.command("ls")
@server_option
@json_option
def list_templates(server: str | None, as_json: bool) -> None:
    """List every template with its formats.

    \b
    --json: {template_packs: [PACK]}, schema and sample null
    """
    packs = _server_packs(server) if server else [_pack(p, full=False) for p in _installed()]
    emit({"template_packs": packs}, _packs_view, as_json=as_json)


@templates.command()
@click.argument("name", metavar="PACK[/TEMPLATE]")
@click.option("--sample", is_flag=True, help="Print data that renders.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the data.")
@server_option
@json_option
def show(name: str, sample: bool, schema: bool, server: str | None, as_json: bool) -> None:
    """Show a pack (invoice, invoice@1.0.0) or one template of it (invoice/invoice).

    --sample and --schema print that JSON alone, ready for a file.

    \b
    --json: {template_pack: PACK}, of one template where one is named
    """
    pack_name, template_name, version = _parts(name)
    document = _pack_named(pack_name, version, server)
    if template_name:
        document["templates"] = [_chosen(document, template_name)]
    if (sample or schema) and not as_json:
        say(json.dumps(_only(document, "sample" if sample else "schema"), ensure_ascii=False, indent=2))
        return
    emit({"template_pack": document}, _pack_view, as_json=as_json)


def _parts(name: str) -> tuple[str, str, str]:
    """`pack`, `pack@version`, `pack/template`, `pack/template@version` -> pack, template, version."""
    if "/" not in name:
        pack, _, version = name.partition("@")
        return pack, "", version
    try:
        reference = TemplateReference.parse(name)
    except ValueError as error:
        raise wrong_input(str(error), hint="`docugen templates ls` lists them.") from None
    return reference.pack, reference.template, reference.version


def _installed() -> tuple[TemplatePack, ...]:
    return local.intake(local.settings()).catalogue.packs()


def _pack_named(name: str, version: str, server: str | None) -> PackDocument:
    if server:
        from docugen.cli.remote import ask
        from docugen.client import to_json

        document: PackDocument = to_json(
            ask(server, lambda client: client.template_pack(f"{name}@{version}" if version else name))
        )
        return document
    return _pack(local.intake(local.settings()).catalogue.pack(name, version), full=True)


def _server_packs(server: str) -> list[PackDocument]:
    from docugen.cli.remote import ask
    from docugen.client import to_json

    packs: list[PackDocument] = to_json(ask(server, lambda client: client.templates()))
    return packs


def _pack(pack: TemplatePack, *, full: bool) -> PackDocument:
    return {
        "name": pack.name,
        "version": pack.version,
        "digest": pack.digest,
        "description": pack.description,
        "templates": [_template(t, full=full) for _, t in sorted(pack.templates.items())],
    }


def _template(template: Template, *, full: bool) -> dict[str, Any]:
    return {
        "name": template.name,
        "title": template.title,
        "description": template.description,
        "formats": sorted(f.value for f in template.offered),
        "schema": template.schema if full else None,
        "sample": template.sample if full else None,
    }


def _chosen(pack: PackDocument, name: str) -> dict[str, Any]:
    for template in pack["templates"]:
        if template["name"] == name:
            chosen: dict[str, Any] = template
            return chosen
    known = ", ".join(t["name"] for t in pack["templates"])
    raise wrong_input(
        f"no template {name!r} in pack {pack['name']!r}", reason="TEMPLATE_NOT_FOUND", hint=f"It has: {known}."
    )


def _only(pack: PackDocument, field: str) -> Any:
    """The sample or schema of the one template; of several, an object by template name."""
    if len(pack["templates"]) == 1:
        return pack["templates"][0][field]
    return {t["name"]: t[field] for t in pack["templates"]}


def _packs_view(document: dict[str, Any]) -> str:
    rows = [
        (f"{p['name']}/{t['name']}", p["version"], ", ".join(t["formats"]), t["title"])
        for p in document["template_packs"]
        for t in p["templates"]
    ]
    return table(("TEMPLATE", "VERSION", "FORMATS", "TITLE"), rows)


def _pack_view(document: dict[str, Any]) -> str:
    pack = document["template_pack"]
    lines = [f"{pack['name']}@{pack['version']}  {pack['description']}", f"digest {pack['digest']}"]
    for template in pack["templates"]:
        lines += [
            "",
            f"{click.style(pack['name'] + '/' + template['name'], bold=True)}  {template['title']}",
            f"  formats  {', '.join(template['formats'])}",
        ]
        if template["description"]:
            lines.append(f"  about    {template['description']}")
        required = ", ".join((template["schema"] or {}).get("required", ()))
        if required:
            lines.append(f"  needs    {required}")
    first = f"{pack['name']}/{pack['templates'][0]['name']}"
    return "\n".join([*lines, "", f"data that renders: docugen templates show {first} --sample"])
