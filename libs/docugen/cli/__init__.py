"""The command line `docugen`: the tool of callers, operators and authors of templates. Never a daemon itself.

One module per command or group of commands, imported when it is called (`entry`). What they share: `options`, `output`
(one JSON document, or text made from it), `failures` (errors and exit codes), `progress`, `views`, `bundle_files`,
`folder`, `local` (the core in this process), `remote` and `run_calls` (a server).

Rules: results go to stdout, everything else to stderr. Text is a view of the JSON document that `--json` prints, so neither
can say what the other does not. Nothing heavy is imported before it is needed: a help page imports click and no more.
"""

from __future__ import annotations

from docugen.cli.entry import main, run

__all__ = ["main", "run"]
