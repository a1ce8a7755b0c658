"""What lint says: one finding a mistake, at a line of a file of the pack, under a code that never changes its meaning.

    pack-invalid      error    the pack cannot be loaded; nothing else is looked at
    schema-invalid    error    a schema is no JSON Schema
    sample-invalid    error    the sample does not fit the schema
    data-unknown      error    the template reads a field that the schema does not know
    data-unused       warning  no format of the template shows a field of the schema
    optional-needed   error    the schema lets a field be absent, the template cannot do without it
    rule-unstated     warning  without an optional field the template refuses (`panic`): a rule the schema does not state
    sample-lacks      warning  the sample does not have a field that the template reads, so nobody saw what becomes of it
    name-unknown      error    the template uses a name that no template gets
    label-unknown     error    the template asks for a label that the default language does not have
    label-missing     warning  a language has no text for a label and shows that of the default language
    label-extra       warning  a language has a label that the default language does not have
    label-unused      warning  no template asks for a label
    template-fails    error    a format cannot be rendered from the sample
    language-untried  warning  no installed font has the letters of one of the pack's languages
    fallback-misfit   error    the sample does not fit the schema of the fallback template
    file-unused       warning  nothing in the pack refers to the file
    font-unlicensed   warning  the pack brings fonts, and no licence lies beside them
    font-restricted   warning  a font says of itself that documents may not embed it
    font-unused       warning  no template names the family of a font that the pack brings
    version-unchanged error    the same version is installed with other content

A warning may be wrong: see the modules that read. An error is something that fails, or would.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


_WARNINGS = frozenset(
    {
        "data-unused",
        "rule-unstated",
        "sample-lacks",
        "language-untried",
        "label-missing",
        "label-extra",
        "label-unused",
        "file-unused",
        "font-unlicensed",
        "font-restricted",
        "font-unused",
    }
)


@dataclass(frozen=True, slots=True, order=True)
class LintFinding:
    """file: within the pack. line: from 1, or 0 for the file as a whole. message: a sentence without a full stop."""

    file: str
    line: int
    code: str
    message: str
    hint: str = field(default="", compare=False)

    @property
    def severity(self) -> Severity:
        return Severity.WARNING if self.code in _WARNINGS else Severity.ERROR
