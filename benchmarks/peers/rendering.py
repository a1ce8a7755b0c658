"""Other renderers beside DocuGen's: the same three documents, warm and in a new process.

Warm: DocuGen through its pool with one render process, WeasyPrint and Chromium in one process that stays, one document at a
time. Each document has contents of its own. What each makes differs, and the facts say so: DocuGen's PDF is PDF/A, the
report's also PDF/UA with tags, and was checked by the same call.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pypdfium2
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.domain.bundle import Format
from docugen_core.rendering.fonts import font_folders, installed_fonts
from docugen_core.rendering.pdf import tagged, timestamp, virtual_files
from docugen_core.rendering.task import RenderTask
from docugen_core.rendering.typst_library import LIBRARY_FOLDER

from benchmarks.measurement import Bound, Measurement
from benchmarks.peers.catalogue import PROGRAMS, Peer
from benchmarks.peers.pages import Case, cases
from benchmarks.peers.subject import PeerFailed, Program, Subject
from benchmarks.peers.turns import in_turns
from benchmarks.rendering import SETTINGS
from benchmarks.services import family
from benchmarks.stage import Stage, now_us, process_ms

RENDERS = {"invoice": 8, "statement": 2, "report": 1}
"""Of a round. Each has contents of its own: Typst remembers what it has laid out for ten documents, and a service never gets
the same one again."""
BOUNDS = {
    "weasyprint": {"invoice": 8.0, "statement": 7.0, "report": 6.0},
    "chromium": {"invoice": 8.0, "statement": 2.0, "report": 1.4},
}
"""How many times DocuGen's warm time the other's should be."""
COLD_BOUND = 10.0
WARMTHS = {"warm": "warm", "cpu": "warm, CPU", "cold": "new process"}
"""CPU: of all processes of the subject together, which neighbours on the machine change less than the time."""
COLD_S_MAX = 60.0
FAMILY_LOOKS = 20
DOCUGEN = Subject("docugen", "DocuGen", 1)


async def measure(stage: Stage, peers: Sequence[Peer]) -> tuple[list[Measurement], list[str]]:
    """Rows beside each peer, and a line for each that dropped out."""
    rows: list[Measurement] = []
    lines: list[str] = []
    subjects = {peer.name: Subject(peer.name, peer.label, 1, peer) for peer in peers}
    with tempfile.TemporaryDirectory(prefix="docugen-peers-") as folder:
        browser = ""
        if "chromium" in subjects:
            try:
                browser, version = await _browser(subjects["chromium"])
                subjects["chromium"] = replace(subjects["chromium"], label=f"Chromium {version}")
            except PeerFailed as error:
                lines.append(f"{subjects.pop('chromium').label}: absent, {error}")
        for case in cases():
            made, more = await _case(stage, case, list(subjects.values()), Path(folder), browser)
            rows += made
            lines += more
    return rows, lines


async def _browser(subject: Subject) -> tuple[str, str]:
    async with subject.program("browser") as program:
        path, version = await program.line("browser")
    return path, version


async def _case(
    stage: Stage, case: Case, peers: Sequence[Subject], folder: Path, browser: str
) -> tuple[list[Measurement], list[str]]:
    variants = RENDERS[case.name] * (stage.rounds + 1)
    tasks = case.tasks(variants)
    pages = [folder / case.name / f"{number}.html" for number in range(variants)]
    pickles = [folder / f"{case.name}-{number}.task" for number in range(variants)]
    for task, page, pickled in zip(tasks, pages, pickles, strict=True):
        case.html(task, page)
        pickled.write_bytes(pickle.dumps(task))
    jobs = cycle([_job(task, folder / f"{case.name}-{number}.json") for number, task in enumerate(tasks)])
    out = folder / "out.pdf"
    warm_tasks, warm_pages = iter(tasks), {subject.name: iter(pages) for subject in peers}
    cold_files = {subject.name: cycle(pages) for subject in peers} | {"docugen": cycle(pickles)}
    counted: dict[str, int] = {}

    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(RenderPool(replace(SETTINGS, render_processes=1)))
        programs = {s.name: await stack.enter_async_context(_warm(s, browser)) for s in peers}

        async def take(subject: Subject) -> dict[str, float]:
            count = RENDERS[case.name]
            spent, cpu = 0.0, _family_cpu_us()
            for _ in range(count):
                if subject is DOCUGEN:
                    task = next(warm_tasks)
                    begin = now_us()
                    rendered = await pool.render(task)
                    spent += now_us() - begin
                    counted[subject.label] = rendered.pages or 0
                else:
                    question = f"{next(warm_pages[subject.name])} {out}"
                    (took,) = await programs[subject.name].ask(question, "took")
                    spent += float(took)
                    counted[subject.label] = _pages(out)
            cpu = _family_cpu_us() - cpu
            cold = await _timed(_cold(subject, next(cold_files[subject.name]), out, browser), folder)
            alone = await _timed(_typst_alone(next(jobs), out), folder) if subject is DOCUGEN else 0.0
            return {"warm": spent / count / 1_000, "cpu": cpu / count / 1_000, "cold": cold, "alone": alone}

        turns = await in_turns(stage.rounds, [DOCUGEN, *peers], take)
    rows = []
    for warmth, words in WARMTHS.items():
        for subject in turns.values:
            if subject is DOCUGEN or DOCUGEN not in turns.values:
                continue
            limit = {"cold": COLD_BOUND, "warm": BOUNDS.get(subject.name, {}).get(case.name)}.get(warmth)
            ours, theirs = turns.of(DOCUGEN, warmth), turns.of(subject, warmth)
            note = f"{counted[subject.label]} pages, DocuGen's {counted[DOCUGEN.label]}" if warmth == "warm" else ""
            name = f"{case.name}, {words}: {subject.label}"
            rows.append(Measurement(name, "ms", theirs, DOCUGEN.label, ours, Bound(limit) if limit else None, note))
    if DOCUGEN in turns.values:
        alone, own = turns.of(DOCUGEN, "alone"), turns.of(DOCUGEN, "cold")
        rows.append(Measurement(f"{case.name}, new process: Typst alone", "ms", alone, DOCUGEN.label, own))
    return rows, turns.failures


def _job(task: RenderTask, path: Path) -> Path:
    """Write what `typst_alone` needs to make the PDF of `task`, which is the one DocuGen makes."""
    template = task.pack.templates[task.template]
    files = virtual_files(task, template.formats[Format.PDF])
    options = {
        "timestamp": timestamp(task.world.document_date),
        "pdf_standards": list(template.pdf.standards),
        "pdf_tags": tagged(template.pdf),
    }
    job = {
        "root": str(LIBRARY_FOLDER),
        "fonts": [str(folder) for folder in font_folders(installed_fonts())],
        "files": {name: data.decode() for name, data in files.items()},
        "options": options,
    }
    path.write_text(json.dumps(job), encoding="utf-8")
    return path


def _typst_alone(job: Path, out: Path) -> list[str]:
    return [sys.executable, str(PROGRAMS / "typst_alone.py"), str(job), str(out)]


def _warm(subject: Subject, browser: str) -> Program:
    return subject.program("warm", browser) if subject.name == "chromium" else subject.program("warm")


def _cold(subject: Subject, file: Path, out: Path, browser: str) -> list[str]:
    if subject.peer is None:
        return [sys.executable, str(PROGRAMS / "docugen_render.py"), str(file), str(out)]
    if subject.name == "chromium":
        quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
        return [browser, *quiet, f"--user-data-dir={out.parent / 'profile'}", f"--print-to-pdf={out}", file.as_uri()]
    return subject.peer.command("cold", str(file), str(out))


async def _timed(command: Sequence[str], folder: Path) -> float:
    """Milliseconds from the start of the process to its end. Raises PeerFailed."""
    name = Path(command[0]).name
    try:
        return await asyncio.to_thread(process_ms, command, folder, COLD_S_MAX)
    except subprocess.TimeoutExpired:
        raise PeerFailed(f"{name} took more than {COLD_S_MAX:.0f} s") from None
    except subprocess.CalledProcessError as error:
        words = f"{name} ended with {error.returncode}; run it to see why: {' '.join(command)}"
        raise PeerFailed(words) from None


def _family_cpu_us() -> float:
    """CPU of this process and all below it, those that have ended included. Linux only; elsewhere it does not grow."""
    if sys.platform != "linux":
        return 0.0
    total = 0
    for pid in _family():
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / os.sysconf("SC_CLK_TCK") * 1e6


def _family() -> list[int]:
    """A browser's processes come and go while they are counted: then they are counted again."""
    for _ in range(FAMILY_LOOKS):
        with suppress(OSError):
            return family(os.getpid())
    raise PeerFailed("its processes change too fast to be counted")


def _pages(path: Path) -> int:
    with pypdfium2.PdfDocument(path) as document:
        return len(document)
