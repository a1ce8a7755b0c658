"""What a template may not do, tried: every attack on every engine, in real render processes.

The pack is the author's, who may be careless; the data is a caller's, who may be hostile. Neither may read, reach, run, keep
or exhaust anything beyond the document. What cannot be refused is bounded: it ends with its process, and the next one renders.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import pytest
import pytest_asyncio
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.config import Settings
from docugen_core.domain.bundle import Format
from docugen_core.errors import LimitExceeded, RenderFailed, RenderInterrupted
from docugen_core.rendering.task import RenderLimits, RenderTask
from docx_examples import a_docx
from pack_examples import PLEX, TABLE_DATA, TABLE_TOML, a_task

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIMEOUT_MS = 6_000
"""Also for the document after an attack, which comes to a new process, maybe of a machine that stalls for seconds."""
HELLO = a_task(PLEX + "Hello")
SECRET = "root:"  # noqa: S105 - how /etc/passwd begins
TEXTS = (Format.TXT, Format.HTML, Format.MD, Format.XML, Format.JSON)
DOUBLING = '{% set ns = namespace(a="xxxxxxxx") %}{% for i in range(64) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}'
BILLION_LAUGHS = (
    '<!DOCTYPE svg [<!ENTITY a "ha ha ha ha ha ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + ']><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&i;</text></svg>'
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[RenderPool]:
    """One render process for all attacks that are refused: each is the next one's neighbour too.

    It is never replaced for its age or size: in random order, that happened within a test that counts on one process.
    """
    settings = Settings(render_processes=1, render_recycle_documents=60_000, render_recycle_rss_mb=1_048_576)
    async with RenderPool(settings) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strict() -> AsyncIterator[RenderPool]:
    """One render process with a short deadline, for attacks that end it."""
    async with RenderPool(Settings(render_processes=1, render_timeout_ms=TIMEOUT_MS)) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small() -> AsyncIterator[RenderPool]:
    """One render process with little memory and time enough to use it up."""
    async with RenderPool(Settings(render_processes=1, render_memory_mb=768)) as made:
        yield made


def image(svg: str) -> RenderTask:
    return a_task('#image("a.svg")', files={"a.svg": svg})


def svg_with(element: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">'
        f"{element}</svg>"
    )


def in_docx(expression: str) -> RenderTask:
    return a_task(a_docx(expression), Format.DOCX, labels={"en": {"specimen": "SPECIMEN"}})


async def refused(pool: RenderPool, task: RenderTask) -> RenderFailed:
    """The template's own error; the process goes on."""
    with pytest.raises(RenderFailed) as caught:
        await pool.render(task)
    assert SECRET not in str(caught.value.failure().to_json())
    return caught.value


async def killed(pool: RenderPool, task: RenderTask, *reasons: str) -> None:
    """The process ends and names the document and the bound; the next document renders."""
    with pytest.raises(RenderInterrupted) as caught:
        await pool.render(task)
    failure = caught.value.failure()
    assert failure.code in reasons
    assert failure.document == task.document
    if failure.code != "RENDER_PROCESS_DIED":
        setting = "DOCUGEN_RENDER_TIMEOUT_MS" if failure.code == "RENDER_TIMEOUT" else "DOCUGEN_RENDER_MEMORY_MB"
        assert setting in failure.hint
        assert failure.details
    assert (await pool.render(HELLO)).pages == 1


# --- files ------------------------------------------------------------------------------------------------------------------


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


# --- network, environment, code ---------------------------------------------------------------------------------------------


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


def wasm(code: Sequence[int], *, imports: bytes = b"") -> str:
    """A WebAssembly plugin, written out in the template: a function `f` with this code, and a memory."""

    def section(number: int, body: bytes) -> bytes:
        return bytes([number, len(body)]) + body

    body = bytes([0, *code, 0x0B])
    module = (
        b"\0asm\1\0\0\0"
        + section(1, b"\1\x60\0\1\x7f")
        + (section(2, imports) if imports else b"")
        + section(3, b"\1\0")
        + section(5, b"\1\0\1")
        + section(7, b"\2\1f\0" + bytes([1 if imports else 0]) + b"\6memory\2\0")
        + section(10, bytes([1, len(body)]) + body)
    )
    return f"#let p = plugin(bytes(({','.join(map(str, module))},)))\n"


ENDLESS = (0x03, 0x40, 0x0C, 0, 0x0B, 0x41, 0)
GREEDY = (0x03, 0x40, 0x41, 0xE8, 0x07, 0x40, 0, 0x1A, 0x0C, 0, 0x0B, 0x41, 0)
"""memory.grow, for ever."""
WASI = b"\1\x16wasi_snapshot_preview1\7fd_read\0\0"


