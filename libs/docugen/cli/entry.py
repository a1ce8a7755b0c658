"""The root command, `main` and `run`: which commands there are, and what every end of one means to the shell."""

from __future__ import annotations

import atexit
import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from docugen.cli.failures import DID_NOT_WORK, WRONG_INPUT, report
from docugen.cli.output import ReaderGone, warn

COMMANDS = {
    "render": ("docugen.cli.render:render", "Render a bundle here, without a server."),
    "validate": ("docugen.cli.validate:validate", "Say everything that is wrong with a bundle."),
    "data": ("docugen.cli.data:data", "Print the bundle that renders a PDF again, from the data inside it."),
    "submit": ("docugen.cli.submit:submit", "Send a bundle to a server."),
    "runs": ("docugen.cli.runs:runs", "Look at a server's runs, fetch, cancel, retry, delete them."),
    "queue": ("docugen.cli.queue:queue", "Look at a server's queue and workers, pause, resume, drain."),
    "top": ("docugen.cli.top:top", "Watch a server at work: queue, workers, retries, dead letters."),
    "dlq": ("docugen.cli.dlq:dlq", "Look at runs that failed for good, redrive, drop, reproduce them."),
    "verify": ("docugen.cli.verify:verify", "Render a finished run again and compare every byte."),
    "diff": ("docugen.cli.diff:diff", "Say why two finished runs differ, and in which pages, lines and cells."),
    "tokens": ("docugen.cli.tokens:tokens", "Make tokens that let callers in."),
    "store": ("docugen.cli.store:store", "Look after the store: sweep what nothing refers to."),
    "keys": ("docugen.cli.keys:keys", "Make and look at keys that sign manifests."),
    "templates": (
        "docugen.cli.templates:templates",
        "Look at template packs; begin, check, preview and test your own.",
    ),
    "generators": ("docugen.cli.generators:generators", "List the generators of synthetic data."),
    "generate": ("docugen.cli.generate:generate", "Make synthetic data, or a corpus of labelled documents."),
    "config": ("docugen.cli.config:config", "List every setting, its bounds and its present value."),
    "version": ("docugen.cli.version:version", "Show versions and the engine fingerprint."),
    "serve": ("docugen.cli.serve:serve", "Run the scheduler in the foreground."),
    "dev": ("docugen.cli.dev:dev", "Run scheduler, workers and a Redis in the foreground."),
}


class LazyCommands(click.Group):
    """Commands by name; a command's module is imported when it is called or its own help is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
def docugen() -> None:
    """Document bundles, rendered byte-identically.

    \b
      docugen render examples/bundles/invoice.json
      docugen submit examples/bundles/invoice.json --watch --download out/invoice

    Every command takes --json: one JSON document on stdout, errors as {"error": {...}} on stderr.

    \b
    Exit codes: 0 it worked
                1 it did not work: a failed run, a difference, no answer from the server
                2 the input or the usage is wrong; the same again gives the same
              130 interrupted by Ctrl-C; 143 ended by SIGTERM; 141 the reader of stdout went away

    Settings come from the environment (DOCUGEN_...): `docugen config` lists them.

    \b
    Completion for bash: eval "$(_DOCUGEN_COMPLETE=bash_source docugen)"
               for zsh:  eval "$(_DOCUGEN_COMPLETE=zsh_source docugen)"
               for fish: _DOCUGEN_COMPLETE=fish_source docugen | source
    """


def main() -> NoReturn:
    """The process `docugen`: run what the command line says and end with its exit code."""
    code = run(sys.argv[1:])
    if threading.active_count() > 1:
        sys.exit(code)  # which waits for the others
    # What `sys.exit` does, but for taking every module apart first: a tenth of the time of a short command.
    atexit._run_exitfuncs()
    os._exit(_flushed(code))


def _flushed(code: int) -> int:
    """`code`, or that of an output that could not be written to its end. A stream that was closed from the start is None."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except BrokenPipeError:
            code = code or 128 + signal.SIGPIPE
        except (OSError, ValueError) as error:
            if stream is sys.stdout and not code:
                with suppress(OSError, ValueError):
                    warn(f"error: the output cannot be written: {error}")
            code = code or DID_NOT_WORK
    return code


def run(arguments: Sequence[str]) -> int:
    """The exit code of the command line `arguments`, in this process."""
    terminated: list[int] = []

    def on_sigterm(number: int, _: object) -> None:
        terminated.append(number)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # What a script starts in the background inherits deafness to Ctrl-C, which must not make it deaf to SIGTERM.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)  # which asyncio and click know how to end tidily

    before = signal.signal(signal.SIGTERM, on_sigterm)
    try:
        code = _run(arguments)
    finally:
        signal.signal(signal.SIGTERM, before)
    return 128 + terminated[0] if terminated and code == 128 + signal.SIGINT else code


def _run(arguments: Sequence[str]) -> int:
    try:
        code = docugen.main(args=list(arguments), prog_name="docugen", standalone_mode=False)
    except ReaderGone:
        # Python would complain about the closed pipe once more, when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (KeyboardInterrupt, click.Abort):
        return 128 + signal.SIGINT
    except click.exceptions.NoArgsIsHelpError as no_command:
        no_command.show()  # the help page itself, not a complaint about it
        return WRONG_INPUT
    except Exception as error:  # noqa: BLE001 - the last one to see it; internals are not for the terminal
        return report(error, as_json="--json" in arguments)
    return code if isinstance(code, int) else 0
