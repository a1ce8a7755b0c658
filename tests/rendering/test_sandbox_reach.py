"""What a template may not reach, tried on every engine: files, packages, the network, Python, the machine."""

from __future__ import annotations

from contextlib import suppress

import pytest
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed
from docugen_core.rendering.task import RenderTask
from pack_examples import PLEX, a_task
from sandbox_attacks import TEXTS, in_docx, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

BILLION_LAUGHS = (
    '<!DOCTYPE svg [<!ENTITY a "ha ha ha ha ha ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + ']><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&i;</text></svg>'
)


def image(svg: str) -> RenderTask:
    return a_task('#image("a.svg")', files={"a.svg": svg})


def svg_with(element: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">'
        f"{element}</svg>"
    )


# --- files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../../../etc/passwd", "/../etc/passwd", "../other-pack/secret.txt"]
)
@pytest.mark.parametrize(
    "source", ['#read("{}")', '#include "{}"', '#json("{}")', '#image("{}")', '#eval("read(\\"{}\\")")']
)
async def test_typst_reads_no_file_outside_of_the_pack(pool: RenderPool, source: str, path: str) -> None:
    await refused(pool, a_task(source.replace("{}", path)))


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../../etc/passwd", "../other-pack/secret.txt"])
@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("tag", ['{% include "{}" %}', '{% extends "{}" %}', '{% import "{}" as x %}'])
async def test_minijinja_reads_no_file_outside_of_the_pack(pool: RenderPool, form: Format, tag: str, path: str) -> None:
    assert "not found" in str(await refused(pool, a_task(tag.replace("{}", path), form)))


@pytest.mark.parametrize("tag", ['{% include "/etc/passwd" %}', '{% import "os" as os %}{{ os }}', '{% extends "x" %}'])
async def test_a_word_template_reads_no_file_at_all(pool: RenderPool, tag: str) -> None:
    await refused(pool, in_docx(tag))


# --- pictures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "element",
    [
        '<image xlink:href="file:///etc/passwd" width="9" height="9"/>',
        '<image href="/etc/passwd" width="9" height="9"/>',
        '<image href="../../etc/passwd" width="9" height="9"/>',
        '<image href="http://127.0.0.1:9/x.png" width="9" height="9"/>',
        '<use href="http://127.0.0.1:9/x.svg#a"/>',
        '<style>@import url("http://127.0.0.1:9/x.css");</style>',
    ],
)
async def test_an_svg_brings_nothing_in_from_outside(pool: RenderPool, element: str) -> None:
    """Refused, or drawn without it: never fetched. There is no network to fetch from, and the root is empty."""
    plain = await pool.render(image(svg_with("")))
    drawn = plain
    with suppress(RenderFailed):
        drawn = await pool.render(image(svg_with(element)))

    assert drawn.data == plain.data


async def test_an_svg_from_the_data_brings_nothing_in_either(pool: RenderPool) -> None:
    svg = svg_with('<image href="file:///etc/passwd" width="9" height="9"/>')

    await refused(pool, a_task('#image(bytes(json("data.json").logo), format: "svg")', data={"logo": svg}))


@pytest.mark.parametrize(
    "svg",
    [
        BILLION_LAUGHS,
        '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>',
    ],
    ids=["billion laughs", "external entity"],
)
async def test_an_svg_expands_no_entities(pool: RenderPool, svg: str) -> None:
    assert "SVG" in str(await refused(pool, image(svg)))


# --- network, environment, code -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["@preview/fable:1.0.0", "@local/fable:1.0.0"])
async def test_no_package_is_imported(pool: RenderPool, package: str) -> None:
    await refused(pool, a_task(f'#import "{package}": *'))


@pytest.mark.parametrize(
    "expression",
    [
        "data.name.__class__",
        "data.name.__class__.__mro__[1].__subclasses__()",
        "range.__globals__",
        "data.__init__.__globals__",
        'data.name | attr("__class__")',
        'data["__class__"]',
        "self._TemplateReference__context",
        "money.__globals__",
        "environ",
        "os",
        "config",
        "debug()",
        "cycler.__init__.__globals__",
        '"{0.__class__}".format(data)',
        'data.name.format_map({"x": 1})',
    ],
)
@pytest.mark.parametrize("form", [*TEXTS, Format.DOCX])
async def test_no_expression_reaches_python(pool: RenderPool, form: Format, expression: str) -> None:
    tag = "{{ " + expression + " }}"

    await refused(pool, in_docx(tag) if form is Format.DOCX else a_task(tag, form))


async def test_nothing_of_the_environment_or_the_machine_is_in_typsts_reach(pool: RenderPool) -> None:
    inputs = a_task(PLEX + '#assert.eq(sys.inputs, (:))\n#assert(not dictionary(sys).keys().contains("env"))')

    assert (await pool.render(inputs)).pages == 1