async def test_a_plugin_gets_nothing_of_the_system(pool: RenderPool) -> None:
    """Typst runs WebAssembly, even from an array in the source. It offers plugins their arguments and their result, nothing
    else: a module that wants a system call is not started. So a plugin is harmless, and bounded like any template."""
    message = str(await refused(pool, a_task(wasm((0x41, 0), imports=WASI) + "x")))

    assert "wasi_snapshot_preview1" in message


@pytest.mark.slow
@pytest.mark.parametrize("code", [ENDLESS, GREEDY], ids=["endless", "greedy"])
async def test_a_plugin_is_killed_at_the_bounds(strict: RenderPool, code: Sequence[int]) -> None:
    await killed(strict, a_task(wasm(code) + "#str(p.f())"), "RENDER_TIMEOUT", "RENDER_OUT_OF_MEMORY")


# --- time and memory --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_typsts_endless_loop_and_recursion_end(pool: RenderPool, strict: RenderPool) -> None:
    await refused(pool, a_task("#while true { }"))
    await refused(pool, a_task("#let f(n) = f(n + 1)\n#f(0)"))
    await killed(strict, a_task("#for i in range(60000) { for j in range(60000) { } }"), "RENDER_TIMEOUT")


async def test_minijinjas_endless_loop_runs_out_of_fuel(pool: RenderPool) -> None:
    loop = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"

    assert "fuel" in str(await refused(pool, a_task(loop, Format.TXT)))


@pytest.mark.parametrize("form", TEXTS)
async def test_minijinjas_recursion_ends(pool: RenderPool, form: Format) -> None:
    await refused(pool, a_task("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", form))


@pytest.mark.slow
async def test_a_word_templates_endless_loop_and_recursion_end(pool: RenderPool, strict: RenderPool) -> None:
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    await killed(strict, in_docx(loop), "RENDER_TIMEOUT")
    await refused(pool, in_docx("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "task",
    [
        a_task('#let bomb = "x" * 4000000000\n#bomb.len()'),
        a_task('{{ ("x" * 1000) | replace("x", "y" * 10000000) | length }}', Format.TXT),
        a_task('{{ "%4000000000d" | format(1) }}', Format.HTML),
        a_task('{{ "a\nb" | indent(4000000000) }}', Format.XML),
    ],
    ids=["typst", "replace", "format", "indent"],
)
async def test_a_memory_bomb_ends_its_process_and_is_called_by_its_name(small: RenderPool, task: RenderTask) -> None:
    await killed(small, task, "RENDER_OUT_OF_MEMORY")


@pytest.mark.slow
@pytest.mark.parametrize(
    "task",
    [
        a_task(DOUBLING, Format.TXT),
        a_task("{% for a in range(100000) %}{{ 'x' * 10000 }}{% endfor %}", Format.TXT),
    ],
    ids=["doubling", "flood"],
)
async def test_a_text_that_grows_without_end_ends_its_process(strict: RenderPool, task: RenderTask) -> None:
    await killed(strict, task, "RENDER_OUT_OF_MEMORY", "RENDER_TIMEOUT", "RENDER_PROCESS_DIED")


# --- what comes out ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "setting", "figures"),
    [
        (
            a_task(PLEX + "a #pagebreak() b", limits=RenderLimits(pages_max=1)),
            "DOCUGEN_MAX_PAGES",
            {"pages": "2", "limit": "1"},
        ),
        (
            a_task("{{ 'x' * 2000 }}", Format.TXT, limits=RenderLimits(bytes_max=1_024)),
            "DOCUGEN_MAX_ARTEFACT_BYTES",
            {"bytes": "2000", "limit": "1024"},
        ),
        (
            a_task(TABLE_TOML, Format.CSV, data=TABLE_DATA, limits=RenderLimits(rows_max=1)),
            "DOCUGEN_MAX_ROWS",
            {"rows": "2", "limit": "1"},
        ),
        (
            a_task(TABLE_TOML, Format.XLSX, data=TABLE_DATA, limits=RenderLimits(rows_max=1)),
            "DOCUGEN_MAX_ROWS",
            {"rows": "2", "limit": "1"},
        ),
    ],
    ids=["pages", "bytes", "rows", "rows of xlsx"],
)
async def test_output_beyond_a_limit_is_refused_with_document_figure_limit_and_setting(
    pool: RenderPool, task: RenderTask, setting: str, figures: dict[str, str]
) -> None:
    with pytest.raises(LimitExceeded) as caught:
        await pool.render(task)

    failure = caught.value.failure()
    assert (failure.document, dict(failure.details)) == (task.document, figures)
    assert setting in failure.hint
    for figure in figures.values():
        assert figure in failure.message.replace(",", "")


FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", '=HYPERLINK("http://x.example")')


def formulas_table(form: Format) -> RenderTask:
    lines = [{"item": item, "quantity": "1", "price": "1.00", "tax": "20", "sold": None} for item in FORMULAS]
    return a_task(TABLE_TOML, form, data={"currency": "EUR", "lines": lines, "totals": {"price": "6.00"}})


async def test_csv_cells_of_the_data_are_no_formulas(pool: RenderPool) -> None:
    data = (await pool.render(formulas_table(Format.CSV))).data

    cells = [row[0] for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))][1 : len(FORMULAS) + 1]
    assert cells == [f"'{item}" for item in FORMULAS]


async def test_xlsx_cells_of_the_data_are_texts_and_no_links(pool: RenderPool) -> None:
    with zipfile.ZipFile(io.BytesIO((await pool.render(formulas_table(Format.XLSX))).data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        shared = book.read("xl/sharedStrings.xml").decode()

    assert sheet.count("<f>") <= 1, "the total alone is a formula"
    assert "HYPERLINK" not in sheet
    assert "hyperlink" not in sheet
    assert all(item.strip("\t").split('"')[0] in shared for item in FORMULAS)


async def test_markup_in_the_data_is_text_in_html_and_xml(pool: RenderPool) -> None:
    hostile = "<script>alert(1)</script>\"'&]]>"

    for form in (Format.HTML, Format.XML):
        source = '<p title="{{ data.name }}">{{ data.name }}</p>'
        assert b"<script" not in (await pool.render(a_task(source, form, data={"name": hostile}))).data


async def test_code_in_the_data_is_text_everywhere(pool: RenderPool) -> None:
    hostile = '{{ 7 * 7 }} #(7 * 7) {% include "x" %} #read("secret.txt")'

    text = await pool.render(a_task("{{ data.name }}", Format.TXT, data={"name": hostile}))
    assert text.data.decode() == hostile
    assert (await pool.render(a_task(PLEX + '#json("data.json").name', data={"name": hostile}))).pages == 1


# --- one document after the other -------------------------------------------------------------------------------------------


def of_tenant(name: str, secret: str) -> RenderTask:
    return a_task(PLEX + '#json("data.json").secret', data={"secret": secret, "tenant": name})


async def test_a_warm_process_shows_the_next_tenant_nothing_of_the_last(pool: RenderPool) -> None:
    """The same process renders a document with a secret, then others that look for it in every place there is."""
    await pool.render(HELLO)
    (process,) = pool.process_ids
    alone = await pool.render(of_tenant("b", "nothing"))
    await pool.render(of_tenant("a", "HUNTER2"))
    await pool.render(
        a_task('#let leaked = state("s", 0)\n#leaked.update(n => 7)\n#metadata("HUNTER2") <label>' + PLEX)
    )

    assert (await pool.render(of_tenant("b", "nothing"))).data == alone.data
    state = a_task(PLEX + '#context assert.eq(state("s", 0).final(), 0)\n#context assert.eq(query(<label>), ())')
    assert (await pool.render(state)).pages == 1
    await refused(pool, a_task('#json("data.json").secret'))
    assert pool.process_ids == (process,), "they were rendered by one process"


async def test_a_file_of_one_pack_is_not_there_for_the_next(pool: RenderPool) -> None:
    await pool.render(a_task(PLEX + '#read("secret.txt")', files={"secret.txt": "HUNTER2"}))
    await pool.render(a_task('{% include "secret.txt" %}', Format.TXT, files={"secret.txt": "HUNTER2"}))

    await refused(pool, a_task('#read("secret.txt")'))
    await refused(pool, a_task('{% include "secret.txt" %}', Format.TXT))


@pytest.mark.parametrize("form", [Format.TXT, Format.HTML, Format.DOCX])
async def test_what_a_template_sets_is_gone_with_its_document(pool: RenderPool, form: Format) -> None:
    write, read = "{% set leaked = data.name %}{{ leaked }}", "{{ leaked }}"
    make = in_docx if form is Format.DOCX else lambda source: a_task(source, form)

    await pool.render(make(write))

    await refused(pool, make(read))
