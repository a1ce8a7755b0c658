"""Rendering a template's sample, whole and with one field missing at a time: what no reading of a source can be sure of.

    as it is                      every format, in every language of the labels; it must render
    without an optional field     must render too, or the schema promises callers what the template does not keep
    without any field             the same bytes in every format: nothing shows this field

The world of a trial is fixed (a day, UTC, the SPECIMEN mark), so a trial is repeatable like every render.
"""

from __future__ import annotations

import asyncio
import copy
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from docugen_core.authoring.data_paths import ITEM, DataPath, DeclaredField, SchemaPaths, written
from docugen_core.authoring.findings import LintFinding
from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed
from docugen_core.ports import Renderer
from docugen_core.rendering.missing_glyphs import MISSING_GLYPH
from docugen_core.rendering.packs import Template, TemplatePack
from docugen_core.rendering.task import RenderTask
from docugen_core.rendering.world import World
from docugen_core.strict_json.schema import compiled

TRIALS_MAX = 400
"""Renders of one template, beyond those of the whole sample."""

OPTIONAL_HINT = "Give it a default, look whether it is there, or require it."
TRIAL_DAY = dt.date(2026, 1, 31)


@dataclass(slots=True)
class TrialReport:
    """tried: fields that were taken away. shown: those whose absence changed or failed some format. failed: the whole
    sample does not render, so nothing else was tried. untried: fields beyond the bound."""

    findings: list[LintFinding] = field(default_factory=list)
    tried: set[DataPath] = field(default_factory=set)
    shown: set[DataPath] = field(default_factory=set)
    failed: bool = False
    untried: int = 0


def trial_world(locale: str) -> World:
    return World(document_date=TRIAL_DAY, locale=locale, time_zone="UTC", specimen=True)


def locales_of(pack: TemplatePack) -> tuple[str, ...]:
    """The languages of the pack's labels, its default one first; that one alone where it has no labels."""
    others = sorted(pack.labels.keys() - {pack.default_language})
    return (pack.default_language, *others)


async def try_template(pack: TemplatePack, template: Template, renderer: Renderer) -> TrialReport:
    """The report on `template`. Raises Unavailable where rendering itself is in trouble."""
    trials = _Trials(pack, template, renderer)
    await trials.whole()
    if not trials.report.failed:
        await trials.without()
    return trials.report


class _Trials:
    def __init__(self, pack: TemplatePack, template: Template, renderer: Renderer) -> None:
        self.report = TrialReport()
        self._pack = pack
        self._template = template
        self._renderer = renderer
        self._whole: dict[Format, bytes] = {}

    async def whole(self) -> None:
        """Every format in every language. One failure of several of them is one finding."""
        failures: dict[tuple[str, str, int, str, str], list[str]] = {}

        async def one(format_: Format, locale: str) -> None:
            outcome = await self._rendered(format_, self._template.sample, locale)
            if isinstance(outcome, bytes):
                if locale == self._pack.default_language:
                    self._whole[format_] = outcome
                return
            file, line = self._place(outcome, format_)
            fontless = MISSING_GLYPH in outcome.details and locale != self._pack.default_language
            code = "language-untried" if fontless else "template-fails"
            failure = (code, file, line, outcome.message, outcome.hint)
            failures.setdefault(failure, []).append(f"{format_.value} in {locale}")

        async with asyncio.TaskGroup() as group:
            for format_ in self._template.formats:
                for locale in locales_of(self._pack):
                    group.create_task(one(format_, locale))
        self.report.failed = any(code == "template-fails" for code, *_ in failures)
        for (code, file, line, problem, hint), where in failures.items():
            message = f"{', '.join(sorted(where))}: {problem}".replace("\n", " ")
            self.report.findings.append(LintFinding(file, line, code, message, hint))

    async def without(self) -> None:
        declared = [f for f in SchemaPaths(self._template.schema).declared() if _present(self._template.sample, f.path)]
        affordable = TRIALS_MAX // len(self._template.formats)
        self.report.untried = max(0, len(declared) - affordable)
        async with asyncio.TaskGroup() as group:
            for declared_field in declared[:affordable]:
                group.create_task(self._without(declared_field))

    async def _without(self, declared: DeclaredField) -> None:
        data = copy.deepcopy(dict(self._template.sample))
        _remove(data, declared.path)
        allowed = not declared.required and not compiled(self._template.schema).findings(data)
        self.report.tried.add(declared.path)
        for format_ in self._template.formats:
            outcome = await self._rendered(format_, data, self._pack.default_language)
            if outcome != self._whole[format_]:
                self.report.shown.add(declared.path)
            if isinstance(outcome, RenderFailed) and allowed:
                file, line = self._place(outcome, format_)
                message = f"{written(declared.path)} may be absent, but {outcome.message}".replace("\n", " ")
                # A panic is the author's own sentence: the template knows the case, only the schema does not.
                refuses = outcome.message.startswith("panicked with")
                code = "rule-unstated" if refuses else "optional-needed"
                hint = "State it in the schema." if refuses else OPTIONAL_HINT
                self.report.findings.append(LintFinding(file, line, code, message, hint))

    async def _rendered(self, format_: Format, data: Mapping[str, Any], locale: str) -> bytes | RenderFailed:
        task = RenderTask(
            document=f"{self._template.name}.{format_.value}",
            format=format_,
            pack=self._pack,
            template=self._template.name,
            data=data,
            world=trial_world(locale),
        )
        try:
            return (await self._renderer.render(task)).data
        except RenderFailed as error:
            return error

    def _place(self, error: RenderFailed, format_: Format) -> tuple[str, int]:
        where = error.where
        return (where.file, where.line) if where is not None else (self._template.formats[format_], 0)


def _present(value: Any, path: DataPath) -> bool:
    if not path:
        return True
    if path[0] == ITEM:
        return isinstance(value, list) and any(_present(item, path[1:]) for item in value)
    return isinstance(value, Mapping) and path[0] in value and _present(value[path[0]], path[1:])


def _remove(value: Any, path: DataPath) -> None:
    """Take the field away, in every item of the arrays on the way."""
    if path[0] == ITEM:
        for item in value if isinstance(value, list) else ():
            _remove(item, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        if len(path) == 1:
            del value[path[0]]
        else:
            _remove(value[path[0]], path[1:])
