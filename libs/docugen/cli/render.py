"""`docugen render`: a bundle to files, in this process and its render children. No server, no state left behind.

The first thing it does is start the fork server, which takes as long to import its engines as this process the rest of itself.
So what it takes to render is imported in here only afterwards (`render_here`).
"""

from __future__ import annotations

import gc

import click
from docugen_core import environment
from docugen_core.adapters.render_launch import ChildLimits, LaunchedServer

from docugen.cli.options import bundle_argument, date_option, json_option, quiet_option, seed_option


@click.command()
@bundle_argument
@click.option(
    "--out", metavar="DIR", default=None, help="Folder for the files.  [default: out/<name of the bundle file>]"
)
@seed_option
@date_option
@quiet_option
@json_option
def render(
    bundle: str, out: str | None, seed: str | None, document_date: str | None, quiet: bool, as_json: bool
) -> None:
    """Render BUNDLE (a file, or - for standard input) into a folder, without a server.

    Writes every artefact under its name and manifest.json last. Files that already have the right bytes are left alone. The
    bytes are those a server would make: same bundle, same engine, same SHA-256.

    \b
    --json: {bundle_run_id, spec_digest, seed, engine_fingerprint, directory, manifest: {path, sha256},
             artefacts: [{name, format, media_type, status, path, size, sha256, pages, reason,
                          fallback_reason, changed}]}
    """
    settings = environment.load()
    with LaunchedServer(ChildLimits.of(settings)) as launched:
        # Nothing that imports make is garbage; to look for some after every few objects takes a tenth of their time.
        gc.disable()
        try:
            from docugen.cli.render_here import render_file
        finally:
            gc.enable()
        render_file(settings, launched, bundle, out, seed, document_date, quiet=quiet, as_json=as_json)
