"""`python -m docugen.cli` is `docugen`."""

from __future__ import annotations

from docugen.cli.entry import main

if __name__ == "__main__":
    main()
