"""`docugen generate ...`: synthetic data of one generator, or a corpus of labelled documents."""

from __future__ import annotations

import datetime as dt
import importlib
import json
from pathlib import Path
from typing import Any

import click
from docugen_core.domain.identity import canonical_json, content_digest
from docugen_core.domain.json import JsonValue
from docugen_core.domain.seed import SeedStream
from docugen_core.errors import InvalidRequest, RenderFailed
from docugen_core.generators.generator import Generator, GeneratorContext
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.rendering.locale import cldr_locale
from docugen_core.strict_json.schema import Schema

from docugen.cli.failures import wrong_input
from docugen.cli.options import json_option
from docugen.cli.output import emit, say

CORPUS = "corpus"


class _Generators(click.Group):
    """`corpus`, and one command for each installed generator."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [CORPUS, *(name for name in GeneratorRegistry.load().names() if name != CORPUS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == CORPUS:
            command = importlib.import_module("docugen.cli.generate_corpus").corpus
            assert isinstance(command, click.Command)
            return command
        registry = GeneratorRegistry.load()
        return _data_command(registry.get(cmd_name)) if cmd_name in registry.names() else None


@click.group(cls=_Generators)
def generate() -> None:
    """Make synthetic data, or a corpus of labelled documents, from a seed.

    \b
      docugen generate commerce --seed spring --param first_month=2026-04
      docugen generate corpus --seed spring --count 100 --out spring-corpus
    """


def seed_stream(seed: str, *path: str) -> SeedStream:
    """The place `path` of `seed`. Raises CommandFailed for a seed of the wrong length."""
    try:
        return SeedStream.of(seed, *path)
    except ValueError as error:
        raise wrong_input(f"--seed: {error}", hint="Give 1 to 128 bytes of text.") from None


def _data_command(generator: Generator) -> click.Command:
    properties = generator.params_schema.get("properties", {})
    assert isinstance(properties, dict)
    names = ", ".join(properties) or "none"

    def run(
        seed: str, param: tuple[str, ...], locale: str, document_date: str | None, out: str | None, as_json: bool
    ) -> None:
        data = _generated(generator, seed, _params(param), locale, document_date)
        if out is None:
            say(json.dumps(data, ensure_ascii=False, indent=2))
            return
        written = canonical_json(data) + b"\n"
        Path(out).write_bytes(written)
        document = {"path": out, "size": len(written), "sha256": content_digest(written)}
        emit(document, lambda d: f"{d['path']}  sha256 {d['sha256']}", as_json=as_json)

    run.__doc__ = f"""{generator.description}

    Prints the data as JSON. As `generate` in a bundle with the same seed, locale and document date it is the same data.

    Parameters: {names}. `docugen generators --json` has their schema.

    \b
    --json: the data; with --out {{path, size, sha256}}
    """
    return click.command(generator.name)(_seed(_param(_locale(_date(_out(json_option(run)))))))


_seed = click.option("--seed", required=True, help="What the data is made from: any text of 1 to 128 bytes.")
_param = click.option(
    "--param", multiple=True, metavar="NAME=VALUE", help="A parameter; VALUE is JSON, or else text. May be repeated."
)
_locale = click.option(
    "--locale", default="en-GB", show_default=True, help="Language and country of names, numbers, words."
)
_date = click.option(
    "--date", "document_date", metavar="YYYY-MM-DD", default=None, help="The day on which the documents are made."
)
_out = click.option("--out", metavar="FILE", default=None, help="Write canonical JSON to FILE instead of printing it.")


def _generated(generator: Generator, seed: str, params: dict[str, JsonValue], locale: str, day: str | None) -> Any:
    wrong = Schema(generator.params_schema, name=f"{generator.name} parameters").findings(params)
    if wrong:
        raise InvalidRequest.from_violations([finding.under("params").violation() for finding in wrong])
    context = GeneratorContext(
        seed=seed_stream(seed, "generate", generator.name),
        locale=str(cldr_locale(locale)).replace("_", "-"),
        document_date=_day(day) if day is not None else None,
    )
    try:
        return generator.generate(params, context)
    except RenderFailed as error:
        raise wrong_input(error.message, reason=error.reason, hint=error.hint) from None


def _params(given: tuple[str, ...]) -> dict[str, JsonValue]:
    params: dict[str, JsonValue] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise wrong_input(f"--param {text}: is not NAME=VALUE", hint="For example --param months=3.")
        try:
            params[name] = json.loads(value)
        except ValueError:
            params[name] = value
    return params


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise wrong_input(f"--date {text}: is not a date", hint="Write it as YYYY-MM-DD, such as 2026-09-30.") from None
