"""`make demo`: a batch of bundles through queue and workers, one worker killed on the way, and every byte compared.

A scheduler and two workers run on this machine over an embedded Valkey, as `docugen dev` runs them. A worker is killed while it
holds jobs; the other one does them once its leases lapse. At the end the sample is rendered once more without any of them, in
other processes, under another hash seed, time zone and language: none may matter. Everything is left under var/demo/ (or the
folder given as argument).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from docugen.cli.failures import CommandFailed
from docugen.cli.output import table
from docugen.cli.stack import Plan, Service, Stack, running_stack
from docugen.client import BundleRun, DocugenClient, DocugenClientError, RunState, Verdict
from docugen_core.errors import DocugenError

ROOT = Path(__file__).resolve().parent.parent
DEMO = Path("var/demo")
BUNDLE = "examples/bundles/quarterly-account-pack.json"
INVOICE = "examples/bundles/invoice.json"
BATCH = 11
WORKERS = 2
LEASE_MS = 3_000
DOCUGEN = str(Path(sys.executable).parent / "docugen")
ELSEWHERE = {"PYTHONHASHSEED": "4711", "TZ": "Pacific/Auckland", "LC_ALL": "C"}
SETTINGS = {
    "DOCUGEN_QUEUE_LEASE_MS": str(LEASE_MS),
    "DOCUGEN_QUEUE_CONCURRENCY": "2",
    "DOCUGEN_RENDER_PROCESSES": "2",
    "DOCUGEN_LOG_FORMAT": "json",
    "DOCUGEN_METRICS_ADDRESS": "",
    "DOCUGEN_WORKER_METRICS_ADDRESS": "",
}
LOOK_EVERY_S = 0.3
PATIENCE_S = 240.0


class DemoFailed(Exception):
    """Ends the demo; the message is for the person at the terminal."""


def main(folder: Path = DEMO) -> int:
    """Exit code 0 when every run finished once and every byte is equal."""
    os.chdir(ROOT)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in [name for name in os.environ if name.startswith("DOCUGEN_")]:
        del os.environ[name]  # the caller may have settings for other purposes
    try:
        asyncio.run(through_the_queue(folder))
        say("Scheduler, workers and Valkey are gone. The sample once more, inline, in another time zone and language:")
        docugen("render", BUNDLE, "--out", str(folder / "second"), **ELSEWHERE)
        return compared(folder / "first", folder / "second")
    except (DemoFailed, CommandFailed, DocugenClientError, DocugenError) as failure:
        hint = f"\n{failure.hint}" if isinstance(failure, DocugenError) else ""
        say(f"The demo did not work out: {failure}{hint}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def say(text: str) -> None:
    print(f"\n{text}", flush=True)


# --- a batch, a kill, and what became of it -----------------------------------------------------------------------------------


async def through_the_queue(folder: Path) -> None:
    """The whole batch through scheduler, Valkey and workers; the sample's files land in `folder`/first."""
    log = folder / "services.log"
    with log.open("w") as lines:
        plan = Plan(folder, WORKERS, port=0, settings=SETTINGS)
        async with running_stack(plan, lambda service, line: print(service, line, file=lines)) as stack:
            say(
                f"A scheduler answers at {stack.address}; {WORKERS} workers take jobs from an embedded Valkey (log: {log})."
            )
            async with DocugenClient(stack.address) as client:
                await _demonstrate(client, stack, folder)


async def _demonstrate(client: DocugenClient, stack: Stack, folder: Path) -> None:
    submitted = {(await client.submit(bundle)).id: name for name, bundle in batch().items()}
    sample = next(iter(submitted))
    print(f"{len(submitted)} bundles are submitted: the sample, {BATCH} like it with other seeds, and an invoice.\n")
    names: dict[str, str] = {}
    interrupted = await _kill_one(client, stack, names)
    runs = await _all_ended(client, stack, names)
    click.echo(
        table(("BUNDLE", "STATE", "ATTEMPTS", "FINISHED BY"), [_row(r, submitted, names) for r in runs.values()])
    )
    await _check(client, runs, interrupted, folder)
    download = await client.download(sample, folder / "first")
    rows = [(a.name, a.format, a.pages or "", f"{a.size:,}", a.sha256) for a in download.manifest.artefacts]
    say(f"The artefacts of the sample, run {sample}:\n")
    click.echo(table(("ARTEFACT", "FORMAT", "PAGES", "BYTES", "SHA-256"), rows, numbers=(2, 3)))
    print(f"\nmanifest  {folder / 'first' / 'manifest.json'}")


def batch() -> dict[str, dict[str, Any]]:
    """The sample first, then the same with other seeds, then another bundle; by a name for the table."""
    sample, invoice = (json.loads(Path(path).read_bytes()) for path in (BUNDLE, INVOICE))
    others = {f"seed demo-{n:02}": sample | {"seed": f"demo-{n:02}"} for n in range(1, BATCH + 1)}
    return {"the sample": sample} | others | {"an invoice": invoice}


async def _kill_one(client: DocugenClient, stack: Stack, names: dict[str, str]) -> set[str]:
    """SIGKILL a worker that holds jobs; the runs that it held and had not finished. names: as for `_all_ended`."""
    while True:
        names |= _names(stack)
        runs = await _runs(client)
        held = Counter(run.worker for run in runs if run.state is RunState.RUNNING and run.worker in names)
        _show(runs)
        if held:
            victim = next(w for w in stack.workers if w.name == names[held.most_common(1)[0][0]])
            interrupted = await _killed(client, victim)
            if interrupted:
                pid = victim.started["process_id"]
                say(
                    f"*** {victim.name} (process {pid}) is killed by SIGKILL; it held {_count(len(interrupted), 'run')}. ***"
                )
                print(f"    Its leases lapse within {LEASE_MS / 1_000:.0f} s; then another worker takes its jobs.\n")
                return interrupted
        if all(run.state.is_terminal for run in runs):
            raise DemoFailed("all runs ended before a worker could be killed; this machine is too fast for the demo")
        await asyncio.sleep(LOOK_EVERY_S)


