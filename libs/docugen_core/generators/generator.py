"""What a generator is: a name, a version, a schema of its parameters and one pure function.

To add one, make a `Generator` at module level and declare it in your distribution:

    [project.entry-points."docugen.generators"]
    fleet_log = "my_package.fleet_log:FLEET_LOG"

The version is part of every spec that uses the generator, and of its manifest. Raise it with every change of output.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from docugen_core.domain.json import JsonObject
from docugen_core.domain.seed import SeedStream


@dataclass(frozen=True, slots=True)
class GeneratorContext:
    """All a generator may know beside its parameters.

    seed: the stream of this generation, rooted by the caller at ("generate", generator name). locale: BCP 47. document_date:
    the bundle's own "today", or None; a generator that needs it and gets None raises RenderFailed naming the field.
    """

    seed: SeedStream
    locale: str
    document_date: dt.date | None = None

    @property
    def language(self) -> str:
        """The locale's language, in lower case: `fr` of `fr-CH`."""
        return self.locale.replace("_", "-").partition("-")[0].lower()


@dataclass(frozen=True, slots=True)
class Generator:
    """One registered maker of data.

    name: as in requests, equal to the entry point's. version: semantic; other versions may make other data. params_schema:
    JSON Schema 2020-12 of the parameters, closed, every number and length bounded. generate(params, context): the data, as
    plain JSON. It is pure, and expects `params` already checked against `params_schema`.
    """

    name: str
    version: str
    description: str
    params_schema: JsonObject
    generate: Callable[[JsonObject, GeneratorContext], JsonObject]
