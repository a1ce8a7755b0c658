"""A service as a process: arguments, settings, logs, event loop, exit code. A service names itself and its work in `__main__`.

    0         ended by a signal, gracefully
    75        a part it needs does not answer (store, Redis), or its installation was replaced; starting it again may help
    78        a setting is wrong; the message on standard error names it and the remedy
    128 + n   ended at once, by a second signal n

Standard output gets one JSON line once it works (`started`). Logs go to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from importlib import import_module
from typing import Any, NoReturn

from docugen_core import __version__
from docugen_core.adapters.logs import configure_logs
from docugen_core.config import Settings
from docugen_core.environment import load
from docugen_core.errors import DocugenError

EX_TEMPFAIL = 75
EX_CONFIG = 78

Serve = Callable[[Settings], Coroutine[Any, Any, int]]


def run_service(program: str, description: str, serve: Serve, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `serve` with the environment's settings on an event loop of its own, uvloop's where that is installed, and exit the
    process."""
    parser = argparse.ArgumentParser(
        prog=program,
        description=description,
        epilog="Settings are environment variables named DOCUGEN_...; `docugen config` lists them.",
    )
    parser.add_argument("--version", action="version", version=f"{program} {__version__}")
    parser.parse_args(arguments)
    try:
        settings = load()
        configure_logs(settings.log_level, settings.log_format)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            code = runner.run(serve(settings))
    except DocugenError as error:
        remedy = f"\n{error.hint}" if error.hint else ""
        sys.stderr.write(f"{program}: {error.message}{remedy}\n")
        code = EX_TEMPFAIL if error.retryable else EX_CONFIG
    sys.exit(code)


def started(event: str, **facts: str | int) -> None:
    """Say on standard output, in one line, what started and where it can be met. For a service to call once, when it works.

    What start-up made, some fifty thousand objects of modules and messages, stays until the end. From here on garbage is not
    looked for among it: each time, after some 800 calls, that held up everything in the process for 40 ms.
    """
    gc.freeze()
    line = {"event": event, **facts, "version": __version__, "process_id": os.getpid()}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        return import_module("uvloop").new_event_loop  # type: ignore[no-any-return]
    except ImportError:  # the extra [fast] is not installed
        return None