async def _killed(client: DocugenClient, victim: Service) -> set[str]:
    consumer = victim.started["consumer"]
    victim.kill()
    await _runs(client)  # what it told Redis with its last breath counts: the next look comes after that
    held = (r for r in await _runs(client) if r.worker == consumer and r.state is RunState.RUNNING)
    return {run.id for run in held}


async def _all_ended(client: DocugenClient, stack: Stack, names: dict[str, str]) -> dict[str, BundleRun]:
    """Every run by id, once all are terminal; shows how far they are. names: learns those of restarted workers."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                names |= _names(stack)
                runs = await _runs(client)
                _show(runs)
                if all(run.state.is_terminal for run in runs):
                    print(flush=True)
                    return {run.id: run for run in runs}
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        raise DemoFailed(f"not all runs ended within {PATIENCE_S:.0f} s") from None


def _names(stack: Stack) -> dict[str, str]:
    """The workers that are there now: the consumer that each is for the queue, and its name in the stack."""
    return {service.started["consumer"]: service.name for service in stack.workers}


async def _runs(client: DocugenClient) -> list[BundleRun]:
    """All runs, in the order of their submission."""
    return [run async for run in client.list()][::-1]


_shown = ""


def _show(runs: Sequence[BundleRun]) -> None:
    """Live progress, as the workers tell it."""
    global _shown
    states = Counter(run.state for run in runs)
    documents = [document.state.value for run in runs for document in run.documents]
    line = (
        f"  waiting {states[RunState.QUEUED] + states[RunState.RETRYING]:2}   rendering {states[RunState.RUNNING]:2}   "
        f"finished {states[RunState.SUCCEEDED]:2} of {len(runs)}   "
        f"documents {documents.count('rendered'):3} of {len(documents)}"
    )
    if line != _shown:
        # On a terminal one line that changes.
        print(f"\r{line}", end="", flush=True) if sys.stdout.isatty() else print(line, flush=True)
    _shown = line


def _row(run: BundleRun, submitted: Mapping[str, str], names: Mapping[str, str]) -> tuple[str, str, str, str]:
    redelivered = " (redelivered)" if run.attempt > 1 else ""
    return submitted[run.id], run.state.value, f"{run.attempt}{redelivered}", names.get(run.worker, run.worker)


async def _check(client: DocugenClient, runs: Mapping[str, BundleRun], interrupted: set[str], folder: Path) -> None:
    """Every run finished, and once: one manifest each. What was interrupted is rendered again and compared byte by byte."""
    failed = [run.id for run in runs.values() if run.state is not RunState.SUCCEEDED]
    manifests = {path.stem for path in (folder / "store" / "manifests").glob("*.json")}
    if failed or manifests != set(runs):
        raise DemoFailed(f"{_count(len(failed), 'run')} failed; {len(manifests)} manifests for {len(runs)} runs")
    again = [run.id for run in runs.values() if run.attempt > 1]
    say(f"{len(runs)} of {len(runs)} runs finished, each once: one manifest a run. Redelivered: {len(again)}.")
    lost = interrupted - set(again)
    if lost:
        raise DemoFailed(f"{_count(len(lost), 'interrupted run')} finished without a second attempt")
    for run_id in again:
        verification = await client.verify(run_id)
        if verification.verdict is not Verdict.IDENTICAL:
            raise DemoFailed(f"run {run_id} renders to other bytes now: {verification.verdict.value}")
    print("The scheduler rendered each of the redelivered ones once more: every byte is the same.")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")


# --- once more, elsewhere -----------------------------------------------------------------------------------------------------


def docugen(*arguments: str, **more: str) -> None:
    """Run the command line, shown as one would type it."""
    print(f"$ docugen {shlex.join(arguments)}", flush=True)
    if subprocess.run([DOCUGEN, *arguments], env=os.environ | more, check=False).returncode != 0:
        raise DemoFailed(f"`docugen {arguments[0]}` failed; its message is above")


def compared(first: Path, second: Path) -> int:
    """Hash both folders' files anew, as anybody could, and say what is equal."""
    before, now = ((folder / "manifest.json").read_bytes() for folder in (first, second))
    names = [a["name"] for a in json.loads(before)["artefacts"] if a["status"] == "rendered"]
    different = [name for name in names if sha256(first / name) != sha256(second / name)]
    equal = f"{len(names) - len(different)} of {len(names)} artefacts"
    if not different and before == now:
        say(f"{equal} and the manifest are byte-identical. They are in {first} and {second}.")
        return 0
    say(f"{equal} are byte-identical; the manifests are {'equal' if before == now else 'different'}.")
    for name in different:
        print(f"  {name}\n    {sha256(first / name)}  {first}\n    {sha256(second / name)}  {second}")
    engines = [json.loads(manifest)["engine"]["components"] for manifest in (before, now)]
    if engines[0] != engines[1]:
        changed = sorted(name for name, _ in engines[0].items() ^ engines[1].items())
        say(f"The engine changed while the demo ran: {', '.join(dict.fromkeys(changed))}. Run it again.")
    return 1


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "absent"


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))
